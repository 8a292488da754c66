package pattern

import (
	"errors"
	"strings"
	"testing"
)

func TestASimplePatternIsReadIntoItsParts(t *testing.T) {
	p, err := Parse(`[ipv4-addr:value = '198.51.100.1']`)
	if err != nil {
		t.Fatal(err)
	}
	c := p.Root.Condition.Comparison
	if c.Path.Type != "ipv4-addr" || c.Path.Steps[0].Name != "value" || c.Values[0].Text != "198.51.100.1" {
		t.Errorf("read as %+v", c)
	}
	if p.Root.Pos != 0 || c.Pos != 1 || c.Path.Pos != 1 || c.Values[0].Pos != 19 {
		t.Errorf("positions are %d, %d, %d, %d", p.Root.Pos, c.Pos, c.Path.Pos, c.Values[0].Pos)
	}
}

func TestAndBindsCloserThanOrAndOrCloserThanFollowedBy(t *testing.T) {
	p, err := Parse("[a:b=1] FOLLOWEDBY [a:b=2] OR [a:b=3] AND [a:b=4] OR [a:b=5] FOLLOWEDBY [a:b=6]")
	if err != nil {
		t.Fatal(err)
	}
	root := p.Root
	if root.Op != FollowedBy || len(root.Operands) != 3 {
		t.Fatalf("the root is %d of %d", root.Op, len(root.Operands))
	}
	or := root.Operands[1]
	if or.Op != ObservationOr || len(or.Operands) != 3 || or.Operands[1].Op != ObservationAnd || or.Pos != 19 {
		t.Errorf("the second operand is %+v", or)
	}
}

func TestQualifiersBelongToTheNearestExpression(t *testing.T) {
	p, err := Parse("([a:b=1] AND [a:b=2] WITHIN 2.5 SECONDS) REPEATS 3 TIMES START t'2016-05-12T08:17:27Z' STOP t'2016-05-13T08:17:27.5Z'")
	if err != nil {
		t.Fatal(err)
	}
	q, inner := p.Root.Qualifiers, p.Root.Operands[1].Qualifiers
	if len(inner) != 1 || inner[0].Kind != Within || inner[0].Seconds != 2.5 {
		t.Errorf("those inside are %+v", inner)
	}
	if len(q) != 2 || q[0].Times != 3 || q[1].Start != "2016-05-12T08:17:27Z" || q[1].Stop != "2016-05-13T08:17:27.5Z" {
		t.Errorf("those outside are %+v", q)
	}
}

func TestConstantsAreDecoded(t *testing.T) {
	for source, want := range map[string]Value{
		`'it\'s C:\\x'`:                  {Kind: String, Text: `it's C:\x`},
		"'line\nline'":                   {Kind: String, Text: "line\nline"},
		`''`:                             {Kind: String},
		`-0`:                             {Kind: Integer, Text: "-0"},
		`+12`:                            {Kind: Integer, Text: "+12"},
		`-.5`:                            {Kind: Float, Text: "-.5"},
		`007.50`:                         {Kind: Float, Text: "007.50"},
		`true`:                           {Kind: Boolean, Text: "true"},
		`h''`:                            {Kind: Hex},
		`h'fFd8'`:                        {Kind: Hex, Text: "fFd8"},
		`b'AQ=='`:                        {Kind: Binary, Text: "AQ=="},
		`t'2016-12-31T23:59:60.123456Z'`: {Kind: Timestamp, Text: "2016-12-31T23:59:60.123456Z"},
	} {
		p, err := Parse("[a:b=" + source + "]")
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		want.Pos = 5
		if got := p.Root.Condition.Comparison.Values[0]; got != want {
			t.Errorf("%s is %+v, want %+v", source, got, want)
		}
	}
}

