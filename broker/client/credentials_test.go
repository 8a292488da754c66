package client_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker/client"
)

// credentialsText is a credentials file of an account made up here.
func credentialsText(t testing.TB, extra string) string {
	t.Helper()
	account, err := nkeys.CreateAccount()
	must(t, err)
	user, err := nkeys.CreateUser()
	must(t, err)
	pk, err := user.PublicKey()
	must(t, err)
	claims := jwt.NewUserClaims(pk)
	claims.Name = "my/feed"
	token, err := claims.Encode(account)
	must(t, err)
	seed, err := user.Seed()
	must(t, err)
	b, err := jwt.FormatUserConfig(token, seed)
	must(t, err)
	return string(b) + extra
}

func TestCredentialsSayWhoTheSeatIsAndWhereItsHubIs(t *testing.T) {
	text := credentialsText(t, "\nselat-url: tls://hub.example:4222\nselat-future: whatever\nselat-url: tls://203.0.113.7:4222\n")
	for name, s := range map[string]string{"as written": text, "with CRLF": strings.ReplaceAll(text, "\n", "\r\n")} {
		c, err := client.ParseCredentials([]byte(s))
		must(t, err)
		if c.Seat != "my/feed" || !nkeys.IsValidPublicAccountKey(c.Account) || strings.Join(c.URLs, " ") != "tls://hub.example:4222 tls://203.0.113.7:4222" || c.CA != nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestBadCredentialsAreRefusedWithTheReason(t *testing.T) {
	text, other := credentialsText(t, ""), credentialsText(t, "")
	seedAt := strings.Index(text, "-----BEGIN USER NKEY SEED")
	otherSeedAt := strings.Index(other, "-----BEGIN USER NKEY SEED")
	for name, c := range map[string]struct{ text, want string }{
		"an empty file":            {"", "no NATS USER JWT"},
		"a file without a seed":    {text[:seedAt], "no USER NKEY SEED"},
		"a file cut off":           {text[:seedAt+60], "cut off"},
		"a seed of another file":   {text[:seedAt] + other[otherSeedAt:], "does not belong"},
		"two files in one":         {text + other, "two user JWTs"},
		"an address with no host":  {text + "selat-url: tls://\n", "no address"},
		"an address of a web site": {text + "selat-url: https://hub.example\n", "no address"},
		"a CA that is none":        {text + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "CA certificate"},
	} {
		if _, err := client.ParseCredentials([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestCredentialsOthersMayReadAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seat.creds")
	must(t, os.WriteFile(path, []byte(credentialsText(t, "")), 0o640))
	must(t, os.Chmod(path, 0o640))
	if _, err := client.ReadCredentials(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("read with mode 0640: %v", err)
	}
	must(t, os.Chmod(path, 0o400))
	if _, err := client.ReadCredentials(path); err != nil {
		t.Errorf("not read with mode 0400: %v", err)
	}
}

func TestConnectSaysWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seat.creds")
	must(t, os.WriteFile(path, []byte(credentialsText(t, "")), 0o600))
	_, err := client.Connect(t.Context(), client.Options{CredsFile: path})
	if err == nil || !strings.Contains(err.Error(), "name no hub") {
		t.Errorf("without an address: %v", err)
	}
}

func FuzzParseCredentials(f *testing.F) {
	text := credentialsText(f, "\nselat-url: tls://hub.example:4222\n")
	for _, s := range []string{text, text[:len(text)/2], "", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
		"-----BEGIN NATS USER JWT-----\n\n------END NATS USER JWT------\n", "---BEGIN x---\n---END y---", "selat-url: nats://[::1]:1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := client.ParseCredentials(b)
		if err == nil && (c.Account == "" || len(b) == 0) {
			t.Errorf("taken for credentials: %q", b)
		}
	})
}
