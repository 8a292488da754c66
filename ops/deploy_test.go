package ops_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composeFile is what is looked at of docker-compose.yml.
type composeFile struct {
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
	Networks map[string]any            `yaml:"networks"`
	Secrets  map[string]struct {
		File string `yaml:"file"`
	} `yaml:"secrets"`
}

type composeService struct {
	Image       string         `yaml:"image"`
	Build       string         `yaml:"build"`
	User        string         `yaml:"user"`
	ReadOnly    bool           `yaml:"read_only"`
	Privileged  bool           `yaml:"privileged"`
	CapDrop     []string       `yaml:"cap_drop"`
	CapAdd      []string       `yaml:"cap_add"`
	SecurityOpt []string       `yaml:"security_opt"`
	Restart     string         `yaml:"restart"`
	MemLimit    string         `yaml:"mem_limit"`
	CPUs        float64        `yaml:"cpus"`
	PidsLimit   int            `yaml:"pids_limit"`
	NetworkMode string         `yaml:"network_mode"`
	Networks    []string       `yaml:"networks"`
	Ports       []string       `yaml:"ports"`
	Volumes     []string       `yaml:"volumes"`
	Secrets     []any          `yaml:"secrets"`
	Health      map[string]any `yaml:"healthcheck"`
	Environment map[string]any `yaml:"environment"`
}

// deployRoot is the top of the repository, seen from this package.
const deployRoot = ".."

func readCompose(t *testing.T) *composeFile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(deployRoot, "docker-compose.yml"))
	must(t, err)
	c := &composeFile{}
	must(t, yaml.Unmarshal(b, c))
	if len(c.Services) < 6 {
		t.Fatalf("docker-compose.yml has %d services", len(c.Services))
	}
	return c
}

// pinnedImage is an image with a version, as it is or as the default of a variable.
var pinnedImage = regexp.MustCompile(`^[a-z0-9./-]+:(v?\d+(\.\d+)+[a-z0-9.-]*|\$\{[A-Z_]+:-v?\d+(\.\d+)+\})(@sha256:[0-9a-f]{64})?$`)

func TestEveryServiceOfTheDeploymentIsPinnedAndContained(t *testing.T) {
	for name, s := range readCompose(t).Services {
		if !pinnedImage.MatchString(s.Image) {
			t.Errorf("%s: image %q is not pinned to a version", name, s.Image)
		}
		if s.User == "" || strings.HasPrefix(s.User, "0") || strings.HasPrefix(s.User, "root") {
			t.Errorf("%s runs as %q", name, s.User)
		}
		if !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not contained: %+v", name, s)
		}
		if s.MemLimit == "" || s.CPUs == 0 || s.PidsLimit == 0 {
			t.Errorf("%s has no limits", name)
		}
		if s.Restart == "" {
			t.Errorf("%s has no restart policy", name)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") && !strings.HasPrefix(p, "${SELAT_BIND:-127.0.0.1}:") {
				t.Errorf("%s opens %s to other machines unasked", name, p)
			}
		}
		for key, value := range s.Environment {
			if text, ok := value.(string); ok && regexp.MustCompile(`(?i)(password|token|key|secret)`).MatchString(key) && !strings.HasPrefix(text, "/run/secrets/") {
				t.Errorf("%s: %s is a secret that is no file", name, key)
			}
		}
		if strings.HasPrefix(name, "hub-") && len(s.Health) == 0 {
			t.Errorf("%s has no health check", name)
		}
	}
}

func TestWhatTheDeploymentNamesIsThere(t *testing.T) {
	c := readCompose(t)
	made, err := os.ReadFile(filepath.Join(deployRoot, "ops", "compose", "prepare"))
	must(t, err)
	readme, err := os.ReadFile(filepath.Join(deployRoot, "README.md"))
	must(t, err)
	used := map[string]bool{}
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(from, ".") {
				if _, ok := c.Volumes[from]; !ok {
					t.Errorf("%s: volume %s is not declared", name, from)
				}
				continue
			}
			if _, err := os.Stat(filepath.Join(deployRoot, from)); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
		}
		for _, n := range s.Networks {
			if _, ok := c.Networks[n]; !ok {
				t.Errorf("%s: network %s is not declared", name, n)
			}
		}
		if other, ok := strings.CutPrefix(s.NetworkMode, "service:"); ok && c.Services[other].Image == "" {
			t.Errorf("%s shares the network of %s, which is not there", name, other)
		}
		for _, secret := range s.Secrets {
			source, _ := secret.(string)
			if long, ok := secret.(map[string]any); ok {
				source, _ = long["source"].(string)
			}
			used[source] = true
			if c.Secrets[source].File == "" {
				t.Errorf("%s: secret %s is not declared as a file", name, source)
			}
		}
	}
	for name, secret := range c.Secrets {
		file := filepath.Base(secret.File)
		node, ext, _ := strings.Cut(file, ".")
		byNode := strings.Contains(string(made), "in hub-a hub-b hub-c;") && slices.Contains([]string{"hub-a", "hub-b", "hub-c"}, node) && strings.Contains(string(made), "$node."+ext)
		if !byNode && !strings.Contains(string(made), file) && !strings.Contains(string(readme), file) {
			t.Errorf("nothing makes the secret %s", file)
		}
		if filepath.Dir(filepath.Clean(secret.File)) != filepath.Join("ops", "compose", "secrets") {
			t.Errorf("secret %s is kept in %s, which is not ignored by git and by the image's build", name, secret.File)
		}
		if !used[name] {
			t.Errorf("secret %s is used by nothing", name)
		}
	}
	for _, file := range []string{".gitignore", ".dockerignore"} {
		b, err := os.ReadFile(filepath.Join(deployRoot, file))
		must(t, err)
		if !strings.Contains(string(b), "ops/compose/secrets") {
			t.Errorf("%s lets secrets through", file)
		}
	}
}

