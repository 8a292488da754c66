package profile_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/stix"
)

func asean(t *testing.T) *profile.Profile {
	t.Helper()
	p, err := profile.Load("asean")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheReadyMadeRegion(t *testing.T) {
	p := asean(t)
	eleven := []string{"bn", "id", "kh", "la", "mm", "my", "ph", "sg", "th", "tl", "vn"}
	twelve := []string{"bn", "id", "kh", "la", "mm", "my", "ph", "sg", "th", "tl", "us", "vn"}
	var members, receiveOnly []string
	for _, m := range p.Members {
		members = append(members, m.Name)
		if m.ReceiveOnly {
			receiveOnly = append(receiveOnly, m.Name)
		}
	}
	slices.Sort(members)
	if diff := cmp.Diff(twelve, members); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"tl"}, receiveOnly); diff != "" {
		t.Error(diff)
	}
	want := map[string]struct {
		members []string
		known   string
		all     int
	}{
		"region":    {twelve, "", 12},
		"asean":     {eleven, "", 11},
		"asean-us":  {twelve, "", 12},
		"drill":     {twelve, "", 12},
		"admm-plus": {twelve, "au cn in jp kr nz ru", 19},
		"arf-ism":   {twelve, "au bd ca cn eu in jp kp kr lk mn nz pg pk ru", 27},
	}
	if len(p.Communities) != len(want) {
		t.Errorf("%d communities", len(p.Communities))
	}
	for _, c := range p.Communities {
		w := want[c.Name]
		if diff := cmp.Diff(w.members, slices.Sorted(slices.Values(c.Members))); diff != "" {
			t.Errorf("%s: %s", c.Name, diff)
		}
		if got := strings.Join(c.Known, " "); got != w.known {
			t.Errorf("%s knows %s", c.Name, got)
		}
		if got := len(c.Members) + len(c.Known); got != w.all {
			t.Errorf("%s has %d participants, want %d", c.Name, got, w.all)
		}
	}
}

func TestIdentitiesAreDerivedAsTheFileSays(t *testing.T) {
	for _, m := range asean(t).Members {
		if len(m.Identities) != 1 {
			t.Fatalf("%s has %d identities", m.Name, len(m.Identities))
		}
		id := uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://selat.example/profile/asean/identity/"+m.Name))
		if got, want := m.Identities[0].ID, "identity--"+id.String(); got != want {
			t.Errorf("%s: %s, want %s", m.Name, got, want)
		}
		if id.Version() != 5 {
			t.Errorf("%s: UUIDv%d", m.Name, id.Version())
		}
	}
}

func TestIdentityObjectsAreStable(t *testing.T) {
	m := asean(t).Members[0]
	got, err := m.Identities[0].Object()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"identity","spec_version":"2.1","id":"` + m.Identities[0].ID + `","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"BruCERT","identity_class":"organization","sectors":["government"]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if !json.Valid(got) {
		t.Error("not JSON")
	}
}

func TestAMechanismsNameGivesNobodyAnAudience(t *testing.T) {
	r := asean(t).Region(time.Unix(0, 0))
	seat := &policy.Seat{Name: "au/desk", Member: "au", Kind: policy.Both, Standing: policy.Organization, Ceiling: stix.Red}
	if got := r.Readable(seat); len(got) != 0 {
		t.Errorf("a known participant reads %v", got)
	}
	r.Members["au"] = &policy.Member{Name: "au"}
	if got := r.Readable(seat); len(got) != 1 || got[0].Level != stix.Red {
		t.Errorf("a new member without a place reads %v", got)
	}
}

func TestSourceIsTheFileThatLoads(t *testing.T) {
	text, err := profile.Source("asean")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asean(t), p); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"", "../asean", "asean.yaml", "atlantis"} {
		if _, err := profile.Source(name); err == nil {
			t.Errorf("%q is a ready-made profile", name)
		}
	}
}

