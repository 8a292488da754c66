package pattern

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func parsed(t testing.TB, source string) *Pattern {
	t.Helper()
	p, err := Parse(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return p
}

var equivalences = []struct {
	name, a, b string
	want       bool
}{
	{"IN is a set", "[a:b IN (1, 2, 2)]", "[a:b IN (2, 1)]", true},
	{"IN with one value is =", "[a:b IN ('x')]", "[a:b = 'x']", true},
	{"NOT IN is not IN", "[a:b NOT IN (1, 2)]", "[a:b IN (1, 2)]", false},
	{"NOT = is not taken for !=", "[a:b[*] NOT = 1]", "[a:b[*] != 1]", false},
	{"NOT EXISTS is not EXISTS", "[EXISTS a:b]", "[NOT EXISTS a:b]", false},
	{"<> is !=", "[a:b <> 1]", "[a:b != 1]", true},
	{"an integer is the float of the same size", "[a:b = 1]", "[a:b = 1.00]", true},
	{"zero has no sign", "[a:b = 0]", "[a:b = -0.0]", true},
	{"large integers are not rounded", "[a:b = 9007199254740993]", "[a:b = 9007199254740992]", false},
	{"a number is no string", "[a:b = 1]", "[a:b = '1']", false},
	{"hex has no case", "[a:b = h'FFD8']", "[a:b = h'ffd8']", true},
	{"hex is not binary of the same bytes", "[a:b = h'ffd8']", "[a:b = b'/9g=']", false},
	{"a timestamp may have idle zeros", "[a:b = t'2020-01-01T00:00:00Z']", "[a:b = t'2020-01-01T00:00:00.000Z']", true},
	{"a string like a timestamp is compared as text", "[a:b = '2020-01-01T00:00:00Z']", "[a:b = '2020-01-01T00:00:00.000Z']", false},
	{"qualifiers may have idle zeros", "[a:b = 1] START t'2020-01-01T00:00:00Z' STOP t'2021-01-01T00:00:00Z' WITHIN 5 SECONDS",
		"[a:b = 1] START t'2020-01-01T00:00:00.0Z' STOP t'2021-01-01T00:00:00Z' WITHIN 5.0 SECONDS", true},
	{"the order of qualifiers counts", "[a:b = 1] WITHIN 5 SECONDS REPEATS 2 TIMES", "[a:b = 1] REPEATS 2 TIMES WITHIN 5 SECONDS", false},
	{"parentheses between qualifiers do not", "([a:b = 1] WITHIN 5 SECONDS) REPEATS 2 TIMES", "[a:b = 1] WITHIN 5 SECONDS REPEATS 2 TIMES", true},
	{"quotes around a property do not count", "[file:hashes.MD5 = 'x']", "[file:hashes.'MD5' = 'x']", true},
	{"a quoted point is no step", "[a:'b.c' = 1]", "[a:b.c = 1]", false},
	{"an index is no key", "[a:b[1].c = 1]", "[a:b.'1'.c = 1]", false},
	{"any element is not the key *", "[a:b[*].c = 1]", "[a:b.'*'.c = 1]", false},
	{"quotes in names do not forge another path", `[a:'b".c' = 1]`, `[a:b.'".c' = 1]`, false},

	{"a prefix of all bits is idle", "[ipv4-addr:value = '192.0.2.1/32']", "[ipv4-addr:value = '192.0.2.1']", true},
	{"hidden bits do not count", "[ipv4-addr:value ISSUBSET '192.0.2.77/24']", "[ipv4-addr:value ISSUBSET '192.0.2.0/24']", true},
	{"leading zeros do not count where octal and decimal agree", "[ipv4-addr:value = '192.000.02.007']", "[ipv4-addr:value = '192.0.2.7']", true},
	{"and count where they do not", "[ipv4-addr:value = '192.0.2.010']", "[ipv4-addr:value = '192.0.2.10']", false},
	{"nor is it octal", "[ipv4-addr:value = '192.0.2.010']", "[ipv4-addr:value = '192.0.2.8']", false},
	{"an excluded address is text", "[ipv6-addr:value != '2001:DB8::1']", "[ipv6-addr:value != '2001:db8::1']", false},
	{"so is one that NOT excludes", "[ipv4-addr:value NOT = '192.0.2.1/32']", "[ipv4-addr:value NOT = '192.0.2.1']", false},
	{"and a set of them", "[ipv4-addr:value NOT IN ('192.0.2.1/32')]", "[ipv4-addr:value NOT IN ('192.0.2.1')]", false},
	{"networks are compared as such, excluded or not", "[ipv4-addr:value NOT ISSUBSET '192.0.2.77/24']", "[ipv4-addr:value NOT ISSUBSET '192.0.2.0/24']", true},
	{"an excluded registry key is text", "[windows-registry-key:key != 'HKLM']", "[windows-registry-key:key != 'hklm']", false},
	{"addresses of another type are text", "[url:value = '192.0.2.1/32']", "[url:value = '192.0.2.1']", false},
	{"an IPv6 address has one spelling", "[ipv6-addr:value IN ('2001:DB8:0:0::1', '2001:db8::1/128')]", "[ipv6-addr:value = '2001:db8::1']", true},
	{"an IPv6 address with a zone stays text", "[ipv6-addr:value = 'FE80::1%a']", "[ipv6-addr:value = 'fe80::1%a']", false},
	{"a mapped address is not the address", "[ipv6-addr:value = '::ffff:192.0.2.1']", "[ipv4-addr:value = '192.0.2.1']", false},
	{"LIKE looks at the text", "[ipv4-addr:value LIKE '192.0.2.1/32']", "[ipv4-addr:value LIKE '192.0.2.1']", false},
	{"< looks at the text", "[ipv6-addr:value < '2001:db8:0::']", "[ipv6-addr:value < '2001:db8::']", false},
	{"registry keys have no case", "[windows-registry-key:key = 'HKLM\\\\Ключ']", "[windows-registry-key:key = 'hklm\\\\кЛЮЧ']", true},
	{"regular expressions have", `[windows-registry-key:key MATCHES '\\S']`, `[windows-registry-key:key MATCHES '\\s']`, false},
	{"the Kelvin sign is no k", "[windows-registry-key:key = '\u212a']", "[windows-registry-key:key = 'k']", false},

	{"the same expression with qualifiers is absorbed", "[a:b=1] WITHIN 5 SECONDS OR ([a:b=1] WITHIN 5 SECONDS AND [a:b=2])", "[a:b=1] WITHIN 5 SECONDS", true},
	{"but not one without", "[a:b=1] WITHIN 5 SECONDS OR ([a:b=1] AND [a:b=2])", "[a:b=1] WITHIN 5 SECONDS", false},
	{"nor into qualifiers", "[a:b=1] OR ([a:b=1] AND [a:b=2]) REPEATS 2 TIMES", "[a:b=1]", false},
	{"two of three are absorbed", "([a:b=1] AND [a:b=1]) OR ([a:b=2] AND [a:b=1] AND [a:b=1])", "[a:b=1] AND [a:b=1]", true},
	{"but not two of one", "([a:b=1] AND [a:b=1]) OR ([a:b=1] AND [a:b=2])", "[a:b=1] AND [a:b=1]", false},
	{"two observations are not one", "[a:b=1] AND [a:b=1]", "[a:b=1]", false},
	{"AND of observations is not AND in one", "[a:b=1] AND [a:c=2]", "[a:b=1 AND a:c=2]", false},
	{"OR is distributed inside qualifiers", "([a:b=1] AND ([a:b=2] OR [a:b=3])) WITHIN 5 SECONDS",
		"(([a:b=1] AND [a:b=2]) OR ([a:b=3] AND [a:b=1])) WITHIN 5 SECONDS", true},
	{"OR with qualifiers is not distributed", "[a:b=1] AND ([a:b=2] OR [a:b=3]) REPEATS 2 TIMES",
		"([a:b=1] AND [a:b=2] REPEATS 2 TIMES) OR ([a:b=1] AND [a:b=3] REPEATS 2 TIMES)", false},
	{"what no object can be is dropped", "[(a:b=1 OR b:c=1) AND (b:d=1 OR c:d=1)]", "[b:c=1 AND b:d=1]", true},
	{"what no object can be stays where there is nothing else", "[a:b=1 AND c:d=1]", "[a:b=1 AND c:d=2]", false},
}

func TestEquivalence(t *testing.T) {
	for _, c := range equivalences {
		t.Run(c.name, func(t *testing.T) {
			a, b := parsed(t, c.a), parsed(t, c.b)
			if got := Equivalent(a, b); got != c.want {
				t.Errorf("Equivalent(%s, %s) is %v", c.a, c.b, got)
			}
			if Equivalent(b, a) != c.want {
				t.Errorf("Equivalent(%s, %s) is not symmetric", c.a, c.b)
			}
		})
	}
}

// sharedFile returns a file of third-party data, or skips.
func sharedFile(t testing.TB, elem ...string) string {
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

func TestPublishedCasesOfEquivalence(t *testing.T) {
	f, err := os.Open(sharedFile(t, "cases", "pattern_equivalence.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	count := map[string]int{}
	for lines.Scan() {
		var c struct{ Name, A, B, Expect string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		a, errA := Parse(c.A)
		b, errB := Parse(c.B)
		if errA != nil || errB != nil {
			t.Errorf("%s: %v %v", c.Name, errA, errB)
			continue
		}
		count[c.Expect]++
		for _, p := range [][2]*Pattern{{a, b}, {b, a}} {
			if got := Equivalent(p[0], p[1]); got != (c.Expect == "equivalent") {
				t.Errorf("%s: Equivalent(%s, %s) is %v", c.Name, p[0].Source, p[1].Source, got)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("cases: %v", count)
}

// numbered writes n operands, each with its number in it.
func numbered(n int, format string) []string {
	var operands []string
	for i := range n {
		operands = append(operands, fmt.Sprintf(format, i))
	}
	return operands
}

func TestAnExplosivePatternIsComparedWithoutDistribution(t *testing.T) {
	for _, c := range []struct{ name, around, join, operand string }{
		{"conditions", "[%s]", " AND ", "(a:b=%[1]d OR a:c=%[1]d)"},
		{"conditions that share operands", "[%s]", " AND ", "(a:b=1 AND a:c=%[1]d OR a:b=2 AND a:d=%[1]d OR a:b=3)"},
		{"observations", "%s", " AND ", "([a:b=%[1]d] OR [a:c=%[1]d])"},
		{"sequences", "%s", " FOLLOWEDBY ", "([a:b=%[1]d] OR [a:c=%[1]d])"},
		{"many that are small each", "%s", " AND ", "[(a:b=1 OR a:c=1) AND (a:b=2 OR a:c=%[1]d)]"},
		{"many that are qualified", "%s", " AND ", "(([a:b=1] OR [a:c=%[1]d]) AND ([a:b=2] OR [a:c=%[1]d])) WITHIN 5 SECONDS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			written := func(operands []string) *Pattern {
				return parsed(t, fmt.Sprintf(c.around, strings.Join(operands, c.join)))
			}
			operands := numbered(1000, c.operand)
			a := written(operands)
			if c.join == " AND " {
				slices.Reverse(operands)
			}
			if !Equivalent(a, written(operands)) {
				t.Error("the order of operands counts")
			}
			if Equivalent(a, written(numbered(1001, c.operand))) {
				t.Error("another operand does not count")
			}
			once := a.Normalise()
			checkSame(t, once, once.Normalise())
		})
	}
}

func TestDistributionReachesItsStatedBound(t *testing.T) {
	for n, want := range map[int]bool{11: true, 17: false} {
		p := parsed(t, "["+strings.Join(numbered(n, "(a:b=%[1]d OR a:c=%[1]d)"), " AND ")+"]")
		if got := p.Normalise().Root.Condition.Op == Or; got != want {
			t.Errorf("an AND of %d pairs: distributed is %v, want %v", n, got, want)
		}
	}
}

func TestAbsorptionOfManyAlternativesIsBounded(t *testing.T) {
	// Each pair shares an operand with a thousand others, and no triple holds one.
	var parts []string
	for i := range 1200 {
		parts = append(parts, fmt.Sprintf("(a:b=%d AND a:c=%d)", i%30, i))
		parts = append(parts, fmt.Sprintf("(a:b=%d AND a:b=%d AND a:d=%d)", i%30, i%29+100, i))
	}
	p := parsed(t, "["+strings.Join(parts, " OR ")+"]")
	once := p.Normalise()
	checkSame(t, once, once.Normalise())
	if got := len(once.Root.Condition.Operands); got != len(parts) {
		t.Errorf("%d alternatives are left of %d", got, len(parts))
	}
}

func TestALongListIsNormalised(t *testing.T) {
	var parts []string
	for i := range 20000 {
		parts = append(parts, fmt.Sprintf("ipv4-addr:value='198.51.%d.%d/32'", i/256, i%256))
	}
	a := parsed(t, "["+strings.Join(parts, " OR ")+"]")
	slices.Reverse(parts)
	b := parsed(t, "["+strings.Join(append(parts, parts[0]), " OR ")+"]")
	if !Equivalent(a, b) {
		t.Error("the order of a long list counts")
	}
}

func FuzzEquivalent(f *testing.F) {
	for _, c := range equivalences {
		f.Add(c.a, c.b)
	}
	f.Add("["+strings.Join(numbered(30, "(a:b=%[1]d OR a:c=%[1]d)"), " AND ")+"]",
		strings.Join(numbered(30, "([a:b=%[1]d] OR [a:c=%[1]d])"), " FOLLOWEDBY "))
	f.Fuzz(func(t *testing.T, sourceA, sourceB string) {
		a, errA := Parse(sourceA)
		b, errB := Parse(sourceB)
		if errA != nil || errB != nil {
			return
		}
		if !Equivalent(a, a) {
			t.Error("not reflexive")
		}
		if Equivalent(a, b) != Equivalent(b, a) {
			t.Error("not symmetric")
		}
		once := a.Normalise()
		checkSame(t, once, once.Normalise())
		if !Equivalent(a, once) {
			t.Error("the normal form is not equivalent")
		}
	})
}