func TestWhatTheGrammarAllowsParses(t *testing.T) {
	for _, source := range []string{
		"[x:y=1OR x:y=2AND x:y=3]REPEATS 2TIMES",
		"[a:b LIKE'x' AND a:b IN()]",
		"\u00a0[\u3000a\u2028:\u2029b\u0085=\v1\f]\r\n",
		"// first\r[a:b=1]/**/AND/***/[a:b=2]//",
		"[t:b=1 AND h:t=1 AND b:h=1]",
		"[_-:_._='']",
		"[IN-x:y=1]",
		"[a:''.''=1]",
		"[EXISTS a:b[0][*][2147483647].c]",
		"[a:b=1]WITHIN .5 SECONDS",
	} {
		if _, err := Parse(source); err != nil {
			t.Errorf("%q: %v", source, err)
		}
	}
}

// Each message is to tell its reader what to write instead.
func TestAnErrorSaysWhereItIsAndHowToMendIt(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"", "line 1, column 1: [ or ( is expected, not the end"},
		{"file:size = 1280", "line 1, column 1: [ is expected, not a name: put the comparison in brackets, as in [file:size = 1280]"},
		{"[file.size = 1]", "line 1, column 6: a colon is expected, not a point: write the type, a colon and the property, as in file:size"},
		{"[file:size = ]", "line 1, column 14: a constant such as 'text', 42 or true is expected, not ]"},
		{"[file:size = 1", "line 1, column 15: AND, OR or ] is expected, not the end"},
		{"[file:name = readme]", "line 1, column 14: a constant is expected, not a name: put strings between two '"},
		{"[file:name = True]", "line 1, column 14: a constant such as 'text', 42 or true is expected, not True: write true and false in lower case"},
		{"[file:name like 'a%']", "line 1, column 12: a comparison operator such as = or LIKE is expected, not like: keywords are written in capitals: LIKE"},
		{"[file:name\n = 'é' 1]", "line 2, column 8: AND, OR or ] is expected, not a number"},
		{"[file:name MATCHES /.*/]", "line 1, column 20: / begins nothing but a comment: put a regular expression between two '"},
		{"[file:name = \"a\"]", "line 1, column 14: \" is no quote in a pattern: put strings between two ' (U+0027)"},
		{"[file:name = ‘a’]", "line 1, column 14: ‘ is no quote in a pattern: put strings between two ' (U+0027)"},
		{`[file:path = 'C:\x']`, `line 1, column 17: a backslash stands only before ' or another backslash: write \\ for one backslash`},
		{"[file:name = 'a]", "line 1, column 14: this string has no end: close it with ', and write \\' for a quote inside it"},
		{"[file:extensions.ntfs-ext.sid = 1]", "line 1, column 18: a name with a hyphen is no bare name of a property: put it in quotes, as in 'ntfs-ext'"},
		{"[a:b = h'abc']", "line 1, column 8: this is no hex: write two of 0-9, a-f for every byte, as in h'ffd8'"},
		{"[a:b = b'']", "line 1, column 8: this is no base64: write it in fours, padded with =, as in b'AQIDBA=='"},
		{"[a:b = t'2016-05-12']", "line 1, column 8: this is no timestamp: write it as t'2016-05-12T08:17:27.000Z', in UTC"},
		{"[a:b = 05]", "line 1, column 8: a number has no leading 0: leave it out"},
		{"[a:b > true]", "line 1, column 8: true and false have no order: compare them with = or !="},
		{"[a:b[-1] = 1]", "line 1, column 6: an index is a whole number from 0 to 2147483647"},
		{"[a:b = 1] START '2016-05-12T08:17:27Z' STOP '2017-05-12T08:17:27Z'", "line 1, column 17: START takes a timestamp and not a string: put a t before it, as in t'2016-05-12T08:17:27.000Z'"},
		{"[a:b = 1] WITHIN 5 HOURS", "line 1, column 20: SECONDS is expected, not a name"},
		{"[a:b = 1] WITHIN 0.0 SECONDS", "line 1, column 18: WITHIN takes a number of seconds above 0, and one that a 64-bit float can hold"},
		{"[a:b = 1] REPEATS 2147483648 TIMES", "line 1, column 19: REPEATS takes a whole number from 1 to 2147483647"},
		{"[a:b = 1] /* never", "line 1, column 11: this comment has no end: close it with */"},
		{"[a:b = \u202e1]", "line 1, column 8: the character U+202E, which does not show, has no meaning here: remove it"},
		{"[a:b = 1] 'x\x1b[31m'", "line 1, column 11: AND, OR, FOLLOWEDBY, a qualifier (WITHIN, REPEATS, START) or the end is expected, not a string"},
		{"[a:b = '\xff']", "line 1, column 9: this is not valid UTF-8: write patterns in Unicode"},
		{"[a:b = 1])", "line 1, column 10: AND, OR, FOLLOWEDBY, a qualifier (WITHIN, REPEATS, START) or the end is expected, not )"},
	} {
		_, err := Parse(c.source)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: got %v\nwant %s", c.source, err, c.want)
		}
	}
}

