package values

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

type corpusObject struct {
	typ string
	raw []byte
}

// corpus returns the objects of the folder of third-party data, or skips.
func corpus(t testing.TB) []corpusObject {
	t.Helper()
	root := os.Getenv("SELAT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	root = filepath.Join(root, "corpus")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("third-party data is absent: set SELAT_SHARED to its folder (%v)", err)
	}
	var objects []corpusObject
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var bundle struct{ Objects []json.RawMessage }
		if json.Unmarshal(b, &bundle) != nil || bundle.Objects == nil {
			bundle.Objects = []json.RawMessage{b}
		}
		for _, raw := range bundle.Objects {
			var o struct{ Type string }
			if json.Unmarshal(raw, &o) == nil {
				objects = append(objects, corpusObject{o.Type, raw})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestEveryCountedValueOfTheCorpusHasItsKey(t *testing.T) {
	checked, keys := 0, map[string]int{}
	for _, o := range corpus(t) {
		checked += checkKeys(t, o.typ, o.raw)
		for _, k := range AppendKeys(nil, o.typ, o.raw) {
			keys[k.Kind.String()+" "+k.Role.String()]++
		}
	}
	t.Logf("%d values have their keys; the keys: %v", checked, keys)
	if checked < 6000 {
		t.Errorf("only %d values have keys", checked)
	}
}
