package broker_test

import (
	"crypto/sha256"
	"testing"

	"github.com/selat-hub/selat/stix"
)

func stixHash(raw []byte) [32]byte { return sha256.Sum256(raw) }

func asStrings(raws [][]byte) []string {
	out := make([]string, len(raws))
	for i, r := range raws {
		out[i] = string(r)
	}
	return out
}

// checkFinding holds a refusal to what every one owes its reader.
func checkFinding(t testing.TB, f stix.Finding) {
	t.Helper()
	if f.Code == "" || f.Message == "" {
		t.Errorf("a refusal without code or message: %+v", f)
	}
}
