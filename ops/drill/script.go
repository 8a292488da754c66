package drill

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/selat-hub/selat/stix"
)

// Example is a script that is ready to run.
//
//go:embed script.yaml
var Example []byte

// Bounds on a script.
const (
	maxScript  = 1 << 20
	maxInjects = 1000
	maxAfter   = 7 * 24 * time.Hour
	maxText    = 4000 // characters
	maxFile    = 8 << 20
)

// Script is an exercise as its controllers wrote it.
type Script struct {
	Title string `yaml:"title"`
	// Wait is how long after the last inject acknowledgements still count;
	// default one minute.
	Wait    time.Duration `yaml:"wait"`
	Injects []Inject      `yaml:"injects"`
}

// Inject is what is published at one moment: a text, an indicator with a text, or
// the objects of a file.
type Inject struct {
	Name string `yaml:"name"`
	// After counts from the beginning of the exercise.
	After time.Duration `yaml:"after"`
	// As is the credentials file of the seat that publishes, relative to the
	// script; empty is the exercise's own.
	As string `yaml:"as"`
	// TLP is the level of what Text and Indicator make; default green.
	TLP       stix.Level `yaml:"-"`
	TLPText   string     `yaml:"tlp"`
	Text      string     `yaml:"text"`
	Indicator string     `yaml:"indicator"` // a STIX pattern
	// File is published byte for byte. Unmarked is the level that its objects
	// without a marking travel under.
	File         string     `yaml:"file"`
	Unmarked     stix.Level `yaml:"-"`
	UnmarkedText string     `yaml:"unmarked"`

	payload []byte // of File
}

// ReadScript reads a script and every file that it names. The error says which
// inject is wrong, and why.
func ReadScript(path string) (*Script, error) {
	b, err := readBounded(path, maxScript)
	if err != nil {
		return nil, fmt.Errorf("reading the script: %w", err)
	}
	s, err := ParseScript(b)
	if err != nil {
		return nil, fmt.Errorf("the script %s: %w", path, err)
	}
	for i := range s.Injects {
		in := &s.Injects[i]
		for _, p := range []*string{&in.As, &in.File} {
			if *p != "" && !filepath.IsAbs(*p) {
				*p = filepath.Join(filepath.Dir(path), *p)
			}
		}
		if in.File == "" {
			continue
		}
		if in.payload, err = readBounded(in.File, maxFile); err != nil {
			return nil, fmt.Errorf("the script %s: inject %s: %w", path, in.Name, err)
		}
	}
	return s, nil
}

func readBounded(path string, most int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err = errors.Join(err, f.Close()); err == nil && len(b) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return b, err
}

// ParseScript reads a script, and no file that it names. The injects are sorted by
// their time.
func ParseScript(b []byte) (*Script, error) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	s := &Script{Wait: time.Minute}
	if err := d.Decode(s); err != nil {
		return nil, err
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one document in it")
	}
	switch {
	case len(s.Injects) == 0:
		return nil, errors.New("it has no injects")
	case len(s.Injects) > maxInjects:
		return nil, fmt.Errorf("it has %d injects, more than %d", len(s.Injects), maxInjects)
	case s.Wait < 0 || s.Wait > maxAfter:
		return nil, fmt.Errorf("wait: %s is outside 0 to 7 days", s.Wait)
	}
	names := map[string]bool{}
	for i := range s.Injects {
		in := &s.Injects[i]
		if in.Name == "" {
			in.Name = fmt.Sprintf("%d", i+1)
		}
		if names[in.Name] {
			return nil, fmt.Errorf("two injects are named %q", in.Name)
		}
		names[in.Name] = true
		if err := in.check(); err != nil {
			return nil, fmt.Errorf("inject %s: %w", in.Name, err)
		}
	}
	slices.SortStableFunc(s.Injects, func(a, b Inject) int { return int(a.After - b.After) })
	return s, nil
}

var injectName = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z`)

func (in *Inject) check() (err error) {
	in.TLP = stix.Green
	if in.TLPText != "" {
		if in.TLP, err = stix.ParseLevel(in.TLPText); err != nil {
			return err
		}
	}
	if in.UnmarkedText != "" {
		if in.Unmarked, err = stix.ParseLevel(in.UnmarkedText); err != nil {
			return err
		}
	}
	switch {
	case !injectName.MatchString(in.Name):
		return errors.New("a name has up to 64 letters, digits, dots, _ and -")
	case in.After < 0 || in.After > maxAfter:
		return fmt.Errorf("after: %s is outside 0 to 7 days", in.After)
	case in.TLP == stix.Red || in.Unmarked == stix.Red:
		return errors.New("an exercise goes to a community, and TLP:RED never does")
	case in.File != "" && (in.Text != "" || in.Indicator != "" || in.TLPText != ""):
		return errors.New("a file is published as it is: text, indicator and tlp are not for it")
	case in.File == "" && in.Text == "":
		return errors.New("it needs a text or a file")
	case in.File == "" && in.UnmarkedText != "":
		return errors.New("unmarked is for a file; say tlp")
	case len([]rune(in.Text)) > maxText:
		return fmt.Errorf("the text has more than %d characters", maxText)
	}
	return nil
}
