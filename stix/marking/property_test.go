package marking

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawn is an object with all that may be selected in it.
type drawn struct {
	raw   []byte
	paths []string
}

// drawObject draws an object in one of the many ways it can be written: with
// and without markings, space in odd places, escapes and odd numbers.
func drawObject(t *rapid.T) drawn {
	var d drawn
	space := func() string { return rapid.SampledFrom([]string{"", "", " ", "\n\t", "\r\n  "}).Draw(t, "space") }
	members := []string{}
	for i := range rapid.IntRange(0, 4).Draw(t, "members") {
		name := fmt.Sprintf("p%d", i)
		d.paths = append(d.paths, name)
		members = append(members, fmt.Sprintf(`"\u0070%d"`, i)+space()+":"+space()+d.value(t, name, 3, space))
	}
	if len(d.paths) > 0 && rapid.Bool().Draw(t, "granular") {
		var list []string
		for range rapid.IntRange(1, 4).Draw(t, "granulars") {
			m := drawMark(t)
			name, value := "marking_ref", m.Ref
			if m.Lang != "" {
				name, value = "lang", m.Lang
			}
			selectors := drawPaths(t, d.paths)
			list = append(list, `{"selectors":`+space()+`["`+strings.Join(selectors, `",`+space()+`"`)+`"],"`+name+`":"`+value+`"}`)
		}
		members = append(members, `"granular_markings":`+space()+`[`+strings.Join(list, ",")+space()+`]`)
	}
	if rapid.Bool().Draw(t, "whole") {
		refs := rapid.SliceOfNDistinct(rapid.SampledFrom(drawnRefs), 1, 3, rapid.ID).Draw(t, "refs")
		members = append(members, `"object_marking\u005frefs" :`+space()+`["`+strings.Join(refs, `","`)+`"]`)
	}
	members = rapid.Permutation(members).Draw(t, "order")
	d.raw = []byte(space() + "{" + space() + strings.Join(members, space()+","+space()) + space() + "}" + space())
	return d
}

// value draws a value and notes what can be selected in it.
func (d *drawn) value(t *rapid.T, path string, depth int, space func() string) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind = min(kind, 3)
	}
	switch kind {
	case 4, 5:
		var parts []string
		for i := range rapid.IntRange(0, 3).Draw(t, "parts") {
			below, name := fmt.Sprintf("%s.[%d]", path, i), ""
			if kind == 5 {
				below, name = fmt.Sprintf("%s.k-%d", path, i), fmt.Sprintf(`"k-%d":`, i)
			}
			d.paths = append(d.paths, below)
			parts = append(parts, name+space()+d.value(t, below, depth-1, space))
		}
		brackets := []string{"[", "]", "{", "}"}[(kind-4)*2:]
		return brackets[0] + space() + strings.Join(parts, space()+",") + brackets[1]
	}
	return rapid.SampledFrom([]string{`1.50e+2`, `-0`, `9007199254740993`, `"\u00e9\/\ud83d\ude00"`, `"é"`, `""`, `true`, `false`, `"],}"`}).Draw(t, "scalar")
}

var drawnRefs = []string{clearTLP, greenTLP, amber, red, statement}

func drawMark(t *rapid.T) Mark {
	if rapid.IntRange(0, 3).Draw(t, "lang?") == 0 {
		return Mark{Lang: rapid.SampledFrom([]string{"en", "ms", "zh-Hant"}).Draw(t, "lang")}
	}
	return Mark{Ref: rapid.SampledFrom(drawnRefs).Draw(t, "ref")}
}

func drawMarks(t *rapid.T) []Mark {
	marks := []Mark{drawMark(t)}
	for range rapid.IntRange(0, 2).Draw(t, "more") {
		marks = append(marks, drawMark(t))
	}
	return unique(marks)
}

func drawPaths(t *rapid.T, paths []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(paths), 1, min(3, len(paths)), rapid.ID).Draw(t, "paths")
}

// pair is one marking on one part: what granular markings mean.
type pair struct {
	Mark
	Selector string
}

func pairs(t *rapid.T, object []byte) map[pair]bool {
	d, err := read(object, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[pair]bool)
	for _, g := range d.granulars {
		for _, s := range g.selectors {
			all[pair{g.mark, s}] = true
		}
	}
	return all
}

// does checks a change: no error, and nothing changed besides the markings.
func does(t *rapid.T, before, after []byte, err error) []byte {
	if err != nil {
		t.Fatalf("%s: %v", before, err)
	}
	onlyMarkingsDiffer(t, before, after)
	return after
}

func TestObjectMarkingsHoldTheirRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObject(t)
		refs := rapid.SliceOfNDistinct(rapid.SampledFrom(drawnRefs), 1, 3, rapid.ID).Draw(t, "add")
		before, err := Get(o.raw)
		if err != nil {
			t.Fatal(err)
		}
		changed, err := Add(o.raw, refs...)
		added := does(t, o.raw, changed, err)
		for _, ref := range refs {
			if ok, err := IsMarked(added, ref); err != nil || !ok {
				t.Fatalf("%s is not marked with what was added: %v", added, err)
			}
		}
		if got, err := Get(added); err != nil || !slices.Equal(got, unique(slices.Concat(before, refs))) {
			t.Fatalf("%v and %v make %v, %v", before, refs, got, err)
		}

		fresh := slices.DeleteFunc(slices.Clone(refs), func(r string) bool { return slices.Contains(before, r) })
		if len(fresh) > 0 {
			changed, err = Remove(added, fresh...)
			removed := does(t, added, changed, err)
			if got, err := Get(removed); err != nil || !slices.Equal(got, before) {
				t.Fatalf("%v became %v, %v", before, got, err)
			}
			if len(before) == 0 && !bytes.Equal(removed, o.raw) {
				t.Fatalf("an unmarked object did not come back:\n%s\n%s", o.raw, removed)
			}
		}

		changed, err = Set(o.raw, refs...)
		set := does(t, o.raw, changed, err)
		changed, err = Clear(o.raw)
		cleared := does(t, o.raw, changed, err)
		changed, err = Add(cleared, refs...)
		again := does(t, cleared, changed, err)
		if d := cmp.Diff(markingsOf(t, set), markingsOf(t, again)); d != "" {
			t.Fatalf("set is not clear and add:\n%s", d)
		}
		if ok, err := IsMarked(cleared); err != nil || ok {
			t.Fatalf("%s is marked after all: %v", cleared, err)
		}
	})
}

func TestGranularMarkingsHoldTheirRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObject(t)
		if len(o.paths) == 0 {
			return
		}
		marks, at := drawMarks(t), drawPaths(t, o.paths)
		before := pairs(t, o.raw)
		want := make(map[pair]bool)
		var fresh []Mark
		for p := range before {
			want[p] = true
		}
		for _, m := range marks {
			isNew := true
			for _, s := range at {
				isNew = isNew && !before[pair{m, s}]
				want[pair{m, s}] = true
			}
			if isNew {
				fresh = append(fresh, m)
			}
		}
		changed, err := AddAt(o.raw, marks, at)
		added := does(t, o.raw, changed, err)
		if d := cmp.Diff(want, pairs(t, added)); d != "" {
			t.Fatalf("adding:\n%s", d)
		}
		if ok, err := IsMarkedAt(added, marks, at, Options{}); err != nil || !ok {
			t.Fatalf("%s is not marked with what was added: %v", added, err)
		}
		if len(fresh) == len(marks) {
			changed, err = RemoveAt(added, marks, at)
			removed := does(t, added, changed, err)
			if d := cmp.Diff(before, pairs(t, removed)); d != "" {
				t.Fatalf("adding and removing:\n%s", d)
			}
			if len(before) == 0 && !bytes.Equal(removed, o.raw) {
				t.Fatalf("an unmarked object did not come back:\n%s\n%s", o.raw, removed)
			}
		}
		setIsClearAndAdd(t, o.raw, marks, at)

		changed, err = Expand(added)
		expanded := does(t, added, changed, err)
		changed, err = Compress(expanded)
		compressed := does(t, expanded, changed, err)
		if d := cmp.Diff(markingsOf(t, added), markingsOf(t, compressed)); d != "" {
			t.Fatalf("expanding and compressing:\n%s", d)
		}
	})
}

func setIsClearAndAdd(t *rapid.T, object []byte, marks []Mark, at []string) {
	opt := Options{WithoutRefs: rapid.Bool().Draw(t, "without refs"), WithoutLangs: rapid.Bool().Draw(t, "without langs")}
	changed, err := SetAt(object, marks, at, opt)
	set := does(t, object, changed, err)
	cleared, err := ClearAt(object, at, opt)
	if errors.Is(err, ErrMarkingNotFound) {
		cleared, err = object, nil
	}
	cleared = does(t, object, cleared, err)
	changed, err = AddAt(cleared, marks, at)
	again := does(t, cleared, changed, err)
	if d := cmp.Diff(pairs(t, set), pairs(t, again)); d != "" {
		t.Fatalf("set is not clear and add:\n%s", d)
	}
	left, err := GetAt(cleared, at, opt)
	if err != nil || len(left) > 0 {
		t.Fatalf("after clearing there is %v, %v", left, err)
	}
}

