package lookup_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/feeds/lookup"
)

// document is as much of OpenAPI as is held against the program.
type document struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]schema
		SecuritySchemes map[string]any
	}
}

type operation struct {
	Parameters []struct {
		Name     string
		Required bool
		Schema   schema
	}
	RequestBody struct {
		Content map[string]struct {
			Schema  schema
			Example json.RawMessage
		}
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema schema }
	}
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type, Format         string
	Properties           map[string]schema
	Required             []string
	Items                *schema
	Enum                 []string
	Minimum, Maximum     *int
	MinItems, MaxItems   *int
	AdditionalProperties *bool
}

func described(t testing.TB) (doc document) {
	t.Helper()
	got := call(t, lookup.NewHandler(nil, byHeader, nil), "anonymous", "GET /api/v1/openapi.json", "")
	if got.status != 200 || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	must(t, json.Unmarshal([]byte(got.body), &doc))
	return doc
}

func TestTheDescriptionHasTheTypesOfTheProgram(t *testing.T) {
	doc := described(t)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %s", doc.OpenAPI)
	}
	for name, of := range map[string]any{"LookupRequest": api.LookupRequest{}, "Lookup": api.Lookup{}, "LookedUp": api.LookedUp{}, "LookupError": api.LookupError{}, "Mention": api.Mention{}} {
		s := doc.Components.Schemas[name]
		typ := reflect.TypeOf(of)
		var names, required []string
		for i := range typ.NumField() {
			f := typ.Field(i)
			tag, omit, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, tag)
			if !strings.HasPrefix(omit, "omit") {
				required = append(required, tag)
			}
			if got, want := typeText(s.Properties[tag]), goText(f.Type); got != want {
				t.Errorf("%s.%s is described as %s and is %s", name, tag, got, want)
			}
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(names)), slices.Sorted(maps.Keys(s.Properties))); diff != "" {
			t.Errorf("members of %s: %s", name, diff)
		}
		if diff := cmp.Diff(required, s.Required); diff != "" {
			t.Errorf("of %s there always are: %s", name, diff)
		}
	}
	request := doc.Components.Schemas["LookupRequest"]
	if *request.Properties["values"].MaxItems != api.LookupValues || *request.Properties["limit"].Maximum != api.LookupLimit || *request.AdditionalProperties {
		t.Errorf("the bounds of a request are others: %+v", request)
	}
}

func typeText(s schema) string {
	if _, name, ok := strings.Cut(s.Ref, "#/components/schemas/"); ok {
		return name
	}
	if s.Type == "array" {
		return "array of " + typeText(*s.Items)
	}
	return s.Type
}

func goText(typ reflect.Type) string {
	switch {
	case typ.Kind() == reflect.Pointer:
		return goText(typ.Elem())
	case typ.Kind() == reflect.Slice:
		return "array of " + goText(typ.Elem())
	case typ.Kind() == reflect.Struct:
		return typ.Name()
	case typ.Kind() == reflect.Int:
		return "integer"
	case typ.Kind() == reflect.Bool:
		return "boolean"
	}
	return "string" // a level as well
}

var reference = regexp.MustCompile(`"#/components/schemas/([A-Za-z]+)"`)

func TestTheDescriptionHoldsTogether(t *testing.T) {
	doc := described(t)
	raw := call(t, lookup.NewHandler(nil, byHeader, nil), "anonymous", "GET /api/v1/openapi.json", "").body
	for _, m := range reference.FindAllStringSubmatch(raw, -1) {
		if doc.Components.Schemas[m[1]].Type == "" {
			t.Errorf("there is no schema %s", m[1])
		}
	}
	if diff := cmp.Diff([]string{"/api/v1/lookup", "/api/v1/openapi.json"}, slices.Sorted(maps.Keys(doc.Paths))); diff != "" {
		t.Error(diff)
	}
	var parameters []string
	for _, p := range doc.Paths["/api/v1/lookup"]["get"].Parameters {
		parameters = append(parameters, p.Name)
	}
	var members []string
	for name := range doc.Components.Schemas["LookupRequest"].Properties {
		members = append(members, strings.Replace(name, "values", "value", 1))
	}
	slices.Sort(parameters)
	slices.Sort(members)
	if diff := cmp.Diff(members, parameters); diff != "" {
		t.Error("GET and POST do not ask the same: ", diff)
	}
}

