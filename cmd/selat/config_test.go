package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/selat-hub/selat/broker"
)

// keysOf lists the dotted keys of a JSON object.
func keysOf(prefix string, m map[string]any, out map[string]bool) {
	for k, v := range m {
		if sub, ok := v.(map[string]any); ok {
			keysOf(prefix+k+".", sub, out)
			continue
		}
		out[prefix+k] = true
	}
}

func TestEverySettingOfTheHubIsInTheTable(t *testing.T) {
	b, err := json.Marshal(broker.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	has, table := map[string]bool{}, map[string]bool{}
	keysOf("", m, has)
	for _, s := range settings {
		table[s.key] = true
	}
	if diff := cmp.Diff(has, table); diff != "" {
		t.Errorf("broker.Config (-) and the table of settings (+) differ:\n%s", diff)
	}
}

func TestWithoutFileEnvironmentOrFlagsTheDefaultsStand(t *testing.T) {
	t.Chdir(t.TempDir())
	l, err := loadLayers(pflag.NewFlagSet("", pflag.ContinueOnError))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(broker.DefaultConfig(), l.config); diff != "" {
		t.Error(diff)
	}
}

func TestTheConfigurationThatInitWritesReadsBackTheSame(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SELAT_NAME", `on "the" #strait: \ `)
	t.Setenv("SELAT_TLS__CERT", "cert.pem")
	t.Setenv("SELAT_LIMITS__OBJECT_BYTES", "768KiB")
	t.Setenv("SELAT_LIMITS__OBJECTS_PER_SECOND", "0.5")
	t.Setenv("SELAT_STORE__ENCRYPT", "false")
	t.Setenv("SELAT_STORE__KEY_COMMAND", "vault read #1")
	t.Setenv("SELAT_STORE__DEDUPE_WINDOW", "90m")
	t.Setenv("SELAT_DATA", "hub")
	none := pflag.NewFlagSet("", pflag.ContinueOnError)
	first, err := loadLayers(none)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("hub", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("hub/selat.yaml", commentedConfig(first), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		os.Unsetenv(s.env()) //nolint:errcheck // t.Setenv restores it
	}
	t.Setenv("SELAT_CONFIG", filepath.Join("hub", "selat.yaml"))
	again, err := loadLayers(none)
	if err != nil {
		t.Fatalf("%v\n%s", err, commentedConfig(first))
	}
	want := first.config
	want.TLS.Cert, err = filepath.Abs("cert.pem")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again.config); diff != "" {
		t.Errorf("%s\n%s", diff, commentedConfig(first))
	}
}

func TestConfigurationFilesThatAreRefusedSayWhere(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a key that is none":                    {"data: x\nlisten_to: 1\n", `selat.yaml:2: there is no setting "listen_to"`},
		"a key in a section that is none":       {"tls:\n  cert: a\n  crt: b\n", `selat.yaml:3: there is no setting "tls.crt"`},
		"a key that almost is one":              {"log_level: debug\n", `selat.yaml:1: there is no setting "log_level"; did you mean "log.level"?`},
		"a key outside its section":             {"token_file: x\n", `did you mean "http.token_file"?`},
		"a value where a section is":            {"limits: 8\n", `selat.yaml:1: "limits" is a section`},
		"a section where a value is":            {"name:\n  a: b\n", `name (file selat.yaml:1): map[a:b] is not text`},
		"a size in a unit that could mean two":  {"limits:\n  payload_bytes: 8MB\n", `limits.payload_bytes (file selat.yaml:2): 8MB is not a size such as 512MiB`},
		"a size beyond all bounds":              {"limits:\n  payload_bytes: 99999999999GiB\n", `is not a size`},
		"a negative size":                       {"limits:\n  payload_bytes: -1KiB\n", `is not a size`},
		"a duration without a unit":             {"store:\n  dedupe_window: 2\n", `2 is not a duration such as 2h`},
		"text where a number belongs":           {"limits:\n  objects: many\n", `many is not a whole number`},
		"a word that is neither true nor false": {"store:\n  encrypt: perhaps\n", `perhaps is not true or false`},
		"a number in a command":                 {"store:\n  key_command: [cat, 1]\n", `is not a list of a program`},
		"the same key twice":                    {"name: a\nname: b\n", `selat.yaml: `},
		"broken YAML":                           {"name: [\n", `selat.yaml: `},
		"a list":                                {"- name\n", `selat.yaml`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile(configFileName, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := loadLayers(pflag.NewFlagSet("", pflag.ContinueOnError))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestSizesAndDurationsAreWrittenAsPeopleWriteThem(t *testing.T) {
	for in, want := range map[string]string{"8388608": "8MiB", "512 KiB": "512KiB", "2GiB": "2GiB", "1000": "1000", "0": "0", "64B": "64", "1_048_576": "1MiB"} {
		v, err := parseSize(in)
		if err != nil || showSize(v) != want {
			t.Errorf("%s: got %s, %v, want %s", in, showSize(v), err, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Second: "10s", time.Minute: "1m", 20 * time.Hour: "20h", 100 * time.Minute: "1h40m", time.Hour + time.Second: "1h0m1s"} {
		if got := showDuration(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}

func FuzzConfigurationFile(f *testing.F) {
	f.Add("data: x\ntls:\n  cert: a\n")
	f.Add("limits: {payload_bytes: 8MiB}\nstore:\n  key_command: [a, b]\n")
	f.Add("&a data: *a\n")
	f.Add("tls: &t\n  cert: x\nhttp: *t\n")
	f.Add("? [a]\n: b\n")
	f.Add("<<: {name: a}\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(dir, configFileName)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l := &layered{file: file, from: map[string]string{}, values: defaults()}
		if err := l.addFile(); err != nil {
			return
		}
		if err := l.values.Unmarshal("", &l.config); err != nil {
			t.Errorf("a file that was accepted gives no configuration: %v", err)
		}
	})
}
