package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/selat-hub/selat/broker"
)

const configFileName = "selat.yaml"

// configFlags gives a command the flags of a hub's configuration: all of them,
// or only those that say where its folder is.
func configFlags(cmd *cobra.Command, all bool) {
	f := cmd.Flags()
	f.String("config", "", "configuration file (default: $SELAT_CONFIG, ./selat.yaml, or selat.yaml in the hub's folder)")
	for _, s := range settings {
		if s.flag != "" && (all || s.key == "data") {
			f.String(s.flag, "", s.about+defaultNote(s.key))
		}
	}
}

// defaultNote tells a default in a flag's help, where there is one.
func defaultNote(key string) string {
	if v := settingOf(key).kind.show(defaults().Get(key)); v != "" {
		return fmt.Sprintf(" (default %q)", v)
	}
	return ""
}

// layered is a configuration with the origin of each of its values.
type layered struct {
	config broker.Config
	file   string            // "" when none was read
	from   map[string]string // by key: default, file NAME:LINE, env NAME, flag --NAME
	values *koanf.Koanf
}

// loadConfig reads the configuration that a command's flags, the environment
// and a file give, the former winning. It does not judge it: see
// broker.Config.Check.
func loadConfig(cmd *cobra.Command) (broker.Config, error) {
	l, err := loadLayers(cmd.Flags())
	if err != nil {
		return broker.Config{}, err
	}
	return l.config, nil
}

func loadLayers(flags *pflag.FlagSet) (*layered, error) {
	l := &layered{from: map[string]string{}, values: defaults()}
	for _, s := range settings {
		l.from[s.key] = "default"
	}
	environ, err := readEnv()
	if err != nil {
		return nil, err
	}
	if l.file, err = findConfigFile(flags, environ); err != nil {
		return nil, err
	}
	if l.file != "" {
		if err := l.addFile(); err != nil {
			return nil, err
		}
	}
	for _, s := range settings {
		if v, set := environ[s.key]; set {
			if err := l.set(s.key, v, "env "+s.env()); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range settings {
		if f := flags.Lookup(s.flag); s.flag != "" && f != nil && f.Changed {
			if err := l.set(s.key, f.Value.String(), "flag --"+s.flag); err != nil {
				return nil, err
			}
		}
	}
	if err := l.values.Unmarshal("", &l.config); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return l, nil
}

// set puts a value over what earlier layers said.
func (l *layered) set(key string, raw any, from string) error {
	s := settingOf(key)
	v, err := s.kind.parse(raw)
	if err != nil {
		return fmt.Errorf("%s (%s): %v is not %s", key, from, raw, s.kind.name)
	}
	l.from[key] = from
	return l.values.Set(key, v)
}

// defaults are broker.DefaultConfig by key.
func defaults() *koanf.Koanf {
	k := koanf.New(".")
	b, err := json.Marshal(broker.DefaultConfig())
	if err == nil {
		err = k.Load(textProvider(b), yaml.Parser()) // JSON is YAML
	}
	if err != nil {
		return k // plain data always passes; TestEverySettingHasADefault holds us to it
	}
	for _, s := range settings {
		raw := k.Get(s.key)
		if s.key == "store.dedupe_window" {
			raw = broker.DefaultConfig().Store.DedupeWindow.String() // JSON has nanoseconds
		}
		if v, err := s.kind.parse(raw); err == nil {
			k.Set(s.key, v) //nolint:errcheck // a key that exists can be set
		}
	}
	return k
}

// textProvider hands koanf bytes that have been read already.
type textProvider []byte

func (p textProvider) ReadBytes() ([]byte, error) { return p, nil }
func (p textProvider) Read() (map[string]any, error) {
	return nil, errors.New("this provider gives bytes only")
}

// readEnv returns the settings in the environment by key. A variable that
// almost names a setting is refused: a limit misspelt is a limit not kept.
func readEnv() (map[string]string, error) {
	var unknown error
	k := koanf.New(".")
	err := k.Load(env.Provider(".", env.Opt{Prefix: envPrefix, TransformFunc: func(name, value string) (string, any) {
		key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "__", ".")
		if settingOf(key) != nil {
			return key, value
		}
		if near := nearSetting(key); near != nil {
			unknown = fmt.Errorf("the environment variable %s is no setting; did you mean %s?", name, near.env())
		}
		return "", nil
	}}), nil)
	if err != nil {
		return nil, fmt.Errorf("reading the environment: %w", err)
	}
	values := map[string]string{}
	for _, key := range k.Keys() {
		values[key] = k.String(key)
	}
	return values, unknown
}

// nearSetting finds a setting that differs in its separators only.
func nearSetting(key string) *setting {
	flat := strings.NewReplacer(".", "", "_", "", "-", "")
	for i := range settings {
		if flat.Replace(settings[i].key) == flat.Replace(key) {
			return &settings[i]
		}
	}
	return nil
}

// findConfigFile says which file to read, "" for none. A folder named
// explicitly brings its own file.
func findConfigFile(flags *pflag.FlagSet, environ map[string]string) (string, error) {
	if named, err := flags.GetString("config"); err == nil && named != "" {
		return named, nil
	}
	if named := os.Getenv(envPrefix + "CONFIG"); named != "" {
		return named, nil
	}
	data, explicit := environ["data"]
	if f := flags.Lookup("data"); f != nil && f.Changed {
		data, explicit = f.Value.String(), true
	}
	candidates := []string{configFileName, filepath.Join(broker.DefaultConfig().Data, configFileName)}
	if explicit {
		candidates = []string{filepath.Join(data, configFileName), configFileName}
	}
	for _, c := range candidates {
		switch _, err := os.Stat(c); {
		case err == nil:
			return c, nil
		case !errors.Is(err, os.ErrNotExist):
			return "", fmt.Errorf("looking for a configuration: %w", err)
		}
	}
	return "", nil
}
