package broker_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// natsCLI finds the stock nats command, on PATH or where `make tools` puts it.
func natsCLI(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("nats"); err == nil {
		return path
	}
	path, err := filepath.Abs(filepath.Join("..", ".tools", "nats"))
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the nats command is not on PATH nor in .tools: `make tools` installs it")
	}
	return path
}

// cliFolder is a folder with a seat's credentials in it, and the environment
// of somebody who works there and has no nats contexts.
type cliFolder struct {
	t    *testing.T
	dir  string
	nats string
	env  []string
}

func newCLIFolder(t *testing.T, h *testHub, creds []byte) *cliFolder {
	t.Helper()
	f := &cliFolder{t: t, dir: t.TempDir(), nats: natsCLI(t)}
	f.write("sg-feed.creds", creds)
	f.env = []string{"PATH=" + filepath.Dir(f.nats) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + f.dir, "XDG_CONFIG_HOME=" + f.dir, "NATS_URL=" + h.URL(), "NATS_CREDS=" + filepath.Join(f.dir, "sg-feed.creds")}
	return f
}

func (h *testHub) credsOf(name string, ceiling stix.Level) []byte {
	h.t.Helper()
	creds, err := h.AddSeat(h.t.Context(), policy.Seat{Name: name, Kind: policy.Both, Standing: policy.Organization, Ceiling: ceiling})
	must(h.t, err)
	return creds
}

func (f *cliFolder) write(name string, b []byte) {
	f.t.Helper()
	must(f.t, os.WriteFile(filepath.Join(f.dir, name), b, 0o600))
}

// run runs a command in the folder and returns its standard output, and its
// standard error with the error it ended with.
func (f *cliFolder) run(stdin []byte, name string, args ...string) (stdout, stderr []byte, err error) {
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = f.dir, f.env, bytes.NewReader(stdin), &out, &errs
	err = cmd.Run()
	return out.Bytes(), errs.Bytes(), err
}

func (f *cliFolder) must(stdin []byte, args ...string) []byte {
	f.t.Helper()
	out, errs, err := f.run(stdin, f.nats, args...)
	if err != nil {
		f.t.Fatalf("nats %s: %v\n%s%s", strings.Join(args, " "), err, out, errs)
	}
	return out
}

func TestTheStockNatsCommandSubmitsAndReceives(t *testing.T) {
	h := newTestHub(t)
	f := newCLIFolder(t, h, h.credsOf("sg/feed", stix.Amber))
	object := indicator(1, stix.Amber)

	var r api.Receipt
	must(t, json.Unmarshal(f.must(bundle(object), "request", "submit", "-H", "Selat-To:asean", "--no-templates", "--raw"), &r))
	if r.Accepted != 1 || r.Refused != 0 || r.Objects[0].Stream != "CTI_ASEAN_AMBER" {
		t.Fatalf("receipt: %+v", r)
	}
	// A body on the command line does as well as one on standard input.
	must(t, json.Unmarshal(f.must(nil, "request", "submit", object, "-H", "Selat-To:asean", "--no-templates", "--raw"), &r))
	if r.Duplicate != 1 {
		t.Errorf("the same again: %+v", r)
	}

	var me api.Whoami
	must(t, json.Unmarshal(f.must(nil, "request", "hub.whoami", "", "--raw"), &me))
	if me.Seat != "sg/feed" || me.Member != "sg" {
		t.Errorf("whoami: %+v", me)
	}
	var streams api.Streams
	must(t, json.Unmarshal(f.must(nil, "request", "hub.streams", "", "--raw"), &streams))
	out := f.must(nil, "consumer", "next", "CTI_ASEAN_AMBER", streams.Consumer, "--js-api-prefix", "CTI.API", "--raw")
	objects, err := stix.Split(bytes.TrimSpace(out), stix.DefaultLimits)
	must(t, err)
	if len(objects) != 1 || string(objects[0].Raw) != object {
		t.Errorf("received %s", out)
	}
}

func TestTheStockNatsCommandCannotReadAnotherSeatsDurable(t *testing.T) {
	h := newTestHub(t)
	my := h.seat("my/analyst", policy.Both, stix.Amber)
	f := newCLIFolder(t, h, h.credsOf("sg/feed", stix.Green))
	my.submit(bundle(indicator(1, stix.Amber)), "asean")
	ask[api.Streams](my, api.SubjectStreams, nil)
	out, errs, err := f.run(nil, f.nats, "consumer", "next", "CTI_ASEAN_AMBER", my.account, "--js-api-prefix", "CTI.API", "--raw", "--timeout", "500ms")
	if err == nil || bytes.Contains(out, []byte("indicator--")) || bytes.Contains(errs, []byte("indicator--")) {
		t.Fatalf("read another seat's durable (%v): %s%s", err, out, errs)
	}
	if got := my.drain()["CTI_ASEAN_AMBER"]; len(got) != 1 {
		t.Errorf("what my had not read yet: %q", got)
	}
}

// A credentials file carries the private authority of its hub, and the nats
// command finds it there.
func TestTheStockNatsCommandTrustsTheAuthorityInACredentialsFile(t *testing.T) {
	cert, key := privateAuthority(t)
	h := newTestHub(t, func(c *broker.Config) { c.TLS = broker.TLS{Cert: cert, Key: key, CA: cert} })
	f := newCLIFolder(t, h, h.credsOf("sg/feed", stix.Green))
	if out, _, err := f.run(nil, f.nats, "request", "hub.whoami", "", "--raw", "--timeout", "2s"); err == nil {
		t.Errorf("connected without knowing the authority: %s", out)
	}
	f.env = append(f.env, "NATS_CA=sg-feed.creds")
	if out := f.must(nil, "request", "hub.whoami", "", "--raw"); !bytes.Contains(out, []byte(`"seat":"sg/feed"`)) {
		t.Errorf("whoami: %s", out)
	}
}

// privateAuthority makes a certificate for this machine that signs itself, and
// returns the paths of it and of its key.
func privateAuthority(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return certFile, keyFile
}

// The README's commands are run as they stand there.
func TestTheReadmesNatsCommandsWork(t *testing.T) {
	h := newTestHub(t)
	f := newCLIFolder(t, h, h.credsOf("sg/feed", stix.Amber))
	object := indicator(1, stix.Amber)
	f.write("bundle.json", bundle(object))
	_, block, ok := strings.Cut(readmeSection(t, "### With the stock `nats` command"), "```sh\n")
	if !ok {
		t.Fatal("README.md has no commands there")
	}
	script, _, _ := strings.Cut(block, "```")
	out, errs, err := f.run(nil, "sh", "-euc", script)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	for _, want := range []string{`"seat":"sg/feed"`, `"outcome":"accepted"`} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the commands printed no %s: %s", want, out)
		}
	}
	received, err := os.ReadFile(filepath.Join(f.dir, "received.json"))
	must(t, err)
	if !bytes.Contains(received, []byte(object)) {
		t.Errorf("received.json does not hold the object: %s", received)
	}
}
