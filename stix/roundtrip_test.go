package stix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Splitting and validating never change a byte, whatever is found: an object is
// passed on as it came.

// roundTrip takes a payload apart, looks at it in every way there is, and fails
// unless all bytes are where they were. It returns how many objects there are,
// -1 for a payload that is refused.
func roundTrip(t interface{ Fatalf(string, ...any) }, payload []byte) int {
	before := bytes.Clone(payload)
	objects, err := Split(payload, largeLimits)
	if err != nil {
		if !bytes.Equal(payload, before) {
			t.Fatalf("splitting wrote to the payload")
		}
		return -1
	}
	all := pointersTo(objects)
	Together(all)
	CheckBundle(payload)
	for _, o := range all {
		o.Mark(func(string) (*Definition, bool) { return nil, false })
		o.Hash()
	}
	if !bytes.Equal(payload, before) {
		t.Fatalf("the payload was written to")
	}
	wants := [][]byte{bytes.TrimSpace(payload)}
	if len(all) != 1 || all[0].Pointer != "" {
		var whole struct{ Objects []json.RawMessage }
		if err := json.Unmarshal(payload, &whole); err != nil || len(whole.Objects) != len(all) {
			t.Fatalf("%d objects, and another decoder finds %d: %v", len(all), len(whole.Objects), err)
		}
		wants = nil
		for _, raw := range whole.Objects {
			wants = append(wants, raw)
		}
	}
	raws := make([][]byte, len(objects))
	from := 0
	for i, o := range all {
		if !bytes.Equal(o.Raw, wants[i]) {
			t.Fatalf("object %d is\n%s\nand was\n%s", i, o.Raw, wants[i])
		}
		// Raw is a part of the payload and not a copy of one: the two begin at
		// the same byte in memory, and nothing can be appended in between.
		k := bytes.Index(payload[from:], o.Raw)
		if k < 0 || &payload[from+k] != &o.Raw[0] || cap(o.Raw) != len(o.Raw) {
			t.Fatalf("object %d is no part of the payload", i)
		}
		from += k + len(o.Raw)
		raws[i] = o.Raw
	}
	rebuilt := AppendBundle(nil, testBundle, raws...)
	again, err := Split(rebuilt, Limits{PayloadBytes: len(rebuilt), ObjectBytes: len(rebuilt), Objects: len(raws) + 1})
	if err != nil || len(again) != len(raws) {
		t.Fatalf("the bundle made of %d objects has %d: %v", len(raws), len(again), err)
	}
	for i := range again {
		if !bytes.Equal(again[i].Raw, raws[i]) || again[i].Hash() != all[i].Hash() {
			t.Fatalf("object %d differs in the bundle made of them", i)
		}
	}
	if !bytes.Equal(AppendBundle(nil, testBundle, raws...), rebuilt) {
		t.Fatalf("two bundles made of the same objects differ")
	}
	return len(objects)
}

