// Package publisher is a CERT's publisher daemon: it reads feeds on schedules and
// from folders, keeps what became of them in feeds/outbox, and publishes it.
package publisher

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/source"
	"github.com/selat-hub/selat/stix"
)

// Config is the file feeds.yaml. Paths in it are relative to the file.
type Config struct {
	Credentials string           `yaml:"credentials"`
	Hub         string           `yaml:"hub"`
	State       string           `yaml:"state"`
	Identity    string           `yaml:"identity"`
	Namespace   string           `yaml:"namespace"`
	Metrics     string           `yaml:"metrics"`
	Feeds       map[string]*Feed `yaml:"feeds"`
}

// Feed is one feed. Exactly one of URL, File, Folder and TAXII says where it is.
type Feed struct {
	Name   string `yaml:"-"`
	Format string `yaml:"format"`

	URL    string `yaml:"url"`
	File   string `yaml:"file"`
	Folder string `yaml:"folder"`
	TAXII  *TAXII `yaml:"taxii"`
	// Done is where files of Folder go, on the same file system, when the hub has
	// answered for all that was made of them. Without it they stay.
	Done string `yaml:"done"`

	Every daemon.Duration `yaml:"every"`
	At    string          `yaml:"at"` // HH:MM in UTC, once a day

	To         []string        `yaml:"to"`
	TLP        string          `yaml:"tlp"`
	Unmarked   string          `yaml:"unmarked"`
	Confidence *int            `yaml:"confidence"`
	ValidFor   daemon.Duration `yaml:"valid_for"`

	Whole *bool `yaml:"whole"`
	// Grace is how long a row may be gone from a list that is whole before it is
	// revoked, which is for ever. nil is defaultGrace.
	Grace         *daemon.Duration `yaml:"grace"`
	ShrinkPercent int              `yaml:"shrink_percent"`
	ShrinkRows    int              `yaml:"shrink_rows"`

	Auth         *Auth           `yaml:"auth"`
	Proxy        string          `yaml:"proxy"`
	MaxBytes     int64           `yaml:"max_bytes"`
	Timeout      daemon.Duration `yaml:"timeout"`
	InsecureHTTP bool            `yaml:"insecure_http"`

	Kind    string   `yaml:"kind"`
	Report  string   `yaml:"report"`
	Mapping *Mapping `yaml:"mapping"`

	format        source.Format
	tlp, unmarked stix.Level
	// made names all that goes into the feed's objects from the configuration.
	made string
}

// defaultGrace outlasts a night in which a source is broken.
const defaultGrace = 24 * time.Hour

// Auth sends the content of a file of mode 0600 as a header.
type Auth struct {
	Header string `yaml:"header"`
	Prefix string `yaml:"prefix"`
	File   string `yaml:"file"`
}

