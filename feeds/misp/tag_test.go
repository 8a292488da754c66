package misp

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/stix"
)

func tags(names ...Text) []Tag {
	var out []Tag
	for _, n := range names {
		out = append(out, Tag{Name: n})
	}
	return out
}

func TestTagsSayWhatTheirTaxonomiesSay(t *testing.T) {
	for _, s := range []struct {
		name string
		tags []Tag
		want Said
	}{
		{"none", nil, Said{}},
		{"a TLP", tags("tlp:amber"), Said{Level: stix.Amber}},
		{"white is clear", tags("TLP:WHITE"), Said{Level: stix.Clear}},
		{"the strictest TLP", tags("tlp:green", "tlp:amber+strict", "tlp:clear"), Said{Level: stix.AmberStrict}},
		{"a TLP in quotes", tags(`tlp:"red"`), Said{Level: stix.Red}},
		{"a TLP that is none", tags("tlp:ex:chr", "tlp:clear"), Said{Level: stix.Clear, Unknown: true}},
		{"a local TLP counts too", []Tag{{Name: "tlp:red", Local: true}}, Said{Level: stix.Red}},
		{"the strictest PAP", tags("PAP:GREEN", "PAP:RED", "PAP:WHITE"), Said{PAP: "PAP:RED"}},
		{"the older word of PAP", tags("pap:white"), Said{PAP: "PAP:CLEAR"}},
		{"the lowest confidence", tags(`admiralty-scale:information-credibility="1"`, `misp:confidence-level="rarely-confident"`), Said{Confidence: new(25)}},
		{"how reliable a source is says nothing of this", tags(`admiralty-scale:source-reliability="a"`), Said{Labels: []string{`admiralty-scale:source-reliability="a"`}}},
		{"estimative language", tags(`estimative-language:confidence-in-analytic-judgment="moderate"`), Said{Confidence: new(50)}},
		{"a cluster", tags(`misp-galaxy:malpedia="Invented Bot"`), Said{Clusters: []NamedCluster{{"malpedia", "Invented Bot"}}}},
		{"labels", tags("campaign", " type:OSINT "), Said{Labels: []string{"campaign", "type:OSINT"}}},
		{"what is local is for nobody else", []Tag{{Name: "own", Local: true}, {Name: `misp-galaxy:rat="X"`, Local: true}}, Said{}},
	} {
		t.Run(s.name, func(t *testing.T) {
			if diff := gocmp.Diff(s.want, ReadTags(s.tags)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEachLevelAndConfidenceIsReadBackFromItsTag(t *testing.T) {
	for _, level := range stix.Levels {
		if said := ReadTags(tags(LevelTag(level))); said.Level != level || said.Unknown {
			t.Errorf("%s is read as %+v", LevelTag(level), said)
		}
	}
	if LevelTag(stix.NoLevel) != "" {
		t.Error("no level has a tag")
	}
	for confidence, want := range map[int]int{-5: 0, 0: 0, 12: 0, 13: 25, 50: 50, 80: 75, 88: 100, 100: 100, 900: 100} {
		if said := ReadTags(tags(ConfidenceTag(confidence))); said.Confidence == nil || *said.Confidence != want {
			t.Errorf("%d is written as %s and read as %v", confidence, ConfidenceTag(confidence), said.Confidence)
		}
	}
}

// taxonomy is a taxonomy of MISP, as its own files have it.
type taxonomy struct {
	Namespace  string
	Predicates []struct{ Value string }
	Values     []struct {
		Predicate string
		Entry     []struct {
			Value     string
			Numerical *int `json:"numerical_value"`
		}
	}
}

func readTaxonomy(t *testing.T, name string) (all taxonomy) {
	t.Helper()
	root := cmp.Or(os.Getenv("SELAT_SHARED"), "../../../shared")
	raw, err := os.ReadFile(filepath.Join(root, "samples", "taxonomies", name+".json"))
	if err != nil {
		t.Skipf("skipped: the samples are not there (SELAT_SHARED): %v", err)
	}
	if err := json.Unmarshal(raw, &all, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryWordOfTheTaxonomiesIsKnownOrHeldBack(t *testing.T) {
	levels := map[string]stix.Level{"red": stix.Red, "amber": stix.Amber, "amber+strict": stix.AmberStrict, "green": stix.Green, "white": stix.Clear, "clear": stix.Clear}
	tlp := readTaxonomy(t, "tlp")
	for _, p := range tlp.Predicates {
		level, known := levels[p.Value]
		if said := ReadTags(tags(Text("tlp:" + p.Value))); said.Level != level || said.Unknown == known {
			t.Errorf("tlp:%s is read as %+v", p.Value, said)
		}
	}
	pap := readTaxonomy(t, "PAP")
	for _, p := range pap.Predicates {
		want := "PAP:" + p.Value
		if p.Value == "WHITE" {
			want = "PAP:CLEAR"
		}
		if said := ReadTags(tags(Text("PAP:" + p.Value))); said.PAP != want || said.Labels != nil {
			t.Errorf("PAP:%s is read as %+v", p.Value, said)
		}
	}
	admiralty := readTaxonomy(t, "admiralty-scale")
	// STIX 2.1 appendix A has the numbers; 6 is what cannot be judged.
	numbers := map[string]*int{"1": new(90), "2": new(70), "3": new(50), "4": new(30), "5": new(10), "6": nil}
	words := 0
	for _, v := range admiralty.Values {
		for _, e := range v.Entry {
			if v.Predicate != "information-credibility" {
				continue
			}
			words++
			want, known := numbers[e.Value]
			said := ReadTags(tags(Text(`admiralty-scale:information-credibility="` + e.Value + `"`)))
			if !known || !gocmp.Equal(said.Confidence, want) {
				t.Errorf("credibility %s is read as %v", e.Value, said.Confidence)
			}
		}
	}
	falsePositive := readTaxonomy(t, "false-positive")
	for _, v := range falsePositive.Values {
		for _, e := range v.Entry {
			tag := `false-positive:` + v.Predicate + `="` + e.Value + `"`
			if said := ReadTags(tags(Text(tag))); !gocmp.Equal(said, Said{Labels: []string{tag}}) {
				t.Errorf("%s is read as %+v", tag, said)
			}
		}
	}
	if len(tlp.Predicates) != 8 || len(pap.Predicates) != 5 || words != 6 {
		t.Errorf("%d words of tlp, %d of PAP and %d of the scale", len(tlp.Predicates), len(pap.Predicates), words)
	}
}

func TestOnlyClustersOfOneSortBecomeObjects(t *testing.T) {
	for _, c := range []struct {
		NamedCluster
		typ, name, attack string
		ok                bool
	}{
		{NamedCluster{"malpedia", "Invented Bot"}, "malware", "Invented Bot", "", true},
		{NamedCluster{"mitre-malware", "InventedBot - S9999"}, "malware", "InventedBot", "S9999", true},
		{NamedCluster{"Threat-Actor", " Invented Bear "}, "threat-actor", "Invented Bear", "", true},
		{NamedCluster{"mitre-intrusion-set", "G - G0001"}, "intrusion-set", "G", "G0001", true},
		{NamedCluster{"mitre-attack-pattern", "Phishing - T1566"}, "attack-pattern", "Phishing", "T1566", true},
		{NamedCluster{"tool", "ping"}, "", "ping", "", false},
		{NamedCluster{"malpedia", " "}, "malware", "", "", false},
	} {
		typ, name, attack, ok := c.STIX()
		if typ != c.typ || name != c.name || attack != c.attack || ok != c.ok {
			t.Errorf("%+v is %q %q %q %t", c.NamedCluster, typ, name, attack, ok)
		}
	}
}
