package values

import "strings"

// fangs holds what people write so that nothing is clicked on or resolved, in
// lower case, and what it stands for.
var fangs = [...]struct{ written, meant string }{
	{"[://]", "://"},
	{"[:]", ":"},
	{"[.]", "."}, {"(.)", "."}, {"{.}", "."}, {"[dot]", "."}, {"(dot)", "."},
	{"[@]", "@"}, {"(@)", "@"}, {"[at]", "@"}, {"(at)", "@"},
}

// refang reads a defanged text as what it stands for.
func refang(s string) string {
	if strings.ContainsAny(s, "[({") {
		s = replaceFangs(s)
	}
	for _, scheme := range [...]string{"hxxp://", "hxxps://"} {
		if len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			return "http" + s[len("hxxp"):]
		}
	}
	return s
}

func replaceFangs(s string) string {
	var b strings.Builder
next:
	for i := 0; i < len(s); {
		if c := s[i]; c == '[' || c == '(' || c == '{' {
			for _, f := range fangs {
				if n := len(f.written); i+n <= len(s) && strings.EqualFold(s[i:i+n], f.written) {
					b.WriteString(f.meant)
					i += n
					continue next
				}
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}
