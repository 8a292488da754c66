package stix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shared returns the folder of third-party data, or skips.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("SELAT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("third-party data is absent: set SELAT_SHARED to its folder (%v)", err)
	}
	return path
}

// largeLimits take the corpus as it is: files of 4 MiB with 5,000 objects.
var largeLimits = Limits{PayloadBytes: 64 << 20, Objects: 1 << 20}

// corpusRefused is how many objects of each source are refused, and what share
// of them passes the OASIS validator in its default mode. Each refused one was
// looked at, and breaks a MUST:
//   - capec: two references whose url is none (§2.5, RFC 3986);
//   - misp-stix, 928 of 991 pass where the other lets 937 or 938 pass. Both
//     refuse: 19 objects in a file of made-up identifiers (§2.9), 4 with created
//     or modified to the second (§3.2), 21 that lack a required pattern,
//     payload_bin or object_refs, 5 whose header fields are texts and no lists
//     (§6.6.1, §6.12.2), 3 with programming languages for languages of people
//     (§6.14.1), 2 with a decryption_key and no encryption_algorithm (§6.1.1).
//     Only we do: 2 bundles as objects of a bundle (§8: they are no STIX
//     Objects), 2 registry keys under HKLM (§6.17.1: the hive is written in
//     full), 2 objects and a pattern with capitals in the names of properties
//     (§3.1, §11.1.1; the other's expression ends before them);
//   - oasis-spec-2.1, 156 of 167 where the other lets 158 pass: an identifier
//     with a single hyphen (000-file), examples that lack required properties
//     (026, 116 to 118), base64 that is cut short (033, 034, 156), an
//     extension_type with an underscore (160); and only we, twice, the next;
//   - relationship--81f12913-1372-4c96-85ec-E9034ac98aba, in oasis-examples
//     (infrastructure) and twice in oasis-spec-2.1 (122, 134): a slip, the only
//     identifier in 21,000 objects with hex in upper case, which RFC 4122 §3
//     has writers not use; refused so that no identifier has two spellings.
//
// Of amnesty and mvt-spyware the other refuses 0.1 % and 0.8 %, for patterns
// such as [app:id = 'com.example']: id has fewer than three characters, and is
// the name of a common property all the same (§3.1, §3.2). It passes all of
// attack, disarm and opencti, as we do.
var corpusRefused = map[string]struct {
	refused int
	theirs  float64 // percent that pass the OASIS validator
}{
	"attack": {0, 100}, "amnesty": {0, 99.9}, "mvt-spyware": {0, 99.2}, "capec": {2, 99.9}, "misp-stix": {63, 94.6},
	"oasis-examples": {1, 100}, "oasis-spec-2.1": {11, 94.6}, "opencti-datasets": {0, 100}, "disarm": {0, 100},
}

func TestTheCorpusIsAcceptedButForWhatBreaksAMust(t *testing.T) {
	root := shared(t, "corpus")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in the corpus: %v", err)
	}
	type tally struct {
		passed, refused int
		codes, warnings map[string]int
	}
	tallies := map[string]*tally{}
	for _, file := range files {
		source := filepath.Base(filepath.Dir(file))
		c := tallies[source]
		if c == nil {
			c = &tally{codes: map[string]int{}, warnings: map[string]int{}}
			tallies[source] = c
		}
		payload, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := Split(payload, largeLimits)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		checkAgainstEncodingJSON(t, file, payload, objects)
		checkReaderAgrees(t, file, payload, objects)
		for i := range objects {
			o := &objects[i]
			for _, f := range o.Findings {
				if f.Severity == Warning {
					c.warnings[f.Code]++
				}
			}
			if !o.refused() {
				c.passed++
				continue
			}
			c.refused++
			seen := map[string]bool{}
			for _, f := range o.Findings {
				if f.Severity == Error && !seen[f.Code] {
					seen[f.Code] = true
					c.codes[f.Code]++
				}
			}
			t.Logf("%s/%s %s: %v", source, filepath.Base(file), o.ID, findingsOf(o))
		}
	}
	for _, source := range slices.Sorted(maps.Keys(tallies)) {
		c := tallies[source]
		want, known := corpusRefused[source]
		if !known || c.refused != want.refused {
			t.Errorf("%s: %d objects are refused, want %d", source, c.refused, want.refused)
		}
		share := 100 * float64(c.passed) / float64(c.passed+c.refused)
		t.Logf("%-18s %5d pass, %3d refused: %6.2f %% pass, %5.1f %% at OASIS %v, warnings %v", source, c.passed, c.refused, share, want.theirs, c.codes, c.warnings)
	}
}

func findingsOf(o *Object) string {
	var b strings.Builder
	for _, f := range o.Findings {
		fmt.Fprintf(&b, "%s %s; ", f.Code, f.Path)
	}
	return b.String()
}

// checkAgainstEncodingJSON reads the payload once more with another decoder.
func checkAgainstEncodingJSON(t *testing.T, file string, payload []byte, objects []Object) {
	t.Helper()
	wants := []json.RawMessage{bytes.TrimSpace(payload)}
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(payload, &whole); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if string(whole["type"]) == `"bundle"` {
		wants = nil // not to decode into the payload
		if err := json.Unmarshal(whole["objects"], &wants); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	if len(wants) != len(objects) {
		t.Fatalf("%s: %d objects, want %d", file, len(objects), len(wants))
	}
	for i, want := range wants {
		o := &objects[i]
		if !bytes.Equal(o.Raw, want) {
			t.Fatalf("%s: object %d has other bytes", file, i)
		}
		var m map[string]any
		if err := json.Unmarshal(want, &m); err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string]string{
			"type": o.Type, "id": o.ID, "spec_version": o.SpecVersion, "created": o.Created,
			"modified": o.Modified, "created_by_ref": o.CreatedByRef,
		} {
			if s, _ := m[name].(string); s != got {
				t.Errorf("%s: object %d: %s is %q, want %q", file, i, name, got, s)
			}
		}
	}
}

func checkReaderAgrees(t *testing.T, file string, payload []byte, objects []Object) {
	t.Helper()
	r := NewReader(bytes.NewReader(payload), largeLimits)
	for i := range objects {
		raw, err := r.Next()
		if err != nil {
			t.Fatalf("%s: object %d: %v", file, i, err)
		}
		if !bytes.Equal(raw, objects[i].Raw) {
			t.Fatalf("%s: object %d: the reader found other bytes", file, i)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("%s: want the end, got %v", file, err)
	}
}
