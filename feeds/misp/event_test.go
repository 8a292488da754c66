package misp

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

const someUUID = "0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11"

func TestEventsAreReadInEachFormInWhichTheyComeAlong(t *testing.T) {
	event := `{"uuid":"` + someUUID + `","info":"x"}`
	for _, d := range []struct {
		name, text  string
		events, bad int
		fails       bool
	}{
		{"alone", event, 1, 0, false},
		{"in an object", `{"Event":` + event + `}`, 1, 0, false},
		{"in a list", `[{"Event":` + event + `},` + event + `]`, 2, 0, false},
		{"in a response", `{"response":[{"Event":` + event + `}]}`, 1, 0, false},
		{"in a response of one", `{"response":{"Event":` + event + `}}`, 1, 0, false},
		{"behind a byte order mark", "\ufeff" + event, 1, 0, false},
		{"beside one that is none", `[` + event + `,7,{"uuid":[]}]`, 3, 2, false},
		{"without a uuid", `{"info":"x"}`, 1, 1, false},
		{"no list of lists without end", `[[[[[` + event + `]]]]]`, 1, 1, false},
		{"none", `[]`, 0, 0, false},
		{"what is no JSON", `{`, 0, 0, true},
		{"nothing", ``, 0, 0, true},
	} {
		t.Run(d.name, func(t *testing.T) {
			events, err := ReadEvents(strings.NewReader(d.text))
			bad := 0
			for _, e := range events {
				if e.Err != nil {
					bad++
				} else if e.Value.UUID != someUUID {
					t.Errorf("%+v", e.Value)
				}
			}
			if (err != nil) != d.fails || len(events) != d.events || bad != d.bad {
				t.Errorf("%d events, %d of them bad, %v", len(events), bad, err)
			}
		})
	}
}

func TestToIDSAndItsLikeAreReadAsToolsWriteThem(t *testing.T) {
	for text, want := range map[string]struct {
		flag, ok bool
	}{
		`true`: {true, true}, `1`: {true, true}, `"1"`: {true, true}, `"true"`: {true, true}, `"True"`: {true, true},
		`false`: {false, true}, `0`: {false, true}, `"0"`: {false, true}, `""`: {false, true}, `null`: {false, true},
		`"yes"`: {false, false}, `2`: {false, false}, `{}`: {false, false}, `[]`: {false, false},
	} {
		var a Element[Attribute]
		err := json.Unmarshal([]byte(`{"uuid":"x","to_ids":`+text+`}`), &a)
		if err != nil || (a.Err == nil) != want.ok || a.Err == nil && bool(a.Value.ToIDS) != want.flag {
			t.Errorf("%s: %t, %v, %v", text, a.Value.ToIDS, a.Err, err)
		}
	}
}

func TestNumbersAndTimesAreReadAsToolsWriteThem(t *testing.T) {
	for text, want := range map[string]int64{`7`: 7, `"7"`: 7, `""`: 0, `null`: 0, `-1`: -1, `"x"`: -99, `1.5`: -99, `[]`: -99} {
		var n Number = -99
		if err := json.Unmarshal([]byte(text), &n); (err == nil) != (want != -99) || err == nil && int64(n) != want {
			t.Errorf("%s: %d, %v", text, n, err)
		}
	}
	moment := time.Date(2026, 8, 20, 9, 54, 23, 0, time.UTC)
	for text, want := range map[string]time.Time{
		`"2026-08-20T09:54:23+00:00"`: moment, `"2026-08-20T11:54:23+02:00"`: moment, `"2026-08-20T09:54:23"`: moment,
		`"2026-08-20"`: time.Date(2026, 8, 20, 0, 0, 0, 0, time.UTC), `1787219663`: moment, `"1787219663000000"`: moment,
		`"2026-08-20T09:54:23.123456+00:00"`: moment.Add(123 * time.Millisecond), `null`: {}, `""`: {},
	} {
		var got Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{`"soon"`, `"1869-01-01"`, `"2300-01-01"`, `99999999999999999`, `{}`} {
		var got Time
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as %s", text, got)
		}
	}
	for n, zero := range map[Number]bool{0: true, -1: true, 7258118401: true, 1787219663: false} {
		if n.Moment().IsZero() != zero {
			t.Errorf("%d is %s", n, n.Moment())
		}
	}
}