func TestNoMessageRepeatsANameOrAConstant(t *testing.T) {
	for _, source := range []string{
		"secret:name = 1", "[secret]", "[a:secret-name = 1]", "[file:name = secret]", "[file:name secret 'a']", "[a:b = 1] 'secret'",
		"[a:b 'secret']", "[a:b = 1 secret]", "[a:b = b'secret-']", "[a:b = 'secret", "[secret-a-:x = 1]", "[se:name = 1]",
		"[file:Secret = 1]", "[file:hashes.MD5 = 'secret']", "[file:name MATCHES 'secret(']", "[ipv4-addr:value ISSUBSET 'secret']",
		"[a:b = 1] WITHIN secret", "[a:b = 0051973]", "[a:b = 51973 51973]", "[a:b = 1] 51973", "[a:b[secret] = 1]",
		"[file:name = t'2051-97-30T00:00:00Z']", "[file:name MATCHES '[z-a]secret{51973}']",
	} {
		problems := problemsOf(source)
		if p, err := Parse(source); err == nil {
			if _, err := p.Prepare(); err != nil {
				problems = append(problems, Problem{Message: err.Error()})
			}
		}
		if len(problems) == 0 {
			t.Errorf("%s has no problem", source)
		}
		for _, p := range problems {
			if strings.Contains(strings.ToLower(p.Message), "secret") || strings.Contains(p.Message, "51973") || strings.Contains(p.Message, "z-a]") {
				t.Errorf("%s: %s", source, p.Message)
			}
		}
	}
}

func TestTheGrammarsBoundsAreKept(t *testing.T) {
	for _, source := range []string{
		"[a:b=1] AND", "[a:b=1] OR OR [a:b=1]", "[]", "()", "[a:b=1", "([a:b=1]", "[a=1]", "[:b=1]", "[a:=1]", "[a:b.=1]",
		"[a:b[]=1]", "[a:b[1=1]", "[a:b['x']=1]", "['a':b=1]", "[a:b-c=1]", "[a:IN=1]", "[IN:b=1]", "[a:LAST=1]",
		"[NOT a:b=1]", "[a:b NOT NOT = 1]", "[a:b EXISTS]", "[EXISTS a:b = 1]", "[a:b IN 1]", "[a:b IN (1,)]", "[a:b IN (,1)]",
		"[a:b LIKE 1]", "[a:b MATCHES h'00']", "[a:b ISSUBSET true]", "[a:b = 1.]", "[a:b = 1e3]", "[a:b = - 1]", "[a:b = +]",
		"[a:b = null]", "[a:b = t'2016-13-12T08:17:27Z']", "[a:b = t'2016-05-32T08:17:27Z']", "[a:b = t'2016-05-12T24:17:27Z']",
		"[a:b = t'2016-05-12T08:17:27.Z']", "[a:b = t'2016-05-12t08:17:27Z']", "[a:b = t '2016-05-12T08:17:27Z']",
		"[a:b = b'====']", "[a:b = b'\n']", "[a:b = b'A===']", "[a:b = b'AQ=D']", "[a:b = b'AQ ==']", "[a:b = b'AQI']", "[a:b = b'A_==']", "[a:b = h'0g']", "[a:b === 1]", "[a:b =! 1]",
		"[a:b = 1] within 2 SECONDS", "[a:b = 1] WITHIN -5 SECONDS", "[a:b = 1] REPEATS 1.5 TIMES", "[a:b = 1] REPEATS 0 TIMES",
		"[a:b = 1] START t'2016-05-12T08:17:27Z'", "[a:b = 1] [a:b = 2]", "WITHIN 5 SECONDS", "[a:b = 1]]", "[a:b = '\\n']", "[a:b = 'x\\",
		"[a:b = 1] WITHIN " + strings.Repeat("9", 400) + " SECONDS",
	} {
		_, err := Parse(source)
		if e := (*SyntaxError)(nil); !errors.As(err, &e) {
			t.Errorf("%q: error is %v", source, err)
		} else if e.Pos < 0 || e.Pos > len(source) {
			t.Errorf("%q: error is at %d", source, e.Pos)
		}
	}
}

