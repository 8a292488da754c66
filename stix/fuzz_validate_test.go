package stix

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// tree is a JSON value as another decoder reads it.
type tree struct {
	kind     jsontext.Kind
	names    []string
	children []*tree
}

func readTree(d *jsontext.Decoder) (*tree, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	t := &tree{kind: token.Kind()}
	for end := t.kind + 2; (t.kind == '{' || t.kind == '[') && d.PeekKind() != end; { // '}' after '{', ']' after '['
		if t.kind == '{' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			t.names = append(t.names, evened(name.String()))
		}
		child, err := readTree(d)
		if err != nil {
			return nil, err
		}
		t.children = append(t.children, child)
	}
	if t.kind == '{' || t.kind == '[' {
		_, err = d.ReadToken()
	}
	return t, err
}

var replaced = regexp.MustCompile("\uFFFD+")

// evened evens out how decoders replace what is no valid Unicode.
func evened(name string) string {
	return replaced.ReplaceAllString(strings.ToValidUTF8(name, "\uFFFD"), "\uFFFD")
}

// resolves tells whether an RFC 6901 pointer names something in the tree, or a
// missing member of an object in it. Of a name that is there twice, each counts.
func (t *tree) resolves(pointer string, missing bool) bool {
	if pointer == "" {
		return true
	}
	if pointer[0] != '/' {
		return false
	}
	name, rest := pointer[1:], ""
	if k := strings.IndexByte(name, '/'); k >= 0 {
		name, rest = name[:k], name[k:]
	}
	if t.kind == '[' {
		n, err := strconv.Atoi(name)
		return err == nil && strconv.Itoa(n) == name && 0 <= n && n < len(t.children) && t.children[n].resolves(rest, missing)
	}
	name = evened(strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	for k, n := range t.names {
		if n == name && t.children[k].resolves(rest, missing) {
			return true
		}
	}
	return t.kind == '{' && missing && rest == ""
}

// checkFindings fails unless each finding is whole, in its place among the
// others, and points to something in the payload.
func checkFindings(t *testing.T, payload []byte, fs []Finding) {
	if len(fs) > maxFindings {
		t.Fatalf("%d findings", len(fs))
	}
	warned := false
	var root *tree
	for i := range fs {
		f := &fs[i]
		if warned && f.Severity == Error {
			t.Fatalf("an error after a warning: %s", told(fs))
		}
		warned = f.Severity == Warning
		if f.Code == "" || f.Message == "" || len(f.Message) > 400 || len(f.Path) > 64*(maxPathName*4+1)+20 {
			t.Fatalf("nothing is said, or too much: %+v", f)
		}
		if tooDeepForOracle(payload) {
			continue
		}
		if root == nil {
			var err error
			d := jsontext.NewDecoder(bytes.NewReader(payload), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
			if root, err = readTree(d); err != nil {
				t.Fatalf("a finding in what another decoder does not read: %v", err)
			}
		}
		if !root.resolves(f.Path, f.Code == codeMissingProperty) {
			t.Fatalf("%s points to nothing: %+v", f.Path, f)
		}
	}
}

func FuzzValidate(f *testing.F) {
	for typ := range soundMembers {
		f.Add(made(f, typ, ""))
	}
	for _, c := range allRules() {
		f.Add(made(f, c.typ, c.changes))
	}
	for _, c := range predefinedRules {
		f.Add(extendedBy(f, c.key, c.changes))
	}
	f.Add([]byte("{\"\":[],\"\":{\"-1\":\"\x90\"}}"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		objects, err := Split(payload, Limits{})
		again, errAgain := Split(payload, Limits{})
		if !bytes.Equal(before, payload) || (err == nil) != (errAgain == nil) || len(objects) != len(again) {
			t.Fatalf("the payload was written to, or is read in two ways: %v %v", err, errAgain)
		}
		for i := range objects {
			if !bytes.Equal(objects[i].Raw, again[i].Raw) || !slices.Equal(objects[i].Findings, again[i].Findings) {
				t.Fatalf("two readings differ:\n%s\n%s", told(objects[i].Findings), told(again[i].Findings))
			}
			checkFindings(t, payload, objects[i].Findings)
			alone, err := Split(objects[i].Raw, Limits{})
			if err != nil || len(alone) != 1 || objects[i].Pointer == "" {
				continue // it is a bundle, or no object
			}
			if got, want := told(alone[0].Findings), strings.ReplaceAll(told(objects[i].Findings), " "+objects[i].Pointer, " "); got != want && !hasCode(alone[0].Findings, codeTooDeep) {
				t.Fatalf("alone %s\nin its bundle %s", got, want)
			}
		}
	})
}

func FuzzBundle(f *testing.F) {
	var objects []string
	for _, c := range allRules() {
		if objects = append(objects, string(made(f, c.typ, c.changes))); len(objects) == 5 {
			f.Add([]byte(inBundle(objects...)))
			objects = nil
		}
	}
	f.Add([]byte(inBundle(noteOf(1, day1, ""), noteOf(1, day1, `,"revoked":true`), noteOf(1, `2025-02-01T00:00:00.000Z`, ""))))
	f.Add([]byte(inBundle(string(made(f, "campaign", "")), string(made(f, "language-content", "")), string(made(f, "tool", "")))))
	f.Add([]byte(`{"type":"bundle","id":"bundle--1","xA":null,"objects":[]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		checkFindings(t, payload, CheckBundle(payload))
		objects, err := Split(payload, Limits{})
		if err != nil {
			return
		}
		all := pointersTo(objects)
		Together(all)
		again, _ := Split(payload, Limits{})
		Together(pointersTo(again))
		for i := range objects {
			if !slices.Equal(objects[i].Findings, again[i].Findings) {
				t.Fatalf("two readings differ:\n%s\n%s", told(objects[i].Findings), told(again[i].Findings))
			}
			checkFindings(t, payload, objects[i].Findings)
		}
		if !bytes.Equal(before, payload) {
			t.Fatal("the payload was written to")
		}
	})
}

// selectable is what the selectors of FuzzSelectors may select.
const selectable = `,"aliases":["a","b"],"x_a":[{"b":{"c":[[0,1],{"D-e_9":null}]}},"t",5],"external_references":[{"source_name":"s","external_id":"1"}]`

var (
	firstComponent = regexp.MustCompile(`^([a-z][a-z0-9_]{2,249}|id)$`)
	otherComponent = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,250}$`)
	listComponent  = regexp.MustCompile(`^\[(0|[1-9][0-9]{0,8})\]$`)
)

// selects is the selector syntax of STIX 2.1 §7.2.3.1, followed through values as
// encoding/json reads them.
func selects(v any, selector string) bool {
	for k, part := range strings.Split(selector, ".") {
		switch at := v.(type) {
		case map[string]any:
			form := otherComponent
			if k == 0 {
				form = firstComponent
			}
			next, there := at[part]
			if !there || !form.MatchString(part) {
				return false
			}
			v = next
		case []any:
			if !listComponent.MatchString(part) {
				return false
			}
			n, err := strconv.Atoi(part[1 : len(part)-1])
			if err != nil || n >= len(at) {
				return false
			}
			v = at[n]
		default:
			return false
		}
	}
	return true
}

func FuzzSelectors(f *testing.F) {
	for _, s := range []string{"name", "id", "aliases.[1]", "aliases.[2]", "x_a.[0].b.c.[0].[1]", "x_a.[0].b.c.[1].D-e_9", "x_a.[1]", "granular_markings.[0].selectors.[0]",
		"external_references.[0].source_name", "", ".", "[0]", "x_a.[00]", "x_a.[-0]", "x_a..b", "x_a.[0]b", "aliases.[18446744073709551616]", "name.[0]", "é", "k k", "x_a.[0].b.c.[1].D-e_9.x"} {
		f.Add(s, "any_key")
	}
	f.Add("x_z.other-Key.[0]", "other-Key")
	f.Add("x_z.a.b", "a.b")
	f.Add("x_z.", "")
	f.Fuzz(func(t *testing.T, selector, key string) {
		quoted, err := jsontext.AppendQuote(nil, selector)
		if err != nil {
			return // no Unicode
		}
		name, err := jsontext.AppendQuote(nil, key)
		if err != nil {
			return
		}
		object := []byte(domainObject(selectable + `,"x_z":{` + string(name) + `:[true]},"granular_markings":[{"lang":"fr","selectors":[` + string(quoted) + `]}]`))
		var v any
		if err := json.Unmarshal(object, &v); err != nil {
			t.Fatal(err)
		}
		objects, err := Split(object, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		refused := hasCode(objects[0].Findings, codeInvalidSelector)
		if want := selects(v, selector); want == refused {
			t.Fatalf("%q selects something: %v, and %s", selector, want, told(objects[0].Findings))
		}
		checkFindings(t, object, objects[0].Findings)
	})
}
