package pattern

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// wronglyMatched are cases of the matcher's suite that this one answers
// otherwise on purpose.
var wronglyMatched = map[string]string{}

type matchCase struct {
	Name, Pattern, Expect string
	First                 []*string       `json:"first_binding_ids"`
	Observations          json.RawMessage `json:"observations"`
}

func TestTheCasesOfTheMatcherHold(t *testing.T) {
	root := os.Getenv("SELAT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(root, "cases", "pattern_match.jsonl"))
	if err != nil {
		t.Skipf("third-party data is absent: set SELAT_SHARED to its folder (%v)", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	count := 0
	for lines.Scan() {
		var c matchCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		count++
		got, ids := answer(t, &c)
		wrong := got != c.Expect
		if got == "match" && !wrong {
			var want []string
			for _, id := range c.First {
				if id == nil {
					want = append(want, "") // an observed-data of the case has no id
				} else {
					want = append(want, *id)
				}
			}
			wrong = !slices.Equal(ids, want)
		}
		why, known := wronglyMatched[c.Name]
		switch {
		case wrong && !known:
			t.Errorf("%s: %s is %s %q, want %s %v", c.Name, c.Pattern, got, ids, c.Expect, c.First)
		case !wrong && known:
			t.Errorf("%s holds, which was not expected: %s", c.Name, why)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cases, %d of them held wrong", count, len(wronglyMatched))
}

func answer(t *testing.T, c *matchCase) (result string, ids []string) {
	p, err := Parse(c.Pattern)
	if err != nil {
		return "error", nil
	}
	observed, err := Observations(c.Observations)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	binding, matched, err := p.Match(t.Context(), observed)
	switch {
	case err != nil:
		return "error", nil
	case !matched:
		return "nomatch", nil
	}
	for _, i := range binding {
		ids = append(ids, observed[i].ID)
	}
	return "match", ids
}