func TestParenthesesNestToTheirBoundOnBothLevels(t *testing.T) {
	nested := func(depth int) string {
		open, closed := strings.Repeat("(", depth), strings.Repeat(")", depth)
		return open + "[" + open + "a:b = 1" + closed + "]" + closed
	}
	if _, err := Parse(nested(MaxNesting)); err != nil {
		t.Errorf("at the bound: %v", err)
	}
	if _, err := Parse(nested(MaxNesting + 1)); err == nil {
		t.Error("beyond the bound it parses")
	}
}

// What hostile input costs shows when this test is slow: none of it is to take
// more than a moment.
func TestHostilePatternsAreReadOrRefusedInLinearTime(t *testing.T) {
	const most = MaxLength
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (most-len(before)-len(after))/len(unit)) + after
	}
	valid := map[string]string{
		"many observations":  fill("", "[a:b=1]OR", "[a:b=1]"),
		"many comparisons":   fill("[", "a:b=1 OR ", "a:b=1]"),
		"a large set":        fill("[a:b IN (1", ",1", ")]"),
		"a long path":        fill("[a:b", ".a", "=1]"),
		"many indexes":       fill("[a:b", "[*]", "=1]"),
		"a long string":      fill("[a:b='", "a", "']"),
		"a string of quotes": fill("[a:b='", `\'`, "']"),
		"many qualifiers":    fill("[a:b=1]", "REPEATS 2 TIMES ", ""),
		"a long number":      fill("[a:b=", "9", "]"),
		"many expressions":   fill("[", `a:b MATCHES '\\pL\\pL\\pL' OR `, "a:b=1]"),
		"many comments":      fill("[a:b=1]", "//\n/**/", ""),
	}
	for name, source := range valid {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(source); err != nil {
				t.Error(err)
			}
			for _, p := range problemsOf(source) {
				if p.Code == codeInvalidPattern {
					t.Error(p)
				}
			}
		})
	}
	for name, source := range map[string]string{
		"parentheses only":        fill("", "(", ""),
		"parentheses in brackets": fill("[", "(", ""),
		"closed parentheses":      strings.Repeat("(", 100000) + "[a:b=1]" + strings.Repeat(")", 100000),
		"brackets only":           fill("", "[", ""),
		"unclosed comments":       fill("[a:b=1]", "/*", ""),
		"slashes after a star":    fill("[a:b=1]/", "*/ /", ""),
		"quotes of prefixes":      fill("[a:b=", "t'", ""),
		"newlines":                fill("", "\n", "x"),
		"one byte too many":       fill("[a:b='", "a", "' ]") + "x",
		"a long name":             fill("", "a", ""),
		"a long name of control":  fill("[a:b=1] '", "\x01", "'"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(source)
			if err == nil {
				t.Fatal("it parses")
			}
			if len(err.Error()) > 330 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if ps := problemsOf(source); len(ps) != 1 {
				t.Errorf("%d problems", len(ps))
			}
		})
	}
}
