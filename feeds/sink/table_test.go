package sink

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/selat-hub/selat/stix"
)

func TestTheTableHasWhatNamesNoVerdictToo(t *testing.T) {
	text, count := render(t, fileOf(t, "csv", Settings{Allow: allowing(t, "cdn.bad.example")}), mixed()...)
	for _, want := range []string{
		`,"ipv4-address","203.0.113.66","asked"`, `,"domain-name","not.example","excluded"`, `,"domain-name","cdn.bad.example","decisive"`,
		`,"ipv4-address","203.0.113.99","observed"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if count.Written != 10 || count.Lines != 14 {
		t.Errorf("%+v", count)
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := entriesOf(6).Draw(t, "all")
		text, count := render(t, csvTable{}, entries...)
		all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || len(all) != count.Lines+1 || strings.Count(text, "\n") != count.Lines+1 {
			t.Fatal(len(all), count, err)
		}
		cells := slices.Concat(all...)
		// A spreadsheet that separates by another sign closes no quote that it
		// did not open.
		for _, separator := range []string{";", "\t"} {
			for line := range strings.Lines(text) {
				cells = append(cells, strings.Split(line, separator)...)
			}
		}
		for _, cell := range cells {
			if s := strings.TrimLeft(cell, "\" \r\n"); s != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(s)[0]) {
				t.Fatalf("%q in\n%s", cell, text)
			}
		}
	})
}

func TestACellIsNoFormulaWhateverSeparatesCells(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"plain; text - of two + three", "plain; text - of two + three"},
		{"=1", "'=1"}, {" \"+1", " \"'+1"}, {"＝1", "'＝1"},
		{"x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0"},
		{"x;\"=1", "x;\"'=1"}, {"x; @a;-b\t+c", "x; '@a;'-b\t'+c"},
		{"http://a.example/;=1+1", "http://a.example/;'=1+1"},
	} {
		if got := cell(test.text); got != test.want {
			t.Errorf("%q becomes %q", test.text, got)
		}
	}
	text, _ := render(t, csvTable{}, indicator(1, "x;=1+1", "[url:value = 'http://a.example/;=1+1']"))
	if !strings.Contains(text, `,"x;'=1+1",`) || !strings.Contains(text, `,"http://a.example/;'=1+1",`) {
		t.Errorf("%s", text)
	}
}

func TestTheDatabaseHasTheSameRows(t *testing.T) {
	file := fileOf(t, "sqlite", Settings{})
	bytes1, count := render(t, file, mixed()...)
	if again, _ := render(t, file, mixed()...); again != bytes1 {
		t.Error("equal entries make other bytes")
	}
	db, err := sql.Open("sqlite", write(t, "selat.sqlite", bytes1))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	var origin string
	if err := db.QueryRow("select count(*) from entries").Scan(&n); err != nil || n != count.Lines {
		t.Error(n, count, err)
	}
	if err := db.QueryRow("select origin from entries where value = ?", "cdn.bad.example").Scan(&origin); err != nil || origin != "th" {
		t.Error(origin, err)
	}
}

func TestADamagedDatabaseIsNotWritten(t *testing.T) {
	text, _ := render(t, fileOf(t, "sqlite", Settings{}), mixed()...)
	if err := intact(t.Context(), write(t, "whole", text)); err != nil {
		t.Error(err)
	}
	middle := []byte(text)
	clear(middle[len(middle)/2 : len(middle)/2+4096])
	for _, damaged := range []string{string(middle), text[:len(text)-4096], "not a database at all, and longer than a head is"} {
		if err := intact(t.Context(), write(t, "damaged", damaged)); err == nil {
			t.Errorf("%d bytes pass for a database", len(damaged))
		}
	}
}

func TestObjectsInAFolderHaveTheirBytes(t *testing.T) {
	dir := t.TempDir()
	bad := addressEntry(1, "203.0.113.10")
	bad.ID = "../../etc/passwd"
	entries := append(mixed(), bad)
	count, err := stixFolder{}.Render(context.Background(), dir, slices.Values(entries), noon)
	if err != nil || count.Written != 10 || count.Skipped[BadName] != 1 {
		t.Fatal(count, err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "sg/indicator", entries[0].ID, "2026-08-20T100000Z.json"))
	if err != nil || !bytes.Equal(got, entries[0].Object) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sg/ipv4-addr/ipv4-addr--1.json")); err != nil {
		t.Error(err)
	}
}

func TestABundleHasTheBytesOfItsObjects(t *testing.T) {
	entries := mixed()[:9]
	text, _ := render(t, stixBundle{}, entries...)
	objects, err := stix.Split([]byte(text), stix.Limits{})
	if err != nil || len(objects) != 9 || !json.Valid([]byte(text)) {
		t.Fatal(len(objects), err)
	}
	for i, o := range objects {
		if !bytes.Equal(o.Raw, entries[i].Object) {
			t.Errorf("object %d has other bytes", i)
		}
	}
	if none, _ := render(t, stixBundle{}); !json.Valid([]byte(none)) {
		t.Errorf("%s", none)
	}
}