// Real answers are as described, and so is the example.
func TestRealAnswersAreAsDescribed(t *testing.T) {
	doc := described(t)
	hub, amber, _ := newHub(t)
	h := lookup.NewHandler(hub, byHeader, nil)
	at := doc.Paths["/api/v1/lookup"]
	at["openapi"] = doc.Paths["/api/v1/openapi.json"]["get"]
	example := string(at["post"].RequestBody.Content["application/json"].Example)
	for _, c := range []struct{ method, account, what, body string }{
		{"get", amber, "GET /api/v1/lookup?value=192.0.2.0/24&value=nonsense&limit=1", ""},
		{"post", amber, "POST /api/v1/lookup", example},
		{"post", amber, "POST /api/v1/lookup", "{"},
		{"get", amber, "GET /api/v1/lookup", ""},
		{"get", "", "GET /api/v1/lookup", ""},
		{"get", "hasty", "GET /api/v1/lookup", ""},
		{"get", "suspended", "GET /api/v1/lookup", ""},
		{"get", "broken", "GET /api/v1/lookup", ""},
		{"get", amber, "GET /api/v1/lookup/", ""},
		{"get", amber, "DELETE /api/v1/lookup", ""},
		{"post", amber, "POST /api/v1/lookup/", "{}"},
		{"post", amber, "PUT /api/v1/lookup", "{}"},
		{"openapi", "", "GET /api/v1/openapi.json", ""},
		{"openapi", "hasty", "GET /api/v1/openapi.json", ""},
		{"openapi", "suspended", "GET /api/v1/openapi.json", ""},
		{"openapi", "broken", "GET /api/v1/openapi.json", ""},
		{"openapi", amber, "POST /api/v1/openapi.json", ""},
	} {
		got := call(t, h, c.account, c.what, c.body, "Content-Type: application/json")
		response, known := at[c.method].Responses[fmt.Sprint(got.status)]
		if !known {
			t.Errorf("%s answers %d, which is not described", c.what, got.status)
			continue
		}
		media, known := response.Content[got.header.Get("Content-Type")]
		if !known {
			t.Errorf("%d of %s is %s, which is not described", got.status, c.what, got.header.Get("Content-Type"))
			continue
		}
		var v any
		must(t, json.Unmarshal([]byte(got.body), &v))
		doc.hold(t, media.Schema, v, fmt.Sprintf("%s (%d)", c.what, got.status))
	}
}

// hold holds a value against a schema.
func (doc *document) hold(t *testing.T, s schema, v any, where string) {
	t.Helper()
	if _, name, ok := strings.Cut(s.Ref, "#/components/schemas/"); ok {
		s = doc.Components.Schemas[name]
	}
	is := ""
	switch v := v.(type) {
	case map[string]any:
		is = "object"
		for _, name := range s.Required {
			if _, there := v[name]; !there {
				t.Errorf("%s: %s is missing", where, name)
			}
		}
		for name, member := range v {
			of, known := s.Properties[name]
			if !known {
				t.Errorf("%s: %s is not described", where, name)
				continue
			}
			doc.hold(t, of, member, where+"/"+name)
		}
	case []any:
		is = "array"
		for i, item := range v {
			doc.hold(t, *s.Items, item, fmt.Sprintf("%s/%d", where, i))
		}
	case string:
		is = "string"
		if s.Enum != nil && !slices.Contains(s.Enum, v) {
			t.Errorf("%s: %q is none of %q", where, v, s.Enum)
		}
		if s.Format == "date-time" {
			if _, err := time.Parse(time.RFC3339, v); err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	case bool:
		is = "boolean"
	case float64:
		is = "integer"
	}
	if is != s.Type {
		t.Errorf("%s is of type %s, described as %s", where, is, s.Type)
	}
}

func TestTheWordsOfTheDescriptionAreThoseOfTheProgram(t *testing.T) {
	mention := described(t).Components.Schemas["Mention"].Properties
	for name, want := range map[string][]string{
		"match": {string(api.MatchExact), string(api.MatchNetwork), string(api.MatchInside), string(api.MatchSubdomain)},
		"state": {string(api.StateValid), string(api.StateNotYet), string(api.StateExpired), string(api.StateRevoked), string(api.StateSuperseded), string(api.StateObserved)},
	} {
		if diff := cmp.Diff(want, mention[name].Enum); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