func TestNoByteChangesOnTheWay(t *testing.T) {
	for name, object := range map[string]string{
		"numbers beyond 2^53":           domainObject(`,"x_a":[9007199254740993,-9007199254740993,18446744073709551616,1e400]`),
		"numbers with 40 digits":        domainObject(`,"x_a":[1234567890123456789012345678901234567890,0.1234567890123456789012345678901234567890]`),
		"numbers written oddly":         domainObject(`,"x_a":[-0,-0.0,0e0,1E+2,1e-07,1.0,1.50]`),
		"nine digits of a second":       strings.ReplaceAll(domainObject(`,"first_seen":"2025-01-31T12:00:00.123456789Z"`), ".000Z", ".100000000Z"),
		"twenty digits of a second":     domainObject(`,"last_seen":"2025-01-31T12:00:00.12345678901234567890Z"`),
		"escaped Unicode":               domainObject(`,"description":"\u00e9\u65E5\ud83d\uDE00 \u0041\/\b\f\u007f\u0000"`),
		"names that are escaped":        domainObject(`,"\u0078_a":1,"x_\u0062":{"\u0063":[]}`),
		"plain Unicode, not normalised": domainObject(`,"description":"e` + "\u0301" + ` é ` + "\u2028\u202e\ufeff" + ` 日本"`),
		"keys in an odd order":          `{"name":"C","modified":"2025-01-31T12:00:00.000Z","id":"campaign--` + testUUID + `","created":"2025-01-31T12:00:00.000Z","x_z":1,"x_a":2,"type":"campaign","spec_version":"2.1"}`,
		"odd space":                     "{\t\"type\"\r\n:\n\"mutex\" ,\"id\":  \"mutex--" + testUUID + "\",\"name\" :\"m\"\n\n\t}",
		"a name twice":                  domainObject(`,"x_a":1,"x_a":2`),
		"bytes that are no UTF-8":       domainObject(",\"x_a\":\"\xff\xfe\""),
		"half a surrogate pair":         domainObject(`,"x_a":"\ud800"`),
		"too deep":                      domainObject(`,"x_a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)),
		"null":                          domainObject(`,"x_a":null`),
		"a comment in a text":           domainObject(`,"description":"}] /* , */ {["`),
		"an empty object":               "{}",
	} {
		t.Run(name, func(t *testing.T) {
			for payload, want := range map[string]int{
				object: 1, "\n\t " + object + " \r\n": 1, inBundle(object, object): 2, inBundle(" "+object+"\n", domainObject(""), object+" "): 3,
				`{"more":true,"objects":[` + object + `],"next":"1"}`: 1,
			} {
				if got := roundTrip(t, []byte(payload)); got != want {
					t.Errorf("%q has %d objects, want %d", payload, got, want)
				}
			}
		})
	}
}

func TestNoByteOfAnyCaseChanges(t *testing.T) {
	var objects []string
	for _, c := range allRules() {
		objects = append(objects, string(made(t, c.typ, c.changes)))
	}
	if got := roundTrip(t, []byte(inBundle(objects...))); got != len(objects) {
		t.Errorf("%d objects, want %d", got, len(objects))
	}
}

func TestNoByteOfTheCorpusChanges(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "corpus"), "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in the corpus: %v", err)
	}
	count := 0
	for _, file := range files {
		payload, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := roundTrip(t, payload); n < 0 {
			t.Errorf("%s is refused", file)
		} else {
			count += n
		}
	}
	t.Logf("%d objects in %d files", count, len(files))
}

// drawObjectOf draws an object of a type, written in an odd way: members in any
// order, space anywhere, some values replaced by any JSON.
func drawObjectOf(t *rapid.T, typ string, members map[string]string) string {
	names := rapid.Permutation(slices.Sorted(maps.Keys(members))).Draw(t, "order")
	space := func() string { return rapid.SampledFrom([]string{"", "", "", " ", "\n", "\t\r\n  "}).Draw(t, "space") }
	var b strings.Builder
	b.WriteString("{" + space())
	for i, name := range names {
		if i > 0 {
			b.WriteString("," + space())
		}
		value := members[name]
		if rapid.IntRange(0, 5).Draw(t, "any") == 0 {
			value = drawJSON(t, 3)
		}
		if rapid.IntRange(0, 9).Draw(t, "escaped") == 0 {
			name = fmt.Sprintf(`\u%04x`, name[0]) + name[1:]
		}
		fmt.Fprintf(&b, `"%s"%s:%s%s%s`, name, space(), space(), value, space())
	}
	return b.String() + "}"
}

func TestNoByteOfAnyObjectChanges(t *testing.T) {
	types := slices.Sorted(maps.Keys(soundMembers))
	rapid.Check(t, func(rt *rapid.T) {
		objects := make([]string, rapid.IntRange(1, 4).Draw(rt, "objects"))
		for i := range objects {
			typ := rapid.SampledFrom(types).Draw(rt, "type")
			members, _ := membersOf(t, made(t, typ, ""))
			objects[i] = drawObjectOf(rt, typ, members)
		}
		if got := roundTrip(rt, []byte(inBundle(objects...))); got != len(objects) {
			rt.Fatalf("%d objects, want %d", got, len(objects))
		}
	})
}

func TestFindingsDoNotDependOnHowAnObjectIsWritten(t *testing.T) {
	types := slices.Sorted(maps.Keys(soundMembers))
	sorted := func(fs []Finding) []string {
		all := strings.Split(told(fs), ", ")
		slices.Sort(all)
		return all
	}
	rapid.Check(t, func(rt *rapid.T) {
		typ := rapid.SampledFrom(types).Draw(rt, "type")
		members, order := membersOf(t, made(t, typ, ""))
		name := rapid.SampledFrom(order).Draw(rt, "name")
		members[name] = rapid.SampledFrom(shapes).Draw(rt, name)
		write := func(names []string, space string) []byte {
			var b strings.Builder
			for _, n := range names {
				fmt.Fprintf(&b, `,%s"%s"%s:%s%s%s`, space, n, space, space, members[n], space)
			}
			return []byte("{" + b.String()[1:] + "}")
		}
		one := sorted(findingsIn(t, write(order, "")))
		other := sorted(findingsIn(t, write(rapid.Permutation(order).Draw(rt, "order"), "\n ")))
		if !slices.Equal(one, other) {
			rt.Fatalf("%s\n%q\nand in another order\n%q", write(order, ""), one, other)
		}
	})
}
