package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/stix"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestSARIFIsWrittenAsItWas(t *testing.T) {
	var b bytes.Buffer
	log := newSARIF(&b, "1.2.3")
	object := &stix.Object{ID: "indicator--00000000-0000-4000-8000-000000000001"}
	for _, c := range []struct {
		it       *stixItem
		findings []told
	}{
		{&stixItem{file: "feeds/a b.json", number: 3, pointer: "/objects/3", object: object}, []told{
			{stix.Finding{Code: "missing-property", Path: "/objects/3/pattern", Section: "STIX 2.1 §4.7", Message: "add a <pattern>"}, place{120, 5, 3}, 200},
			{stix.Finding{Severity: stix.Warning, Code: "open-vocabulary", Path: "/objects/3/indicator_types/0", Section: "STIX 2.1 §4.7", Message: "not of the vocabulary"}, place{180, 7, 25}, 9},
		}},
		{&stixItem{file: "-", number: 0, fault: &stix.Finding{}}, []told{
			{stix.Finding{Code: "missing-property", Path: "", Message: "elsewhere"}, place{Byte: 9_000_000_000}, 0},
		}},
	} {
		if err := log.item(c.it, c.findings); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.end(nil, errors.New("opening the input: open gone.json: no such file or directory")); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/sarif.golden"
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSARIFWithoutAFindingIsWhole(t *testing.T) {
	var b bytes.Buffer
	if err := newSARIF(&b, "1.2.3").end(nil, nil); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Results     []any
			Invocations []struct{ ExecutionSuccessful bool }
			Tool        struct {
				Driver struct {
					Name  string
					Rules []any
				}
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	if len(log.Runs) != 1 || log.Runs[0].Results == nil || !log.Runs[0].Invocations[0].ExecutionSuccessful || log.Runs[0].Tool.Driver.Name != "selat" || log.Runs[0].Tool.Driver.Rules == nil {
		t.Error(b.String())
	}
}

func TestSARIFNamesFilesByURI(t *testing.T) {
	for name, want := range map[string]string{
		"-":           "stdin",
		"a/b.json":    "a/b.json",
		"a b%.json":   "a%20b%25.json",
		"a:b.json":    "./a:b.json",
		"/tmp/ก.json": "file:///tmp/%E0%B8%81.json",
	} {
		if got := fileURI(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
