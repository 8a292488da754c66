package sinks

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/sink"
)

// Config is the file sinks.yaml. Paths in it are relative to the file.
type Config struct {
	Credentials string `yaml:"credentials"`
	Hub         string `yaml:"hub"`
	State       string `yaml:"state"`
	// Allow is a list of what is never blocked. It is read again when it changes.
	Allow string `yaml:"allow"`
	// Since is where the very first start begins; empty is everything.
	Since string `yaml:"since"`
	// Metrics is host:port of a listener on loopback; empty is none.
	Metrics string           `yaml:"metrics"`
	Sinks   map[string]*Sink `yaml:"sinks"`
}

// Sink is one sink.
type Sink struct {
	Name     string            `yaml:"-"`
	Format   string            `yaml:"format"`
	Path     string            `yaml:"path"`
	Exposure policy.Exposure   `yaml:"exposure"`
	Drill    bool              `yaml:"drill"`
	Red      bool              `yaml:"red"`
	Options  map[string]string `yaml:"options"`

	Types         []string `yaml:"types"`
	Origins       []string `yaml:"origins"`
	MinConfidence int      `yaml:"min_confidence"`

	Interval daemon.Duration `yaml:"interval"`
	Shrink   *int            `yaml:"shrink_percent"`
	Mode     string          `yaml:"mode"`
	Check    *Command        `yaml:"check"`
	Reload   Command         `yaml:"reload"`
	// SetAsideAfter is how often a receiver of events must refuse one, half a minute
	// apart, until it is set aside and the next is told. Default 10.
	SetAsideAfter int `yaml:"set_aside_after"`

	format sink.Format
	mode   fs.FileMode
}

// Load reads a configuration, and refuses what it does not know.
func Load(file string) (*Config, error) {
	c := &Config{State: "sinks-state"}
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
	in(&c.Credentials)
	in(&c.State)
	in(&c.Allow)
	if len(c.Sinks) == 0 {
		return errors.New("there is no sink in it: `selat sink init FORMAT` writes one")
	}
	paths := map[string]string{}
	for name, s := range c.Sinks {
		if s == nil {
			return fmt.Errorf("sinks.%s: it is empty", name)
		}
		s.Name = name
		if err := s.settle(in); err != nil {
			return fmt.Errorf("sinks.%s: %w", name, err)
		}
		path := cmp.Or(s.Path, s.Options["path"])
		if other := paths[path]; path != "" && other != "" {
			return fmt.Errorf("sinks.%s: it has the path of sinks.%s", name, other)
		}
		paths[path] = name
	}
	return nil
}

func (s *Sink) settle(in func(...*string)) (err error) {
	if s.Name == "" || strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return errors.New("a sink's name has small letters, digits, - _ and . only")
	}
	if s.format, err = sink.FormatNamed(s.Format); err != nil {
		return err
	}
	if err := s.format.CheckOptions(s.Options); err != nil {
		return err
	}
	if !slices.Contains(policy.Exposures, s.Exposure) {
		return fmt.Errorf("exposure: say who sees what it writes: one of %v", policy.Exposures)
	}
	if s.Red && (s.Exposure != policy.ExposeOrganization || !personal(s.Format)) {
		return errors.New("red: TLP:RED goes to files of the seat's own people only: exposure organization, format stix, stix-bundle, csv or sqlite")
	}
	for _, name := range fileOptions {
		if path := s.Options[name]; path != "" {
			in(&path)
			s.Options[name] = filepath.Clean(path)
		}
	}
	switch {
	case s.format.Stream == nil:
		s.Path = cmp.Or(s.Path, s.format.Default)
		in(&s.Path)
		s.Path = filepath.Clean(s.Path)
		if err := replaceable(s.Path, s.format.Folder != nil); err != nil {
			return fmt.Errorf("path: %w", err)
		}
	case s.Path != "":
		return fmt.Errorf("path: %s has none here; where it writes, if to a file, is said in its options", s.Format)
	}
	s.mode = 0o640
	if s.Mode != "" {
		m, err := strconv.ParseUint(s.Mode, 8, 9)
		if err != nil {
			return fmt.Errorf("mode: %q is no mode such as 0640", s.Mode)
		}
		s.mode = fs.FileMode(m)
	}
	if s.mode&0o007 != 0 && s.Exposure != policy.ExposePublic {
		return fmt.Errorf("mode: %04o lets everybody on this machine read what is for %s", s.mode, s.Exposure)
	}
	if s.Shrink != nil && (*s.Shrink < 1 || *s.Shrink > 100) {
		return errors.New("shrink_percent is 1 to 100; 100 lets it lose everything at once")
	}
	if s.SetAsideAfter < 0 || s.SetAsideAfter > 0 && s.format.Stream == nil {
		return errors.New("set_aside_after is how often a receiver of events refuses one before it is set aside: 1 or more, of a sink that is told of events")
	}
	if s.SetAsideAfter == 0 {
		s.SetAsideAfter = defaultSetAside
	}
	if s.MinConfidence < 0 || s.MinConfidence > 100 {
		return errors.New("min_confidence is 0 to 100")
	}
	return nil
}

// fileOptions are those options of formats that are paths.
var fileOptions = []string{"path", "secret-file", "ca", "certificate", "key"}

// personal formats are files that a person opens, and no device loads.
func personal(format string) bool {
	return slices.Contains([]string{"stix", "stix-bundle", "csv", "sqlite"}, format)
}

// View is what the sink may show.
func (s *Sink) View() View {
	return View{Outlet: policy.Outlet{Exposure: s.Exposure, Drill: s.Drill, Personal: s.Red}, Types: s.Types, Origins: s.Origins, MinConfidence: s.MinConfidence}
}

// defaultSetAside is how often a receiver refuses an event until it is set aside.
const defaultSetAside = 10

// defaultShrink is how many percent of its lines a file may lose at once.
const defaultShrink = 50

// output makes a sink that is a file or folder.
func (s *Sink) output(allow *sink.Allow) (o *Output, err error) {
	o = &Output{Name: s.Name, Path: s.Path, View: s.View(), Mode: s.mode, Shrink: defaultShrink, Reload: s.Reload, allow: allow}
	if s.Shrink != nil {
		o.Shrink = *s.Shrink
	}
	if o.Check, err = s.check(); err != nil {
		return nil, fmt.Errorf("sinks.%s: %w", s.Name, err)
	}
	settings := sink.Settings{Options: s.Options, Allow: allow, Path: s.Path}
	if s.format.File != nil {
		o.File, err = s.format.File(settings)
	} else {
		o.Folder, err = s.format.Folder(settings)
	}
	if err != nil {
		return nil, fmt.Errorf("sinks.%s: %w", s.Name, err)
	}
	return o, nil
}

// check is the command that the configuration names; without one the format's own,
// if that is installed here.
func (s *Sink) check() (Command, error) {
	if s.Check != nil {
		return *s.Check, nil
	}
	own, err := split(s.format.Check)
	if err != nil || len(own) == 0 {
		return nil, err
	}
	if _, err := exec.LookPath(own[0]); err != nil {
		return nil, nil
	}
	return own, nil
}
