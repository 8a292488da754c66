package marking

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	clearTLP  = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
	greenTLP  = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
	amber     = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
	red       = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
	statement = "marking-definition--6f1b1c66-9c5c-4d0e-8a37-2f0d6a1f9b11"
)

func TestAChangeLeavesEveryOtherByte(t *testing.T) {
	add := func(o []byte) ([]byte, error) { return Add(o, red) }
	addAt := func(o []byte) ([]byte, error) {
		return AddAt(o, []Mark{{Lang: "ms"}, {Ref: amber}}, []string{"n"})
	}
	clearAll := Clear
	clearAt := func(o []byte) ([]byte, error) { return ClearAt(o, []string{"n"}, Options{}) }
	for _, k := range []struct {
		name, before string
		change       func([]byte) ([]byte, error)
		after        string
	}{
		{"an object of nothing", ` { } `, add, ` {"object_marking_refs":["` + red + `"] } `},
		{"a compact object", `{"n":1.0E+2}`, add, `{"n":1.0E+2,"object_marking_refs":["` + red + `"]}`},
		{"an object with spaces", `{"n": 1, "m": "\u00e9\/"}`, add, `{"n": 1, "m": "\u00e9\/", "object_marking_refs": ["` + red + `"]}`},
		{"one member on a line", "{\n\t\"n\": 1\n}\n", add, "{\n\t\"n\": 1,\n\t\"object_marking_refs\": [\"" + red + "\"]\n}\n"},
		{"members on lines", "{\r\n  \"n\" : 1,\r\n  \"m\" : 2\r\n}", add, "{\r\n  \"n\" : 1,\r\n  \"m\" : 2,\r\n  \"object_marking_refs\" : [\"" + red + "\"]\r\n}"},
		{"a comma at the start of lines", "{ \"n\":1\n, \"m\":2\n}", add, "{ \"n\":1\n, \"m\":2\n, \"object_marking_refs\":[\"" + red + "\"]\n}"},
		{"a marking there", `{"object_marking_refs" : [ "` + amber + `" ] ,"n":-0}`, add, `{"object_marking_refs" : ["` + amber + `","` + red + `"] ,"n":-0}`},
		{"a name with escapes", `{"object\u005fmarking_refs":["` + amber + `"],"n":1}`, add, `{"object\u005fmarking_refs":["` + amber + `","` + red + `"],"n":1}`},
		{"a string for a list", `{"object_marking_refs":"` + red + `","n":1}`, add, `{"object_marking_refs":["` + red + `"],"n":1}`},
		{"a list of nothing", `{"object_marking_refs":[],"n":1}`, add, `{"object_marking_refs":["` + red + `"],"n":1}`},
		{"the marking there", `{"object_marking_refs":[ "` + red + `" ],"n":1}`, add, `{"object_marking_refs":[ "` + red + `" ],"n":1}`},
		{"parts marked", `{"n":1}`, addAt, `{"n":1,"granular_markings":[{"lang":"ms","selectors":["n"]},{"marking_ref":"` + amber + `","selectors":["n"]}]}`},
		{"parts marked with spaces", `{"n": 1}`, addAt, `{"n": 1,"granular_markings": [{"lang": "ms", "selectors": ["n"]}, {"marking_ref": "` + amber + `", "selectors": ["n"]}]}`},
		{"parts unmarked, first", `{ "granular_markings":[{"lang":"ms","selectors":["n"]}] , "n":1}`, clearAt, `{ "n":1}`},
		{"parts unmarked, in the middle", `{"n":1 , "granular_markings":[{"lang":"ms","selectors":["n"]}] , "m":2}`, clearAt, `{"n":1 , "m":2}`},
		{"parts unmarked, last", "{\"n\":1,\n\"granular_markings\":[{\"lang\":\"ms\",\"selectors\":[\"n\"]}]\n}", clearAt, "{\"n\":1\n}"},
		{"parts unmarked, of nothing", `{"n":1 }`, clearAt, `{"n":1 }`},
		{"unmarked, the only member", `{ "object_marking_refs":["` + red + `"] }`, clearAll, `{  }`},
		{"unmarked, of an empty list", `{"n":1,"object_marking_refs":[]}`, clearAll, `{"n":1}`},
		{"unmarked, of nothing", `{"n":1 }`, clearAll, `{"n":1 }`},
	} {
		t.Run(k.name, func(t *testing.T) {
			before := []byte(k.before)
			after, err := k.change(before)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(k.after, string(after)); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
			if string(before) != k.before {
				t.Error("the object was written to")
			}
		})
	}
}