// TAXII is a collection of a TAXII 2.1 server.
type TAXII struct {
	URL          string `yaml:"url"`
	Collection   string `yaml:"collection"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	TokenFile    string `yaml:"token_file"`
	CA           string `yaml:"ca"`
	// What is selected of it (TAXII 2.1 §3.4): what has one of the values of each,
	// everything where there are none. AddedAfter counts for the first reading.
	IDs          []string `yaml:"ids"`
	Types        []string `yaml:"types"`
	SpecVersions []string `yaml:"spec_versions"`
	AddedAfter   string   `yaml:"added_after"`
	// Limit is how many objects are asked for at once; 0 leaves it to the server.
	Limit int `yaml:"limit"`
}

// Mapping is source.Mapping.
type Mapping struct {
	Columns   map[string]string     `yaml:"columns"`
	Kind      build.Kind            `yaml:"kind"`
	Kinds     map[string]build.Kind `yaml:"kinds"`
	Delimiter string                `yaml:"delimiter"`
	Comment   string                `yaml:"comment"`
	NoHeader  bool                  `yaml:"no_header"`
}

// Load reads a configuration, and refuses what it does not know.
func Load(file string) (*Config, error) {
	c := &Config{State: "feeds-state"}
	if err := daemon.Read(file, c); err != nil {
		return nil, err
	}
	if err := c.settle(filepath.Dir(file)); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func (c *Config) settle(dir string) error {
	in := func(paths ...*string) { daemon.In(dir, paths...) }
	in(&c.Credentials, &c.State)
	if len(c.Feeds) == 0 {
		return errors.New("there is no feed in it: `selat feed init FORMAT` writes one")
	}
	for name, f := range c.Feeds {
		if f == nil {
			return fmt.Errorf("feeds.%s: it is empty", name)
		}
		f.Name = name
		in(&f.File, &f.Folder, &f.Done)
		if f.Auth != nil {
			in(&f.Auth.File)
		}
		if f.TAXII != nil {
			in(&f.TAXII.PasswordFile, &f.TAXII.TokenFile, &f.TAXII.CA)
		}
		if err := f.check(c); err != nil {
			return fmt.Errorf("feeds.%s: %w", name, err)
		}
	}
	return nil
}

func (f *Feed) check(c *Config) (err error) {
	if f.Name == "" || strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || f.Name[0] == '.' {
		return errors.New("a feed's name has small letters, digits, - _ and . only")
	}
	if f.TAXII != nil && f.Format == "" {
		f.Format = "stix"
	}
	if f.format, err = source.Lookup(f.Format); err != nil {
		return err
	}
	places := 0
	for _, set := range []bool{f.URL != "", f.File != "", f.Folder != "", f.TAXII != nil} {
		if set {
			places++
		}
	}
	switch {
	case places != 1:
		return errors.New("say where it is: one of url, file, folder and taxii")
	case f.TAXII != nil && f.Format != "stix":
		return errors.New("what TAXII gives is stix")
	case f.TAXII != nil && f.whole():
		return errors.New("what TAXII gives is what is new, and never whole: take whole: true away")
	case f.Done != "" && (f.Folder == "" || filepath.Clean(f.Done) == filepath.Clean(f.Folder)):
		return errors.New("done is another folder, into which the files of folder go")
	case f.Every > 0 && f.At != "":
		return errors.New("say either every or at")
	case f.Auth != nil && (f.Auth.Header == "" || f.Auth.File == ""):
		return errors.New("auth needs header and file")
	case f.ShrinkPercent < 0 || f.ShrinkPercent > 100 || f.ShrinkRows < 0:
		return errors.New("shrink_percent is 1 to 100, and shrink_rows a number of rows")
	}
	if f.TAXII != nil {
		if _, err := f.TAXII.query(); err != nil {
			return err
		}
	}
	if f.At != "" {
		if _, err := time.Parse("15:04", f.At); err != nil {
			return fmt.Errorf("at: %q is no time such as 03:30 (UTC)", f.At)
		}
	}
	f.tlp = f.format.Level
	if f.TLP != "" {
		if f.tlp, err = stix.ParseLevel(f.TLP); err != nil {
			return fmt.Errorf("tlp: %w", err)
		}
	}
	if f.Unmarked != "" {
		if f.unmarked, err = stix.ParseLevel(f.Unmarked); err != nil {
			return fmt.Errorf("unmarked: %w", err)
		}
	}
	o := f.sourceConfig(c)
	if _, err = f.format.New(o); err != nil {
		return err
	}
	f.made, err = madeWith(f.Format, o)
	return err
}

// madeWith names what a source is told.
func madeWith(format string, o source.Config) (string, error) {
	b, err := json.Marshal([]any{format, o.Maker, o.Mapping, o.Kind, o.Report})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), err
}

// sourceConfig is what the source of the feed is told.
func (f *Feed) sourceConfig(c *Config) source.Config {
	o := source.Config{Kind: build.Kind(f.Kind), Report: f.Report,
		Maker: build.Maker{Feed: f.Name, Identity: c.Identity, Namespace: c.Namespace, Level: f.tlp, Confidence: f.Confidence, ValidFor: time.Duration(f.ValidFor), Listed: f.whole()}}
	if f.Mapping != nil {
		o.Mapping = source.Mapping(*f.Mapping)
	}
	if o.Confidence == nil && f.format.Confidence > 0 {
		o.Confidence = &f.format.Confidence
	}
	if f.ValidFor == 0 {
		o.ValidFor = f.format.ValidFor
	}
	return o
}

// source makes the source of the feed.
func (f *Feed) source(c *Config, known func(string) (int64, bool)) (source.Source, error) {
	o := f.sourceConfig(c)
	o.Known = known
	return f.format.New(o)
}

// whole tells whether a reading is all of the list.
func (f *Feed) whole() bool {
	if f.Whole != nil {
		return *f.Whole
	}
	return f.format.Whole && f.Folder == ""
}
