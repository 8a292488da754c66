package pattern

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// thirdParty returns a file or folder of third-party data, or skips.
func thirdParty(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("SELAT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("third-party data is absent: set SELAT_SHARED to its folder (%v)", err)
	}
	return path
}

// wrongUpstream are the cases of the suites that are not as the specification
// has it.
var wrongUpstream = map[string]string{
	"pattern-validator/test_validator.py.test_timestamp_pass_patterns[0a20e56f]#1": "2023 has no 29 February; a timestamp is a date of RFC 3339 §5.7 (STIX 2.1 §2.16)",
	"pattern-validator/test_validator.py.test_timestamp_pass_patterns[7e61f7b8]#1": "April has no 31st day; a timestamp is a date of RFC 3339 §5.7 (STIX 2.1 §2.16)",
}

type syntaxCase struct {
	Name, Expect, Pattern string
	Inspect               *inspection
}

// inspection is what a case says is in a pattern.
type inspection struct {
	Comparisons map[string][][]any `json:"comparisons"`
	Ops         []string           `json:"observation_ops"`
	Qualifiers  []string           `json:"qualifiers"`
}

func TestTheSyntaxCasesOfTheValidatorHold(t *testing.T) {
	f, err := os.Open(thirdParty(t, "cases", "pattern_syntax.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	valid, invalid, inspected := 0, 0, 0
	for lines.Scan() {
		var c syntaxCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		// These cases are about syntax and use names that are too short, such
		// as x. Those are tested with the validator of objects.
		problems := slices.DeleteFunc(problemsOf(c.Pattern), func(p Problem) bool { return p.Code == codeName })
		p, err := Parse(c.Pattern)
		switch reason := wrongUpstream[c.Name]; {
		case reason != "":
			if err != nil || len(problems) != 1 || problems[0].Code != codeTimestamp {
				t.Errorf("%s: %v, %v; want a problem with a timestamp: %s", c.Name, err, problems, reason)
			}
			continue
		case c.Expect == "valid":
			valid++
			if err != nil || len(problems) > 0 {
				t.Errorf("%s: %v, %v; want nothing", c.Name, err, problems)
				continue
			}
		default:
			invalid++
			if len(problems) == 0 {
				t.Errorf("%s: nothing, want a problem", c.Name)
			}
		}
		if c.Inspect != nil {
			inspected++
			if d := cmp.Diff(*c.Inspect, inspect(t, p), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s: -want +got\n%s", c.Name, d)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d valid cases pass, %d of them are taken apart as they should; %d invalid ones are refused", valid, inspected, invalid)
}

func problemsOf(source string) []Problem {
	var ps []Problem
	Check(source, func(p Problem) { ps = append(ps, p) })
	return ps
}

// inspect takes a pattern apart. It comes as JSON, so that numbers compare.
func inspect(t *testing.T, p *Pattern) inspection {
	comparisons, ops, qualifiers := map[string][][]any{}, map[string]bool{}, map[string]bool{}
	var condition func(c *Condition)
	condition = func(c *Condition) {
		for _, operand := range c.Operands {
			condition(operand)
		}
		if q := c.Comparison; q != nil {
			op, constants := q.Op.String(), ""
			if q.Not {
				op = "NOT " + op
			}
			for i := range q.Values {
				constants += "," + string(appendValue(nil, &q.Values[i]))
			}
			constants = strings.TrimPrefix(constants, ",")
			if q.Op == In {
				constants = "(" + constants + ")"
			}
			comparisons[q.Path.Type] = append(comparisons[q.Path.Type], []any{steps(&q.Path), op, constants})
		}
	}
	var observation func(o *Observation)
	observation = func(o *Observation) {
		for i := range o.Qualifiers {
			qualifiers[string(appendQualifier(nil, &o.Qualifiers[i]))] = true
		}
		for _, operand := range o.Operands {
			ops[strings.TrimSpace(observationOps[o.Op])] = true
			observation(operand)
		}
		if o.Condition != nil {
			condition(o.Condition)
		}
	}
	observation(p.Root)
	text, err := json.Marshal(inspection{comparisons, slices.Sorted(maps.Keys(ops)), slices.Sorted(maps.Keys(qualifiers))})
	if err != nil {
		t.Fatal(err)
	}
	var in inspection
	if err := json.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	return in
}

func steps(p *Path) []any {
	var path []any
	for _, s := range p.Steps {
		switch s.Kind {
		case Property:
			path = append(path, s.Name)
		case Index:
			path = append(path, s.Index)
		case AnyIndex:
			path = append(path, "[*]")
		}
	}
	return path
}

// The suites of the matcher and of the equivalence use patterns that Check
// need not like, but that are patterns.
func TestThePatternsOfTheOtherSuitesParse(t *testing.T) {
	for _, file := range []string{"pattern_match.jsonl", "pattern_equivalence.jsonl"} {
		f, err := os.Open(thirdParty(t, "cases", file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<24)
		n := 0
		for lines.Scan() {
			var c struct {
				Name, Expect, Pattern, Pattern1, Pattern2 string
				A, B                                      string
			}
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Fatal(err)
			}
			for _, source := range []string{c.Pattern, c.Pattern1, c.Pattern2, c.A, c.B} {
				if source == "" {
					continue
				}
				n++
				if _, err := Parse(source); err != nil {
					if c.Expect != "error" {
						t.Errorf("%s: %s: %v", c.Name, source, err)
					}
					continue
				}
				checkRoundTrip(t, source)
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			t.Errorf("%s: no patterns found", file)
		}
		t.Logf("%s: %d patterns", file, n)
	}
}

// corpusRefused and corpusWarned are how many patterns of the corpus Check
// refuses or warns of, by the code of the first problem. Each was looked at:
// x_misp_KnownMalicious has capitals, which no name of a property has (STIX 2.1
// §3.1), and two ask for one object that is a domain name and an address or
// network traffic (§9.5).
var (
	corpusRefused = map[string]int{codeName: 1}
	corpusWarned  = map[string]int{codeType: 2}
)

func TestThePatternsOfTheCorpusParse(t *testing.T) {
	patterns := patternsOfTheCorpus(t)
	refused, warned := map[string]int{}, map[string]int{}
	for _, source := range slices.Sorted(maps.Keys(patterns)) {
		if _, err := Parse(source); err != nil {
			t.Errorf("%s: %s: %v", patterns[source], source, err)
			continue
		}
		checkRoundTrip(t, source)
		if ps := problemsOf(source); len(ps) > 0 {
			if ps[0].Severity == Error {
				refused[ps[0].Code]++
			} else {
				warned[ps[0].Code]++
			}
			t.Logf("%s: %s: %d:%d %s", patterns[source], ps[0].Code, ps[0].Line, ps[0].Column, ps[0].Message)
		}
	}
	if !maps.Equal(refused, corpusRefused) || !maps.Equal(warned, corpusWarned) {
		t.Errorf("the patterns refused are %v, want %v; those warned of %v, want %v", refused, corpusRefused, warned, corpusWarned)
	}
	t.Logf("all %d patterns parse; %v are refused for more than syntax", len(patterns), refused)
}

// patternsOfTheCorpus returns the different patterns of the corpus and where each
// was found.
func patternsOfTheCorpus(t testing.TB) map[string]string {
	t.Helper()
	root, patterns := thirdParty(t, "corpus"), map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var bundle struct {
			Type    string
			Objects json.RawMessage
		}
		if err := json.Unmarshal(content, &bundle); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		var objects []struct {
			Type, Pattern string
			PatternType   string `json:"pattern_type"`
		}
		if bundle.Type == "bundle" {
			if err := json.Unmarshal(bundle.Objects, &objects); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		for _, o := range objects {
			if o.Type == "indicator" && o.PatternType == "stix" && o.Pattern != "" {
				patterns[o.Pattern] = filepath.Base(path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(patterns) == 0 {
		t.Fatal("no patterns in the corpus")
	}
	return patterns
}
