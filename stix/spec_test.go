package stix

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// allTables gathers every table there is, by name.
func allTables() map[string]*structure {
	tables := maps.Clone(structures)
	var add func(st *structure)
	add = func(st *structure) {
		tables[st.name] = st
		for i := range st.props {
			if inner := st.props[i].value.inner; inner != nil && tables[inner.name] == nil {
				add(inner)
			}
		}
		for _, ext := range st.extensions {
			if tables[ext.name] == nil {
				add(ext)
			}
		}
	}
	for _, st := range structures {
		add(st)
	}
	return tables
}

// tableTitles are the titles of property tables that do not say which type they
// are of.
var tableTitles = map[string]string{
	"2.5 External Reference": "external-reference", "6.6.2 Email MIME": "email-mime-component", "6.7.2 Archive": "archive-ext",
	"Alternate Data Stream": "alternate-data-stream", "6.7.3 NTFS": "ntfs-ext", "6.7.4 PDF": "pdf-ext", "6.7.5 Raster": "raster-image-ext",
	"PE Optional Header": "windows-pe-optional-header", "PE Section": "windows-pe-section", "6.7.6 Windows": "windows-pebinary-ext",
	"6.12.2 HTTP": "http-request-ext", "6.12.3 ICMP": "icmp-ext", "6.12.4 Network": "socket-ext", "6.12.5 TCP": "tcp-ext",
	"6.13.2 Windows": "windows-process-ext", "6.13.3 Windows": "windows-service-ext", "6.16.2 UNIX": "unix-account-ext",
	"6.17.2 Windows": "windows-registry-value", "6.18.2 X.509": "x509-v3-extensions",
}

func tableOfTitle(title string, properties map[string]extractedProperty) string {
	if _, name, ok := strings.Cut(properties["type"].Description, "MUST be "); ok {
		return strings.TrimRight(name, ".")
	}
	best := ""
	for part := range tableTitles {
		// The last one wins: a type inside of an extension names both.
		if at := strings.LastIndex(title, part); at >= 0 && (best == "" || at > strings.LastIndex(title, best)) {
			best = part
		}
	}
	return tableTitles[best]
}

type extractedProperty struct{ Presence, Type, Description string }

// kindsByType says which kinds stand for the types of the document.
var kindsByType = map[string][]kind{
	"string": {textKind}, "boolean": {booleanKind}, "integer": {integerKind}, "float": {floatKind}, "timestamp": {timestampKind, textKind},
	"identifier": {identifierKind, textKind}, "hex": {hexKind}, "binary": {binaryKind}, "hashes": {hashesKind}, "open-vocab": {openKind, textKind},
	"enum": {enumKind}, "dictionary": {dictionaryKind, specialKind}, "observable-container": {specialKind}, "<marking object>": {specialKind},
	"<STIX Object>": {specialKind},
}

func TestTheTablesAreThoseOfTheDocument(t *testing.T) {
	raw, err := os.ReadFile(shared(t, "stix", "properties.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]struct {
		Properties map[string]extractedProperty
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	tables, seen, rows := allTables(), map[string]bool{}, 0
	for title, table := range document {
		if strings.Contains(title, "3.2 Common") {
			continue
		}
		name := tableOfTitle(title, table.Properties)
		st := tables[name]
		if st == nil {
			t.Errorf("%s: there is no table %q", title, name)
			continue
		}
		seen[name] = true
		for prop, want := range table.Properties {
			rows++
			if k := st.find([]byte(prop)); k < 0 {
				t.Errorf("%s lacks %s", name, prop)
			} else {
				sameRow(t, name, &st.props[k], want)
			}
		}
		for i := range st.props {
			if p := &st.props[i]; table.Properties[p.name].Type == "" && !commonNames[p.name] && p.presence != forbidden &&
				name+"."+p.name != "ntfs-ext.alternate_data_streams" { // which the extract of the document lost
				t.Errorf("%s has %s, which the document has not", name, p.name)
			}
		}
	}
	for name := range tables {
		if !seen[name] && name != "kill-chain-phase" && name != "granular-marking" {
			t.Errorf("the document has no table %q", name)
		}
	}
	if rows < 400 {
		t.Errorf("only %d rows were compared", rows)
	}
}

func sameRow(t *testing.T, table string, p *property, want extractedProperty) {
	t.Helper()
	if want.Type == "RESERVED" {
		if p.presence != forbidden {
			t.Errorf("%s.%s is reserved", table, p.name)
		}
		return
	}
	if (want.Presence == "required") != (p.presence == required) {
		t.Errorf("%s.%s: the document says %q", table, p.name, want.Presence)
	}
	typ, list := strings.CutPrefix(want.Type, "list of type ")
	if list != p.value.list && p.value.kind != specialKind {
		t.Errorf("%s.%s is a %s", table, p.name, want.Type)
	}
	kinds, known := kindsByType[typ]
	if !known {
		kinds = []kind{nestedKind}
	}
	if !slices.Contains(kinds, p.value.kind) {
		t.Errorf("%s.%s is a %s, and kind %d here", table, p.name, want.Type, p.value.kind)
	}
}

func TestTheVocabulariesAreThoseOfTheDocument(t *testing.T) {
	raw, err := os.ReadFile(shared(t, "stix", "vocab.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]struct {
		Open   bool
		Values []string
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	ours := map[string]*vocabulary{"hash-algorithm-ov": hashAlgorithms}
	for _, st := range allTables() {
		for i := range st.props {
			if v := st.props[i].value.vocab; v != nil {
				ours[v.name] = v
				if open := document[v.name].Open; open != (st.props[i].value.kind == openKind) {
					t.Errorf("%s.%s: %s is open: %v", st.name, st.props[i].name, v.name, open)
				}
			}
		}
	}
	for name, want := range document {
		v := ours[name]
		if v == nil {
			t.Errorf("%s is used nowhere", name)
			continue
		}
		for _, w := range want.Values {
			if !v.has([]byte(w)) {
				t.Errorf("%s lacks %s", name, w)
			}
		}
		for w := range v.words {
			if !slices.Contains(want.Values, w) && w != "individual" { // in its section's text only
				t.Errorf("%s has %s, which the document has not", name, w)
			}
		}
	}
}

func TestTheSuggestedRelationshipsAreThoseOfTheDocument(t *testing.T) {
	raw, err := os.ReadFile(shared(t, "stix", "relationships.json"))
	if err != nil {
		t.Fatal(err)
	}
	var triples [][3]string
	if err := json.Unmarshal(raw, &triples); err != nil {
		t.Fatal(err)
	}
	ours := 0
	for _, types := range suggestedTargets {
		for _, targets := range types {
			ours += len(targets)
		}
	}
	for _, r := range triples {
		target := r[2]
		if strings.HasPrefix(target, "<All") {
			target = "mutex"
		}
		if !suggestedRelationship([]byte(r[0]), []byte(r[1]), []byte(target)) {
			t.Errorf("%v is not suggested", r)
		}
	}
	if ours != len(triples) {
		t.Errorf("%d are suggested, and %d in the document", ours, len(triples))
	}
}