func TestLoadSaysWhatIsMissing(t *testing.T) {
	for name, want := range map[string]string{
		"atlantis":          "no ready-made profile",
		"./atlantis.yaml":   "no such file",
		t.TempDir() + "/no": "no such file",
		t.TempDir():         "directory",
	} {
		if _, err := profile.Load(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const small = `name: small
title: Small
members:
  - name: my
    title: MyCERT
    identities:
      - id: identity--11111111-1111-4111-8111-111111111111
        name: MyCERT
  - name: "no"
    title: NorCERT
communities:
  - name: pair
    title: Pair
    members: [my, no]
    known: [sg]
`

func TestStrictness(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"a small profile loads", "", "", ""},
		{"Norway needs no quotes", `"no"`, "no", ""},
		{"members may be repeated by alias", "[my, no]\n", "&both [my, no]\n  - {name: twin, title: Twin, members: *both}\n  - name: third\n    title: Third\n", ""},
		{"an unknown key is refused", "title: MyCERT", "titel: MyCERT", `p.yaml:5: "titel" is no key of a member; correct or remove it`},
		{"an unknown key at the top is refused", "title: Small", "title: Small\nregion: x", `p.yaml:3: "region" is no key of a profile`},
		{"a key twice is refused", "title: Pair", "title: Pair\n    title: Two", "p.yaml:14: "},
		{"a wrong type is refused", "members: [my, no]", "members: {my: no}", "p.yaml:14: "},
		{"broken YAML is refused", "members: [my, no]", "members: [my, no", "p.yaml:"},
		{"a second document is refused", "known: [sg]\n", "known: [sg]\n---\nname: two\n", "one YAML document"},
		{"an unknown member on a roster is refused", "[my, no]", "[my, xx]", "p.yaml:14: xx is not a member"},
		{"a member twice on a roster is refused", "[my, no]", "[my, no, my]", "p.yaml:14: my is given twice"},
		{"a member on the roster and known is refused", "known: [sg]", "known: [sg, my]", "p.yaml:15: my is given twice"},
		{"a known participant twice is refused", "known: [sg]", "known: [sg, sg]", "p.yaml:15: sg is given twice"},
		{"a known participant that cannot be named is refused", "known: [sg]", `known: [sg, ">"]`, "p.yaml:15: "},
		{"a member twice is refused", `"no"`, "my", `p.yaml:9: "my" is already a member`},
		{"a community twice is refused", "known: [sg]", "known: [sg]\n  - {name: pair, title: Two}", `p.yaml:16: "pair" is already a community`},
		{"a member named like a community is refused", "name: pair", "name: my", "p.yaml:12: "},
		{"a known participant named like a later community is refused", "known: [sg]", "known: [trio]\n  - {name: trio, title: Three}", `p.yaml:16: "trio" is a known participant of pair`},
		{"a reserved name is refused", "name: pair", "name: red", `p.yaml:12: "red" is a reserved word`},
		{"a name with a dot is refused", "name: pair", "name: p.air", "p.yaml:12: "},
		{"a missing name is refused", "name: pair\n    title", "title", "p.yaml:12: "},
		{"a missing title is refused", "    title: NorCERT\n", "", "p.yaml:9: the title is missing"},
		{"a title with a control character is refused", "title: NorCERT", `title: "Nor\eCERT"`, "p.yaml:10: "},
		{"an identity that is none is refused", "identity--1111", "campaign--1111", "p.yaml:7: "},
		{"an identity of two members is refused", "title: NorCERT", "title: NorCERT\n    identities:\n      - {id: identity--11111111-1111-4111-8111-111111111111, name: Nor}", "p.yaml:12: member my already speaks"},
		{"an identity twice is refused", "        name: MyCERT\n", "        name: MyCERT\n      - {id: identity--11111111-1111-4111-8111-111111111111, name: Two}\n", "p.yaml:9: "},
		{"an identity without a name is refused", "        name: MyCERT\n", "", "p.yaml:7: the name is missing"},
		{"a profile without a name is refused", "name: small\n", "", "p.yaml:1: the profile needs a name"},
		{"an empty file is refused", small, "", "p.yaml: the profile is empty"},
		{"a profile without members is refused", small, "name: none-yet\ntitle: None\n", "p.yaml:1: the profile has no members"},
		{"a profile that is a list is refused", small, "- my\n- sg\n", "p.yaml:1: "},
		{"a profile beyond the limit is refused", "title: Small", "title: " + strings.Repeat("x", 200_000), "at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, c.old, c.new, 1)
			if c.old != "" && text == small {
				t.Fatal("the case changes nothing")
			}
			_, err := profile.Parse("p.yaml", []byte(text))
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

var (
	streamName = regexp.MustCompile(`\ACTI_[A-Z0-9-]+_[A-Z-]+\z`)
	subject    = regexp.MustCompile(`\Acti\.[a-z0-9-]+\.[a-z-]+\.[a-z0-9-]+\.\*\z`)
)

func FuzzParse(f *testing.F) {
	text, err := profile.Source("asean")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(text), small, "", "name: x", "- a", "a: &a [*a]", "members: [{name: no, title: t}]\nname: abc\ntitle: t\n", "<<: {name: abc}\n", "---\n---\n", "!!binary x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := profile.Parse("p.yaml", text)
		if err != nil {
			if p != nil || !strings.HasPrefix(err.Error(), "p.yaml:") {
				t.Fatalf("%v with %v", err, p)
			}
			return
		}
		whole := p.Region(time.Unix(0, 0))
		if len(whole.Members) != len(p.Members) || len(whole.Communities) != len(p.Communities) {
			t.Fatal("a name stands twice")
		}
		// Each part must pass the checks a running hub makes on adding it last.
		for name, m := range whole.Members {
			rest := p.Region(time.Unix(0, 0))
			delete(rest.Members, name)
			if no := policy.NewRegion(rest.Members, nil, rest.Communities).CheckNewMember(m); no != nil {
				t.Fatal(no)
			}
		}
		for name, c := range whole.Communities {
			rest := p.Region(time.Unix(0, 0))
			delete(rest.Communities, name)
			if no := rest.CheckNewCommunity(c); no != nil {
				t.Fatal(no)
			}
		}
		for _, s := range whole.Streams() {
			if !streamName.MatchString(whole.Name(s)) || !subject.MatchString(whole.Subject(s, p.Members[0].Name, "*")) {
				t.Fatalf("%s %s", whole.Name(s), whole.Subject(s, p.Members[0].Name, "*"))
			}
		}
	})
}

func ExampleLoad() {
	p, err := profile.Load("asean")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range p.Communities {
		fmt.Println(c.Name, len(c.Members), len(c.Known))
	}
	// Output:
	// region 12 0
	// asean 11 0
	// asean-us 12 0
	// drill 12 0
	// admm-plus 12 7
	// arf-ism 12 15
}
