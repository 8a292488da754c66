package sink

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Format is one that a sink can have. Exactly one of File, Folder and Stream is
// there, and makes a sink of its options.
type Format struct {
	Name  string
	About string // one line, for people who choose
	// Default is the name of the file or folder where the configuration has none.
	Default string
	// Check is the command by which the consumer itself tells whether it would
	// load the file, {} being its path and {tmp} a private folder; empty where there
	// is none, or none that works without privileges. Reload makes it load it.
	Check, Reload string
	Options       []Option

	File   func(Settings) (File, error)
	Folder func(Settings) (Folder, error)
	Stream func(Settings) (Stream, error)
}

// Shape says what the format is: file, folder or stream.
func (f *Format) Shape() string {
	switch {
	case f.File != nil:
		return "file"
	case f.Folder != nil:
		return "folder"
	}
	return "stream"
}

// Option is one line of a sink's configuration that only its format knows.
type Option struct {
	Name, Default, About string
	Required             bool
}

// Settings is what a sink is made with.
type Settings struct {
	// Options are by name; what is missing or empty has its default.
	Options map[string]string
	// Allow is never written; nil allows nothing.
	Allow *Allow
	// Path is where a file or folder takes its place, for a format that keeps
	// something of the one before.
	Path string
}

// Formats lists the formats in alphabetical order.
func Formats() []Format {
	all := slices.Concat(suricataFormats, listFormats, tableFormats, folderFormats, streamFormats,
		[]Format{zeekFormat, rpzFormat})
	slices.SortFunc(all, func(a, b Format) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// FormatNamed returns a format, or an error that lists those there are.
func FormatNamed(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("there is no sink format %q: use one of %s", name, strings.Join(names, ", "))
}

// CheckOptions says what is wrong with the names of the options, not with their
// values: those are checked when the sink is made.
func (f *Format) CheckOptions(given map[string]string) error {
	var known []string
	for _, o := range f.Options {
		known = append(known, o.Name)
		if o.Required && given[o.Name] == "" {
			return fmt.Errorf("%s: %s is missing: %s", f.Name, o.Name, o.About)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%s has no option %q: it has %s", f.Name, name, strings.Join(known, ", "))
		}
	}
	return nil
}

func (s Settings) text(name, otherwise string) string {
	if v := s.Options[name]; v != "" {
		return v
	}
	return otherwise
}

func (s Settings) number(name string, otherwise, least, most uint64) (uint64, error) {
	v := s.Options[name]
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s: %q must be a number from %d to %d", name, v, least, most)
	}
	return n, nil
}

func (s Settings) yes(name string, otherwise bool) (bool, error) {
	switch v := s.Options[name]; v {
	case "":
		return otherwise, nil
	case "true", "yes":
		return true, nil
	case "false", "no":
		return false, nil
	default:
		return false, fmt.Errorf("%s: %q must be true or false", name, v)
	}
}

// choices reads a list with commas of which each is one of known.
func (s Settings) choices(name, otherwise string, known ...string) ([]string, error) {
	var all []string
	for v := range strings.SplitSeq(s.text(name, otherwise), ",") {
		if v = strings.TrimSpace(v); !slices.Contains(known, v) {
			return nil, fmt.Errorf("%s: %q must be one or more of %s", name, v, strings.Join(known, ", "))
		}
		all = append(all, v)
	}
	return all, nil
}

// word reads a name that the consumer's own grammar takes without quotes.
func (s Settings) word(name, otherwise string) (string, error) {
	v := s.text(name, otherwise)
	if len(v) > 64 || strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != "" {
		return "", fmt.Errorf("%s: %q must be at most 64 letters, digits, dots, hyphens and underscores", name, v)
	}
	return v, nil
}
