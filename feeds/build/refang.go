package build

import "strings"

// fangs are the ways in which lists write that nothing is to be clicked on or
// resolved, and what they stand for.
var fangs = strings.NewReplacer(
	"[://]", "://", "[:]", ":",
	"[.]", ".", "(.)", ".", "{.}", ".", "[dot]", ".", "(dot)", ".", "[DOT]", ".",
	"[@]", "@", "(@)", "@", "[at]", "@", "(at)", "@",
)

// refang reads a defanged text as what it stands for.
func refang(s string) string {
	if strings.ContainsAny(s, "[({") {
		s = fangs.Replace(s)
	}
	if len(s) > 7 && strings.EqualFold(s[:4], "hxxp") {
		s = "http" + s[4:]
	}
	return s
}