func TestAnElementOfAnotherFormSaysWhereAndQuotesNothing(t *testing.T) {
	events, err := ReadEvents(strings.NewReader(`{"uuid":"` + someUUID + `","Attribute":[
		{"uuid":"1","to_ids":"canary"},{"uuid":"2","Tag":[{"name":{"canary":1}}]},{"uuid":"3","first_seen":"canary"},7,{"uuid":"5","value":"ok"}],
		"Object":["canary",{"uuid":"7","Attribute":[{"timestamp":"canary"}]}]}`))
	if err != nil || len(events) != 1 || events[0].Err != nil {
		t.Fatal(events, err)
	}
	e := events[0].Value
	for i, want := range []string{"/to_ids: it must be true or false", "/Tag/0/name: it must be text", "/first_seen: it must be a time", "the value: it has another type", ""} {
		got := ""
		if e.Attributes[i].Err != nil {
			got = e.Attributes[i].Err.Error()
		}
		if !strings.HasPrefix(got, want) || (got == "") != (want == "") || strings.Contains(got, "canary") {
			t.Errorf("attribute %d: %q", i, got)
		}
	}
	if e.Objects[0].Err == nil || e.Objects[1].Err != nil || e.Objects[1].Value.Attributes[0].Err == nil {
		t.Errorf("%+v", e.Objects)
	}
}

func TestAManifestIsReadEntryByEntry(t *testing.T) {
	m, err := ReadManifest(strings.NewReader(`{"` + strings.ToUpper(someUUID) + `":{"timestamp":"7","info":"x"},"../x":{"timestamp":1},"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a12":{"timestamp":"soon"}}`))
	if err != nil || len(m) != 3 {
		t.Fatal(m, err)
	}
	if e := m[someUUID]; e.Err != nil || e.Timestamp != 7 {
		t.Errorf("%+v", e)
	}
	if m["../x"].Err == nil || m["0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a12"].Err == nil {
		t.Errorf("%+v", m)
	}
	if m, err := ReadManifest(strings.NewReader(" [ ]\n")); err != nil || len(m) != 0 {
		t.Error(m, err)
	}
	for _, text := range []string{"[7]", "7", "", "{"} {
		if _, err := ReadManifest(strings.NewReader(text)); err == nil {
			t.Errorf("%q is a manifest", text)
		}
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add(`{"response":[{"Event":{"uuid":"` + someUUID + `","timestamp":"1","Tag":[{"name":"tlp:red"}],"Attribute":[{"uuid":"1","to_ids":"1","first_seen":"2026-08-20"},7],"Object":[{"Attribute":[{}]}]}}]}`)
	f.Add(`[[[]]]`)
	f.Fuzz(func(t *testing.T, text string) {
		events, err := ReadEvents(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, e := range events {
			if e.Err != nil {
				continue
			}
			// What was read is written so that it reads as the same.
			raw, err := json.Marshal(&e.Value)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ReadEvents(strings.NewReader(string(raw)))
			if err != nil || len(again) != 1 || again[0].Err != nil {
				t.Fatalf("%s: %v, %v", raw, again, err)
			}
		}
	})
}

func FuzzReadManifest(f *testing.F) {
	f.Add(`{"` + someUUID + `":{"timestamp":"7","Tag":[{"name":"x"}],"Orgc":{"name":"y","uuid":"z"}},"x":[]}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ReadManifest(strings.NewReader(text))
		for key, e := range m {
			if _, ok := UUID(Text(key)); !ok && e.Err == nil {
				t.Errorf("%q is taken for a uuid", key)
			}
		}
		if err != nil && m != nil {
			t.Error("a manifest and an error")
		}
	})
}