func TestMarkingsAreComparedByComponents(t *testing.T) {
	object := []byte(`{"c":[0,1,2,3,4,5,6,7,8,9,10],"created":1,"granular_markings":[` +
		`{"marking_ref":"` + red + `","selectors":["c"]},{"marking_ref":"` + amber + `","selectors":["c.[1]"]}]}`)
	both := Options{Inherited: true, Descendants: true}
	for s, want := range map[string][]Mark{
		"created": {},
		"c.[10]":  {{Ref: red}},
		"c.[1]":   {{Ref: red}, {Ref: amber}},
		"c":       {{Ref: red}, {Ref: amber}},
	} {
		got, err := GetAt(object, []string{s}, both)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", s, d)
		}
	}
}

func TestOptionsLeaveOutReferencesOrLanguages(t *testing.T) {
	object := []byte(`{"n":1,"object_marking_refs":["` + clearTLP + `"],"granular_markings":[{"lang":"th","selectors":["n"]},{"marking_ref":"` + red + `","selectors":["n"]}]}`)
	for _, k := range []struct {
		opt  Options
		get  []Mark
		left string
	}{
		{Options{Inherited: true}, []Mark{{Ref: clearTLP}, {Lang: "th"}, {Ref: red}}, ``},
		{Options{Inherited: true, WithoutRefs: true}, []Mark{{Lang: "th"}}, `,"granular_markings":[{"marking_ref":"` + red + `","selectors":["n"]}]`},
		{Options{Inherited: true, WithoutLangs: true}, []Mark{{Ref: clearTLP}, {Ref: red}}, `,"granular_markings":[{"lang":"th","selectors":["n"]}]`},
	} {
		got, err := GetAt(object, []string{"n"}, k.opt)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(k.get, got); d != "" {
			t.Errorf("%+v:\n%s", k.opt, d)
		}
		left, err := ClearAt(object, []string{"n"}, k.opt)
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"n":1,"object_marking_refs":["` + clearTLP + `"]` + k.left + `}`; string(left) != want {
			t.Errorf("%+v: left %s", k.opt, left)
		}
	}
}

func TestGranularMarkingsAreGroupedAndTakenApart(t *testing.T) {
	const object = `{"a":1,"b":2,"granular_markings":[{"marking_ref":"` + red + `","selectors":["b"]},{"lang":"id","selectors":["b","a"]},{"selectors":["a","b"],"marking_ref":"` + red + `"}]}`
	got, err := Compress([]byte(object))
	if want := `{"a":1,"b":2,"granular_markings":[{"marking_ref":"` + red + `","selectors":["a","b"]},{"lang":"id","selectors":["a","b"]}]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	got, err = Expand([]byte(object))
	if want := `{"a":1,"b":2,"granular_markings":[{"marking_ref":"` + red + `","selectors":["b"]},{"lang":"id","selectors":["b"]},{"lang":"id","selectors":["a"]},` +
		`{"marking_ref":"` + red + `","selectors":["a"]},{"marking_ref":"` + red + `","selectors":["b"]}]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWhatMayNotBeAMarkingIsRefused(t *testing.T) {
	object := []byte(`{"id":"` + statement + `","n":"secret"}`)
	for name, m := range map[string]Mark{
		"nothing":                 {},
		"both":                    {Ref: red, Lang: "en"},
		"no identifier":           {Ref: "TLP:RED"},
		"another type":            {Ref: "identity--e828b379-4e03-4974-9ac4-e53a884c97c1"},
		"upper case":              {Ref: strings.ToUpper(red)},
		"no UUID":                 {Ref: "marking-definition--1"},
		"the definition itself":   {Ref: statement},
		"no language":             {Lang: "e"},
		"a language with a blank": {Lang: "en US"},
		"a language with a dash":  {Lang: "en-"},
		"a language too long":     {Lang: "en" + strings.Repeat("-abcdefgh", 20)},
	} {
		t.Run(name, func(t *testing.T) {
			_, atErr := AddAt(object, []Mark{m}, []string{"n"})
			_, setErr := SetAt(object, []Mark{m}, []string{"n"}, Options{})
			_, wholeErr := Add(object, m.Ref)
			if m.Lang != "" {
				wholeErr = setErr // a language is no matter of the whole object
			}
			for _, err := range []error{atErr, setErr, wholeErr} {
				if !errors.Is(err, ErrInvalidValue) || len(err.Error()) > 500 || strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	if _, err := Add(object); !errors.Is(err, ErrInvalidValue) {
		t.Errorf("without any: %v", err)
	}
	for _, lang := range []string{"en", "pt-BR", "zh-Hant-TW", "x-tetum", "i-klingon"} {
		if _, err := AddAt(object, []Mark{{Lang: lang}}, []string{"n"}); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
}

func TestWhatIsNotMarkedCannotBeUnmarked(t *testing.T) {
	object := []byte(`{"a":1,"b":2,"object_marking_refs":["` + red + `"],"granular_markings":[{"marking_ref":"` + amber + `","selectors":["a"]}]}`)
	for name, change := range map[string]func() ([]byte, error){
		"another marking of the object": func() ([]byte, error) { return Remove(object, amber) },
		"one of two of the object":      func() ([]byte, error) { return Remove(object, red, amber) },
		"another marking of a part":     func() ([]byte, error) { return RemoveAt(object, []Mark{{Ref: red}}, []string{"a"}) },
		"one of two of a part":          func() ([]byte, error) { return RemoveAt(object, []Mark{{Ref: amber}, {Lang: "en"}}, []string{"a"}) },
		"another part":                  func() ([]byte, error) { return RemoveAt(object, []Mark{{Ref: amber}}, []string{"b"}) },
		"all of another part":           func() ([]byte, error) { return ClearAt(object, []string{"b"}, Options{}) },
	} {
		if got, err := change(); !errors.Is(err, ErrMarkingNotFound) || got != nil {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
	got, err := SetAt(object, []Mark{{Ref: red}}, []string{"b"}, Options{})
	if err != nil || !strings.Contains(string(got), `{"marking_ref":"`+red+`","selectors":["b"]}`) {
		t.Errorf("setting needs nothing to be there: got %s, %v", got, err)
	}
}

func TestAMarkingOfWhatIsGoneCanBeTakenAway(t *testing.T) {
	object := []byte(`{"a":1,"granular_markings":[{"marking_ref":"` + amber + `","selectors":["a","gone.[1]"]}]}`)
	want := `{"a":1,"granular_markings":[{"marking_ref":"` + amber + `","selectors":["a"]}]}`
	if got, err := ClearAt(object, []string{"gone.[1]"}, Options{}); err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := RemoveAt(object, []Mark{{Ref: amber}}, []string{"gone.[1]"}); err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	for _, s := range []string{"gone", "gone.[2]"} {
		if _, err := ClearAt(object, []string{s}, Options{}); !errors.Is(err, ErrInvalidSelector) {
			t.Errorf("%s: %v", s, err)
		}
	}
	if _, err := AddAt(object, []Mark{{Ref: red}}, []string{"gone.[1]"}); !errors.Is(err, ErrInvalidSelector) {
		t.Error(err)
	}
}

func TestNoChangeLeavesASelectorThatSelectsNothing(t *testing.T) {
	object := []byte(`{"a":1,"object_marking_refs":["` + red + `","` + amber + `"],"granular_markings":[{"lang":"en","selectors":["object_marking_refs.[1]"]}]}`)
	if _, err := Remove(object, amber); !errors.Is(err, ErrInvalidSelector) {
		t.Errorf("got %v", err)
	}
	if _, err := Clear(object); !errors.Is(err, ErrInvalidSelector) {
		t.Errorf("got %v", err)
	}
	if _, err := Add(object, clearTLP); err != nil {
		t.Error(err)
	}
}

func TestNoChangeMovesAMarkingToAnotherElement(t *testing.T) {
	refs := func(all ...string) string { return `"object_marking_refs":["` + strings.Join(all, `","`) + `"]` }
	granulars := func(all ...string) string { return `"granular_markings":[` + strings.Join(all, ",") + `]` }
	part := func(ref string, selectors ...string) string {
		return `{"marking_ref":"` + ref + `","selectors":["` + strings.Join(selectors, `","`) + `"]}`
	}
	at := func(selectors ...string) []string { return selectors }
	three := `{"n":1,` + refs(greenTLP, amber, statement) + `,` + granulars(part(red, "object_marking_refs.[1]")) + `}`
	twice := `{"n":1,` + refs(greenTLP, greenTLP, amber) + `,` + granulars(part(red, "object_marking_refs.[2]")) + `}`
	// The second is marked, and grouping the others would move it or change it.
	loose := `{"m":1,"n":1,` + granulars(part(red, "m"), part(red, "n"), part(amber, "n"), part(greenTLP, "granular_markings.[2]")) + `}`
	first := `{"m":1,"n":1,` + granulars(part(red, "m"), part(red, "n"), part(greenTLP, "granular_markings.[0]")) + `}`
	inner := `{"m":1,"n":1,` + granulars(part(red, "n", "type"), part(greenTLP, "granular_markings.[0].selectors.[0]")) + `,"type":"x"}`
	for name, c := range map[string]struct {
		object string
		change func(o []byte) ([]byte, error)
		done   bool
	}{
		"removing a ref before it":         {three, func(o []byte) ([]byte, error) { return Remove(o, greenTLP) }, false},
		"removing the ref itself":          {three, func(o []byte) ([]byte, error) { return Remove(o, amber) }, false},
		"removing a ref after it":          {three, func(o []byte) ([]byte, error) { return Remove(o, statement) }, true},
		"setting others":                   {three, func(o []byte) ([]byte, error) { return Set(o, greenTLP, clearTLP) }, false},
		"setting the same in its place":    {three, func(o []byte) ([]byte, error) { return Set(o, clearTLP, amber) }, true},
		"adding after it":                  {three, func(o []byte) ([]byte, error) { return Add(o, clearTLP) }, true},
		"adding where refs repeat":         {twice, func(o []byte) ([]byte, error) { return Add(o, clearTLP) }, false},
		"grouping":                         {loose, Compress, false},
		"adding to a part":                 {loose, func(o []byte) ([]byte, error) { return AddAt(o, []Mark{{Lang: "en"}}, at("n")) }, false},
		"removing from a part":             {loose, func(o []byte) ([]byte, error) { return RemoveAt(o, []Mark{{Ref: red}}, at("m")) }, false},
		"setting a part":                   {loose, func(o []byte) ([]byte, error) { return SetAt(o, []Mark{{Ref: amber}}, at("m"), Options{}) }, false},
		"clearing a part":                  {loose, func(o []byte) ([]byte, error) { return ClearAt(o, at("m"), Options{}) }, false},
		"clearing what names the position": {loose, func(o []byte) ([]byte, error) { return ClearAt(o, at("granular_markings.[2]"), Options{}) }, true},
		"taking nothing apart":             {loose, Expand, true},
		"another of the same marking":      {first, func(o []byte) ([]byte, error) { return RemoveAt(o, []Mark{{Ref: red}}, at("m")) }, false},
		"grouping it with another":         {first, Compress, false},
		"a selector before that one":       {inner, func(o []byte) ([]byte, error) { return AddAt(o, []Mark{{Ref: red}}, at("m")) }, false},
		"a selector after that one":        {inner, func(o []byte) ([]byte, error) { return AddAt(o, []Mark{{Ref: red}}, at("type")) }, true},
		"taking it apart":                  {inner, Expand, false},
		"an asked-for position that moves": {first, func(o []byte) ([]byte, error) {
			return SetAt(o, []Mark{{Lang: "en"}}, at("granular_markings.[1]"), Options{})
		}, false},
		"an object marking, granulars aside": {loose, func(o []byte) ([]byte, error) { return Add(o, red) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.change([]byte(c.object))
			switch {
			case c.done && err != nil:
				t.Error(err)
			case !c.done && (!errors.Is(err, ErrInvalidSelector) || len(err.Error()) > 500):
				t.Errorf("made %s, %v", got, err)
			}
		})
	}
}

func TestAnObjectThatCannotBeUnderstoodIsRefused(t *testing.T) {
	for name, object := range map[string]string{
		"nothing":                            ``,
		"no JSON":                            `secret`,
		"a list":                             `[{"n":1}]`,
		"two objects":                        `{"n":1}{"n":1}`,
		"an object cut short":                `{"n":1,"m":"secret`,
		"a comma too many":                   `{"n":1,}`,
		"a name used twice":                  `{"n":1,"secret":2,"secret":3}`,
		"a name used twice, once escaped":    `{"n":1,"granular_markings":[],"granular\u005fmarkings":[]}`,
		"a name used twice, deeper":          `{"n":[{"secret":1,"secret":2}]}`,
		"text that is not UTF-8":             "{\"n\":\"secret\xff\"}",
		"half of a surrogate pair":           `{"n":"\ud800"}`,
		"nesting of 65 levels":               strings.Repeat(`{"n":`, 65) + "1" + strings.Repeat("}", 65),
		"lists of 65 levels":                 `{"n":` + strings.Repeat(`[`, 64) + strings.Repeat("]", 64) + `}`,
		"a number for object markings":       `{"n":1,"object_marking_refs":5}`,
		"null for object markings":           `{"n":1,"object_marking_refs":null}`,
		"a number among object markings":     `{"n":1,"object_marking_refs":["secret",5]}`,
		"an empty object marking":            `{"n":1,"object_marking_refs":[""]}`,
		"an object marking too long":         `{"n":1,"object_marking_refs":["` + strings.Repeat("x", 101) + `"]}`,
		"an object for granular markings":    `{"n":1,"granular_markings":{}}`,
		"null for granular markings":         `{"n":1,"granular_markings":null}`,
		"a string among granular markings":   `{"n":1,"granular_markings":["secret"]}`,
		"a granular marking of nothing":      `{"n":1,"granular_markings":[{}]}`,
		"no selectors":                       `{"n":1,"granular_markings":[{"lang":"en"}]}`,
		"a list of no selectors":             `{"n":1,"granular_markings":[{"lang":"en","selectors":[]}]}`,
		"a selector of another form":         `{"n":1,"granular_markings":[{"lang":"en","selectors":["n","secret one"]}]}`,
		"a selector that is a number":        `{"n":1,"granular_markings":[{"lang":"en","selectors":[1]}]}`,
		"neither language nor reference":     `{"n":1,"granular_markings":[{"selectors":["n"]}]}`,
		"a language and a reference":         `{"n":1,"granular_markings":[{"lang":"en","marking_ref":"` + red + `","selectors":["n"]}]}`,
		"a reference that is a list":         `{"n":1,"granular_markings":[{"marking_ref":["` + red + `"],"selectors":["n"]}]}`,
		"an identifier with a broken escape": `{"n":1,"id":"\x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range everything([]byte(object), "n") {
				if !errors.Is(err, ErrInvalidObject) {
					t.Errorf("got %v", err)
				} else if strings.Contains(err.Error(), "secret") || len(err.Error()) > 500 {
					t.Errorf("says %s", err)
				}
			}
		})
	}
}

func TestAPropertyThatWouldBeLostStopsAChange(t *testing.T) {
	object := []byte(`{"n":1,"granular_markings":[{"lang":"en","selectors":["n"]},{"lang":"de","selectors":["n"],"x_why":"secret"}]}`)
	_, err := AddAt(object, []Mark{{Ref: red}}, []string{"n"})
	if !errors.Is(err, ErrInvalidObject) || !strings.Contains(err.Error(), "/granular_markings/1") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if got, err := GetAt(object, []string{"n"}, Options{}); err != nil || len(got) != 2 {
		t.Errorf("reading is another matter: %v, %v", got, err)
	}
	if _, err := Add(object, red); err != nil {
		t.Errorf("so are the object's own: %v", err)
	}
}

// everything asks and changes all there is to ask and change, and returns the
// errors.
func everything(object []byte, selector string) []error {
	at, marks := []string{selector}, []Mark{{Ref: red}}
	all := Options{Inherited: true, Descendants: true}
	var errs []error
	note := func(_ any, err error) { errs = append(errs, err) }
	note(Get(object))
	note(IsMarked(object, red))
	note(Add(object, red))
	note(Remove(object, red))
	note(Set(object, red))
	note(Clear(object))
	note(GetAt(object, at, all))
	note(IsMarkedAt(object, marks, at, all))
	note(AddAt(object, marks, at))
	note(RemoveAt(object, marks, at))
	note(SetAt(object, marks, at, all))
	note(ClearAt(object, at, all))
	note(Compress(object))
	note(Expand(object))
	note(Explain(object, selector))
	note(Levels(object))
	note(nil, Resolve(object, selector))
	return errs
}

func TestErrorsAreBoundedWhateverIsGiven(t *testing.T) {
	object := []byte(`{"id":"x","` + strings.Repeat("n", 250) + `":1,"object_marking_refs":["` + red + `"],"granular_markings":[{"lang":"en","selectors":["` + strings.Repeat("n", 250) + `"]}]}`)
	long := strings.Repeat("\x00", 10_000)
	_, removeErr := RemoveAt(object, []Mark{{Ref: long}}, []string{strings.Repeat("n", 250), "id"})
	_, refErr := Add(object, long)
	_, langErr := AddAt(object, []Mark{{Lang: long}}, []string{"id"})
	_, wholeErr := Remove(object, long)
	_, clearErr := ClearAt(object, []string{"id"}, Options{})
	for _, err := range []error{removeErr, refErr, langErr, wholeErr, clearErr, Resolve(object, long), Resolve(object, "id", strings.Repeat("m", 250))} {
		if err == nil || len(err.Error()) > 500 {
			t.Errorf("got %v", err)
		}
	}
}