// What Explain says is what GetAt finds, and of its levels Levels has the
// strictest.
func TestExplainAgreesWithWhatIsAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObject(t)
		if len(o.paths) == 0 {
			return
		}
		path := rapid.SampledFrom(o.paths).Draw(t, "path")
		why, err := Explain(o.raw, path)
		if err != nil {
			t.Fatal(err)
		}
		levels, err := Levels(o.raw)
		if err != nil {
			t.Fatal(err)
		}
		strictest := levels[0].Level
		var all, own []Mark
		for _, r := range why {
			all = append(all, r.Mark)
			if !r.Inherited {
				own = append(own, r.Mark)
			}
			strictest = max(strictest, r.Level)
		}
		for _, k := range []struct {
			want []Mark
			opt  Options
		}{{unique(all), Options{Inherited: true}}, {unique(own), Options{}}} {
			got, err := GetAt(o.raw, []string{path}, k.opt)
			if err != nil || !slices.Equal(k.want, got) {
				t.Fatalf("explained as %v, asked %v, %v", k.want, got, err)
			}
		}
		for _, l := range levels {
			if l.Selector == path && l.Level != strictest {
				t.Fatalf("the level is %s, explained as %s", l.Level, strictest)
			}
		}
	})
}

// What an object's own markings are marked with stays with them, whatever is
// changed.
func TestMarkedMarkingsKeepTheirMarkings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var refs, granulars []string
		for range rapid.IntRange(1, 4).Draw(t, "refs") {
			refs = append(refs, rapid.SampledFrom(drawnRefs).Draw(t, "ref"))
		}
		paths := []string{"type", "name"}
		for i := range refs {
			paths = append(paths, fmt.Sprintf("object_marking_refs.[%d]", i))
		}
		n := rapid.IntRange(1, 4).Draw(t, "granulars")
		for i := range n {
			paths = append(paths, fmt.Sprintf("granular_markings.[%d]", i), fmt.Sprintf("granular_markings.[%d].selectors.[0]", i))
		}
		for range n {
			granulars = append(granulars, `{"marking_ref":"`+rapid.SampledFrom(drawnRefs[:3]).Draw(t, "by")+`","selectors":["`+strings.Join(drawPaths(t, paths), `","`)+`"]}`)
		}
		object := []byte(`{"type":"x","name":"y","object_marking_refs":["` + strings.Join(refs, `","`) + `"],"granular_markings":[` + strings.Join(granulars, ",") + `]}`)
		marks, at := []Mark{{Ref: rapid.SampledFrom(drawnRefs).Draw(t, "mark")}}, drawPaths(t, paths)
		var changed []byte
		var err error
		switch rapid.IntRange(0, 8).Draw(t, "change") {
		case 0:
			changed, err = Add(object, marks[0].Ref)
		case 1:
			changed, err = Remove(object, marks[0].Ref)
		case 2:
			changed, err = Set(object, marks[0].Ref)
		case 3:
			changed, err = Compress(object)
		case 4:
			changed, err = Expand(object)
		case 5:
			changed, err = AddAt(object, marks, at)
		case 6:
			changed, err = RemoveAt(object, marks, at)
		case 7:
			changed, err = SetAt(object, marks, at, Options{})
		default:
			changed, err = ClearAt(object, at, Options{})
		}
		if err != nil {
			return
		}
		for p := range pairs(t, changed) {
			if before, after := named(t, object, p.Selector), named(t, changed, p.Selector); before != after {
				t.Fatalf("%s\n%s: %s is %s now and was %s", object, changed, p.Selector, after, before)
			}
		}
	})
}

// named returns what a selector with a position names: a marking, or a selector.
func named(t *rapid.T, object []byte, selector string) string {
	d, err := read(object, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscanf(selector, "object_marking_refs.[%d]", &n); err == nil {
		return d.written[n]
	}
	if _, err := fmt.Sscanf(selector, "granular_markings.[%d]", &n); err != nil {
		return ""
	}
	g := d.granulars[n]
	if strings.HasSuffix(selector, ".selectors.[0]") {
		return g.mark.Ref + " on " + g.selectors[0]
	}
	return g.mark.Ref
}
