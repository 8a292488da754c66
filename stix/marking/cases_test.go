package marking

import (
	"bufio"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// shared returns a path in the folder of third-party data, or skips.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("SELAT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("third-party data is absent: set SELAT_SHARED to its folder (%v)", err)
	}
	return path
}

// notOfJSON are the third-party cases that cannot be asked here, with the
// reason.
var notOfJSON = map[string]string{
	"python-stix2/test_object_markings.py.test_set_marking_bad_input[64a423c7]#1": "gives a number for a marking, which a []string cannot hold",
}

type markingCase struct {
	Name, Fn, Expect string
	Error            string
	Args             []json.RawMessage
	Kwargs           map[string]json.RawMessage
	Object           json.RawMessage
	Result           json.RawMessage
}

func TestMarkingCases(t *testing.T) {
	f, err := os.Open(shared(t, "cases", "markings.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ran, left := 0, maps.Clone(notOfJSON)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c markingCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if _, not := notOfJSON[c.Name]; not {
			delete(left, c.Name)
			continue
		}
		ran++
		t.Run(c.Name, c.run)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	for name := range left {
		t.Errorf("%s is not among the cases any more", name)
	}
	t.Logf("%d cases ran, %d cannot be asked", ran, len(notOfJSON))
	if ran == 0 {
		t.Error("there are no cases")
	}
}

// run asks what the case asks, of the object as a whole where no selectors are
// given or they are null.
func (c *markingCase) run(t *testing.T) {
	marks, selectors, opt := c.arguments(t)
	whole := selectors == nil
	refs := make([]string, len(marks))
	for i, m := range marks {
		refs[i] = m.Ref + m.Lang
	}
	before := string(c.Object)
	var got any
	var changed []byte
	var err error
	switch c.Fn {
	case "get_markings":
		var found []Mark
		found, err = GetAt(c.Object, selectors, opt)
		got = ids(found)
	case "is_marked":
		if whole {
			got, err = IsMarked(c.Object, refs...)
		} else {
			got, err = IsMarkedAt(c.Object, marks, selectors, opt)
		}
	case "add_markings":
		if whole {
			changed, err = Add(c.Object, refs...)
		} else {
			changed, err = AddAt(c.Object, marks, selectors)
		}
	case "remove_markings":
		if whole {
			changed, err = Remove(c.Object, refs...)
		} else {
			changed, err = RemoveAt(c.Object, marks, selectors)
		}
	case "set_markings":
		if whole {
			changed, err = Set(c.Object, refs...)
		} else {
			changed, err = SetAt(c.Object, marks, selectors, opt)
		}
	case "clear_markings":
		if whole {
			changed, err = Clear(c.Object)
		} else {
			changed, err = ClearAt(c.Object, selectors, opt)
		}
	default:
		t.Fatalf("%s is not known", c.Fn)
	}
	if string(c.Object) != before {
		t.Fatal("the object was written to")
	}
	if c.Expect == "error" {
		want := map[string]error{"InvalidSelectorError": ErrInvalidSelector, "MarkingNotFoundError": ErrMarkingNotFound, "InvalidValueError": ErrInvalidValue}[c.Error]
		if want == nil || !errors.Is(err, want) {
			t.Fatalf("got %v, want %s", err, c.Error)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if changed != nil {
		onlyMarkingsDiffer(t, c.Object, changed)
		got = markingsOf(t, changed)
	}
	var want any
	if err := json.Unmarshal(c.Result, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sorted(want), sorted(plain(t, got))); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// arguments reads what the case was called with: (marking, selectors,
// inherited, descendants), of which getting and clearing have no marking.
func (c *markingCase) arguments(t *testing.T) (marks []Mark, selectors []string, opt Options) {
	names := []string{"marking", "selectors", "inherited", "descendants"}
	if c.Fn == "get_markings" || c.Fn == "clear_markings" || c.Fn == "is_marked" && len(c.Args) == 1 {
		names = names[1:] // the one positional argument of is_marked is kept as its selectors
	}
	given := c.Kwargs
	if given == nil {
		given = make(map[string]json.RawMessage)
	}
	for i, a := range c.Args {
		given[names[i]] = a
	}
	for name, v := range given {
		switch name {
		case "marking":
			for _, s := range list(t, v) {
				marks = append(marks, mark(s))
			}
		case "selectors":
			selectors = list(t, v)
		case "inherited":
			opt.Inherited = string(v) == "true"
		case "descendants":
			opt.Descendants = string(v) == "true"
		default:
			t.Fatalf("%s is not known", name)
		}
	}
	return marks, selectors, opt
}

// mark tells languages from references as the cases do: the made-up references
// among these are numbers.
func mark(s string) Mark {
	if language.MatchString(s) && !strings.HasPrefix(s, "marking-definition--") {
		return Mark{Lang: s}
	}
	return Mark{Ref: s}
}

// list reads a list of strings or a single one; null is nil.
func list(t *testing.T, v json.RawMessage) []string {
	if v[0] == '"' {
		v = json.RawMessage("[" + string(v) + "]")
	}
	var all []string
	if err := json.Unmarshal(v, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func ids(marks []Mark) []string {
	all := make([]string, len(marks))
	for i, m := range marks {
		all[i] = m.Ref + m.Lang
	}
	return all
}

// markingsOf returns the marking members that an object has.
func markingsOf(t rapid.TB, object []byte) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(object, &all); err != nil {
		t.Fatal(err)
	}
	for name := range all {
		if name != objectRefs && name != granularMarkings {
			delete(all, name)
		}
	}
	return all
}

// plain is what encoding/json makes of a value.
func plain(t testing.TB, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var p any
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// sorted brings the lists below v into one order: those of the cases were sets.
func sorted(v any) any {
	switch v := v.(type) {
	case []any:
		keys := make([]string, len(v))
		for i := range v {
			b, err := json.Marshal(sorted(v[i]))
			if err != nil {
				panic(err)
			}
			keys[i] = string(b)
		}
		slices.Sort(keys)
		return keys
	case map[string]any:
		m := make(map[string]any, len(v))
		for k := range v {
			m[k] = sorted(v[k])
		}
		return m
	}
	return v
}
