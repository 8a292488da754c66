package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/selat-hub/selat/stix"
)

func TestWarningsAreErrorsWhenStrict(t *testing.T) {
	item := func() *stixItem {
		return &stixItem{object: &stix.Object{Findings: []stix.Finding{{Severity: stix.Warning, Code: "a"}}}}
	}
	for _, c := range []struct {
		strict bool
		want   string
		code   int
	}{
		{false, "1 object: no errors, 1 warning", 0},
		{true, "1 object, 1 with errors: 1 error", exitRefused},
	} {
		totals := &validateTotals{Codes: map[string]int{}}
		totals.count(item(), c.strict)
		if got := totals.String(); got != c.want {
			t.Errorf("strict %v: %s", c.strict, got)
		}
		code := 0
		if e := (*exitError)(nil); errors.As(totals.exit(), &e) {
			code = e.code
		}
		if code != c.code {
			t.Errorf("strict %v: ends with %d", c.strict, code)
		}
	}
}

func TestTheEndOfValidateTellsHowManyObjectsHaveErrors(t *testing.T) {
	for name, c := range map[string]struct {
		totals validateTotals
		code   int
	}{
		"none": {validateTotals{Objects: 2, Warnings: 3}, 0},
		"some": {validateTotals{Objects: 2, Invalid: 1}, exitPartly},
		"all":  {validateTotals{Objects: 2, Invalid: 2}, exitRefused},

		"a bundle":         {validateTotals{Objects: 2, Bundles: 1}, exitPartly},
		"a bundle and all": {validateTotals{Objects: 2, Invalid: 2, Bundles: 1}, exitRefused},
	} {
		code := 0
		if e := (*exitError)(nil); errors.As(c.totals.exit(), &e) {
			code = e.code
		}
		if code != c.code {
			t.Errorf("%s: ends with %d", name, code)
		}
	}
	if err := (&validateTotals{}).exit(); err == nil {
		t.Error("an empty input is a success")
	}
}

func TestColourIsForTerminalsOnly(t *testing.T) {
	it := &stixItem{file: "f", object: &stix.Object{ID: "x--1"}}
	findings := []told{{Finding: stix.Finding{Code: "a", Path: "/b", Message: "wrong"}}}
	for _, on := range []bool{false, true} {
		var b bytes.Buffer
		if err := (&validateText{out: &b, ink: ink(on)}).item(it, findings); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "\x1b["); got != on {
			t.Errorf("%v: %q", on, &b)
		}
	}
	if inkFor(&bytes.Buffer{}) {
		t.Error("a buffer is taken for a terminal")
	}
}

func TestTextOfAnObjectCannotDriveATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain ก é":     "plain ก é",
		"\x1b[31mred":   `\u001b[31mred`,
		"a\tb\r\n":      `a\u0009b\u000d\u000a`,
		"\u202egnp.exe": `\u202egnp.exe`,
		"\U000E0041":    `\U000e0041`,
		"\xff":          `\ufffd`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

func TestMoreThanAScreenfulIsToldInNumbers(t *testing.T) {
	var b bytes.Buffer
	v := &validateText{out: &b}
	totals := &validateTotals{Objects: validateMost + 3, Errors: 1, Invalid: 1, Warnings: validateMost + 2, Codes: map[string]int{"a": 1, "b": validateMost + 2}}
	item := func(s stix.Severity, id string) {
		if err := v.item(&stixItem{file: "f", object: &stix.Object{ID: id}}, []told{{Finding: stix.Finding{Severity: s}}}); err != nil {
			t.Fatal(err)
		}
	}
	for range validateMost + 2 {
		item(stix.Warning, "x--warned")
	}
	item(stix.Error, "x--wrong")
	if err := v.end(totals, nil); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "x--warned"); n != validateMost {
		t.Errorf("%d objects with warnings are told", n)
	}
	if !strings.Contains(b.String(), "x--wrong") {
		t.Error("warnings hide an error")
	}
	_, end, _ := strings.Cut(b.String(), "and ")
	if want := "2 objects more with findings; --json tells them all\nb: 202\na: 1\n203 objects, 1 with errors: 1 error, 202 warnings\n"; end != want {
		t.Error(end)
	}
}

func TestHundredsOfMegabytesAreValidatedInLittleMemory(t *testing.T) {
	const size, most = 200 << 20, 96 << 20
	pipe, feed := io.Pipe()
	peak := make(chan uint64, 1)
	go func() {
		held, err := feedBundle(feed, size)
		feed.CloseWithError(err)
		peak <- held
	}()
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"stix", "validate", "--json", "-"}, pipe, &stdout, &stderr)
	if code != 0 {
		t.Errorf("ends with %d: %s", code, &stderr)
	}
	if held := <-peak; held > most {
		t.Errorf("%d MiB of memory were in use", held>>20)
	}
	var end struct{ Summary validateTotals }
	last := bytes.TrimSpace(stdout.Bytes())
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	if err := json.Unmarshal(last, &end); err != nil || end.Summary.Objects < 1000 || end.Summary.Invalid > 0 {
		t.Errorf("%s: %v", last, err)
	}
}

// feedBundle writes one bundle of about size bytes and returns the most memory
// that was in use on the way.
func feedBundle(w io.Writer, size int) (peak uint64, err error) {
	// Large objects, so that the time goes into bytes and not into objects.
	body := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 2500)
	if _, err := io.WriteString(w, `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[`); err != nil {
		return 0, err
	}
	var m runtime.MemStats
	for n, lead := 0, ""; n*len(body) < size; n++ {
		_, err := fmt.Fprintf(w, `%s{"type":"note","spec_version":"2.1","id":"note--00000000-0000-4000-8000-%012d","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","content":%q,"object_refs":["identity--00000000-0000-4000-8000-000000000000"]}`, lead, n, body)
		if err != nil {
			return 0, err
		}
		if lead = ",\n"; n%100 == 0 {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
	_, err = io.WriteString(w, "]}\n")
	return peak, err
}

func TestMoreVersionsThanAreHeldAreLeftAlone(t *testing.T) {
	version := func(modified string, findings ...stix.Finding) *stixItem {
		return &stixItem{object: &stix.Object{
			Type: "identity", ID: "identity--00000000-0000-4000-8000-000000000001", Created: modified, Modified: modified, Findings: findings,
		}}
	}
	first, second := version("2026-01-01T00:00:00Z"), version("2026-01-02T00:00:00Z")
	for _, c := range []struct {
		items []*stixItem
		most  int
		want  int
		over  bool
	}{
		{[]*stixItem{first, second}, 2, 1, false},
		{[]*stixItem{first, second}, 1, 0, true},
		{[]*stixItem{first, version("2026-01-02T00:00:00Z", stix.Finding{Severity: stix.Error})}, 1, 0, false},
		{nil, 1, 0, false},
	} {
		v := &versionsRead{most: c.most}
		for _, it := range c.items {
			v.add(it)
		}
		if got := len(v.contradictions()); got != c.want || v.over != c.over {
			t.Errorf("of %d, at most %d: %d contradictions, over %v", len(c.items), c.most, got, v.over)
		}
	}
}
