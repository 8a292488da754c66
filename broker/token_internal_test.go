package broker

import (
	"strings"
	"testing"
)

// cheap is a cost for tests that are not about the cost.
var cheap = hashCost{memory: 8, time: 1, lanes: 1}

func TestATokenIsReadBackAsItWasMade(t *testing.T) {
	text, id, hash := newToken(cheap)
	gotID, secret, ok := parseToken(text)
	if !ok || gotID != id || !matchesHash(secret, hash) {
		t.Errorf("%q is read as %q %q %v", text, gotID, secret, ok)
	}
	if strings.Contains(hash, secret) {
		t.Error("the hash holds the secret")
	}
	if again, _, _ := newToken(cheap); again == text {
		t.Error("two tokens are the same")
	}
}

func TestWhatIsNoTokenIsNotReadAsOne(t *testing.T) {
	id, secret := strings.Repeat("a", 16), strings.Repeat("b", 51)
	if _, _, ok := parseToken("selat_" + id + "_" + secret + "q"); !ok {
		t.Fatal("a token is not read at all")
	}
	for name, text := range map[string]string{
		"nothing":                        "",
		"the prefix alone":               "selat_",
		"another prefix":                 "selet_" + id + "_" + secret + "q",
		"a prefix in upper case":         "SELAT_" + id + "_" + secret + "q",
		"a secret in upper case":         "selat_" + id + "_" + strings.ToUpper(secret) + "q",
		"a digit that is none of it":     "selat_" + id + "_" + secret + "1",
		"bits that no byte fills":        "selat_" + id + "_" + secret + "r",
		"a space before":                 " selat_" + id + "_" + secret + "q",
		"a line end behind":              "selat_" + id + "_" + secret + "q\n",
		"a line end within":              "selat_" + id + "_" + secret[1:] + "\nq",
		"a short secret":                 "selat_" + id + "_" + secret,
		"a long secret":                  "selat_" + id + "_" + secret + "qq",
		"the separator elsewhere":        "selat_" + id[1:] + "_" + secret + "qq",
		"no separator":                   "selat_" + id + "a" + secret + "q",
		"two separators":                 "selat_" + id + "_" + secret[:20] + "_" + secret[21:] + "q",
		"padding":                        "selat_" + id + "_" + secret[:47] + "=====",
		"an id that is longer by a byte": "selat_" + id + "aa_" + secret[:49] + "q",
	} {
		if id, secret, ok := parseToken(text); ok {
			t.Errorf("%s is read as %q %q", name, id, secret)
		}
	}
}

func TestOnlyTheSecretMatchesItsHash(t *testing.T) {
	hash := hashSecret("right", cheap)
	for name, c := range map[string]struct {
		secret, hash string
		want         bool
	}{
		"the secret":               {"right", hash, true},
		"another secret":           {"wrong", hash, false},
		"no secret":                {"", hash, false},
		"no hash":                  {"right", "", false},
		"a hash of nothing":        {"right", hashOfNothing(cheap), false},
		"another kind of argon2":   {"right", strings.Replace(hash, "argon2id", "argon2i", 1), false},
		"another cost":             {"right", strings.Replace(hash, "t=1", "t=2", 1), false},
		"a cost of no pass":        {"right", strings.Replace(hash, "t=1", "t=0", 1), false},
		"a cost without a lane":    {"right", strings.Replace(hash, "p=1", "p=0", 1), false},
		"a cost that takes a hub":  {"right", strings.Replace(hash, "m=8,", "m=4294967,", 1), false},
		"a hash that ends early":   {"right", hash[:len(hash)-1], false},
		"a hash that goes on":      {"right", hash + "A", false},
		"a salt that is no base64": {"right", hash[:30] + "!" + hash[31:], false},
	} {
		if got := matchesHash(c.secret, c.hash); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTokensAreHashedAsOWASPRecommends(t *testing.T) {
	if _, _, hash := newToken(tokenCost); !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hashed as %s", hash[:strings.LastIndexByte(hash, '$')])
	}
}

func FuzzParseToken(f *testing.F) {
	text, _, _ := newToken(cheap)
	for _, seed := range []string{text, "", "selat_", "selat__", strings.ToUpper(text), text + "\n", text[:len(text)-1] + "b", strings.Replace(text, "_", "", 2)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, ok := parseToken(text)
		if !ok {
			return
		}
		if again := tokenPrefix + id + "_" + secret; again != text {
			t.Errorf("%q is a second spelling of %q", text, again)
		}
		if strings.Trim(id+secret, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("%q is read as %q %q", text, id, secret)
		}
	})
}

func BenchmarkHashToken(b *testing.B) {
	_, _, hash := newToken(tokenCost)
	b.ReportAllocs()
	for b.Loop() {
		matchesHash("wrong", hash)
	}
}