func TestTheImageHoldsTheProgramAloneAndRunsAsNobody(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(deployRoot, "Dockerfile"))
	must(t, err)
	var from []string
	for line := range strings.Lines(string(b)) {
		if image, ok := strings.CutPrefix(line, "FROM "); ok {
			from = append(from, strings.Fields(image)[0])
		}
	}
	if len(from) != 2 || !pinnedImage.MatchString(from[0]) || from[1] != "scratch" {
		t.Errorf("the image is built from %q", from)
	}
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "USER 65532:65532", `CMD ["/usr/local/bin/selat", "health"]`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the Dockerfile has no %s", want)
		}
	}
}

func TestTheManifestForKubernetesIsContained(t *testing.T) {
	f, err := os.Open(filepath.Join(deployRoot, "ops", "kubernetes", "selat.yaml"))
	must(t, err)
	defer f.Close()
	d := yaml.NewDecoder(f)
	pods := 0
	for {
		var doc struct {
			Kind string `yaml:"kind"`
			Spec struct {
				Template struct {
					Spec struct {
						Security   map[string]any   `yaml:"securityContext"`
						Init       []map[string]any `yaml:"initContainers"`
						Containers []map[string]any `yaml:"containers"`
					} `yaml:"spec"`
				} `yaml:"template"`
			} `yaml:"spec"`
		}
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		pod := doc.Spec.Template.Spec
		if len(pod.Containers) == 0 {
			continue
		}
		pods++
		if pod.Security["runAsNonRoot"] != true {
			t.Errorf("a %s may run as root", doc.Kind)
		}
		for _, c := range append(pod.Init, pod.Containers...) {
			image, _ := c["image"].(string)
			security, _ := c["securityContext"].(map[string]any)
			resources, _ := c["resources"].(map[string]any)
			if !pinnedImage.MatchString(image) || security["readOnlyRootFilesystem"] != true || security["allowPrivilegeEscalation"] != false || resources["limits"] == nil {
				t.Errorf("container %v of a %s is not pinned and contained", c["name"], doc.Kind)
			}
		}
	}
	if pods != 2 {
		t.Errorf("%d pods", pods)
	}
}

// tool is the path of a program, or the test is skipped.
func deployTool(t *testing.T, names ...string) string {
	t.Helper()
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			return path
		}
	}
	t.Skipf("none of %s is on this machine", strings.Join(names, ", "))
	return ""
}

func TestComposeReadsTheDeployment(t *testing.T) {
	var out []byte
	cmd := exec.Command("docker", "compose", "version")
	if cmd.Run() == nil {
		cmd = exec.Command("docker", "compose", "config", "-q")
	} else {
		cmd = exec.Command(deployTool(t, "docker-compose"), "config", "-q")
	}
	cmd.Dir = deployRoot
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTheImageBuilds(t *testing.T) {
	docker := deployTool(t, "docker")
	if out, err := exec.Command(docker, "info").CombinedOutput(); err != nil {
		t.Skipf("no container engine answers: %.200s", out)
	}
	if testing.Short() {
		t.Skip("it takes minutes")
	}
	cmd := exec.Command(docker, "build", "-q", ".")
	cmd.Dir = deployRoot
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestSystemdReadsTheUnits(t *testing.T) {
	analyze := deployTool(t, "systemd-analyze")
	dir := t.TempDir()
	units, err := filepath.Glob(filepath.Join(deployRoot, "ops", "systemd", "*"))
	must(t, err)
	if len(units) != 5 {
		t.Fatalf("units: %v", units)
	}
	args := []string{"verify"}
	for _, u := range units {
		b, err := os.ReadFile(u)
		must(t, err)
		// The program need not be installed here, and a template is read as an instance.
		path := filepath.Join(dir, strings.Replace(filepath.Base(u), "@.", "@x.", 1))
		must(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(b), "/usr/local/bin/selat", "/bin/true")), 0o600))
		args = append(args, path)
		if strings.HasSuffix(u, ".service") && !strings.Contains(string(b), "ProtectSystem=strict") {
			t.Errorf("%s is not contained", u)
		}
	}
	out, err := exec.Command(analyze, args...).CombinedOutput()
	if err != nil || len(strings.TrimSpace(string(out))) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestTheSecretsOfTheDeploymentAreMadeOnceAndFit(t *testing.T) {
	openssl := deployTool(t, "openssl")
	dir := t.TempDir()
	b, err := os.ReadFile(filepath.Join(deployRoot, "ops", "compose", "prepare"))
	must(t, err)
	script := filepath.Join(dir, "prepare")
	must(t, os.WriteFile(script, b, 0o700))
	prepare := func() {
		out, err := exec.Command("/bin/sh", script, "hub.example", "192.0.2.9").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	prepare()
	secrets := filepath.Join(dir, "secrets")
	before, err := os.ReadFile(filepath.Join(secrets, "hub-b.key"))
	must(t, err)
	prepare()
	after, err := os.ReadFile(filepath.Join(secrets, "hub-b.key"))
	must(t, err)
	if string(before) != string(after) {
		t.Error("a second run made another key")
	}
	for _, node := range []string{"hub-a", "hub-b", "hub-c"} {
		out, err := exec.Command(openssl, "verify", "-CAfile", filepath.Join(secrets, "ca.pem"), "-verify_hostname", "hub.example", filepath.Join(secrets, node+".pem")).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %s", node, out)
		}
	}
	for _, private := range []string{"ca.key", "hub-a.key", "metrics.token", "prometheus.token", "grafana.password"} {
		st, err := os.Stat(filepath.Join(secrets, private))
		must(t, err)
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %04o", private, st.Mode().Perm())
		}
	}
}
