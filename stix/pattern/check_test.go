package pattern

import (
	"strconv"
	"strings"
	"testing"
)

func TestAPatternIsHeldToMoreThanTheGrammar(t *testing.T) {
	hex := func(n int) string { return strings.Repeat("a", n) }
	for _, c := range []struct{ name, source, want string }{
		{"a sound pattern", "[file:name = 'a']", ""},
		{"a type of two characters", "[ab:name = 'a']", "pattern-name at 1"},
		{"a property of two characters", "[abc:yz = 'a']", "pattern-name at 5"},
		{"both", "[ab:yz = 'a']", "pattern-name at 1; pattern-name at 4"},
		{"the property id", "[app:id = 'com.example']", ""},
		{"a type with an underscore", "[x_y_z:name = 'a']", "pattern-name at 1"},
		{"a type with a capital", "[File:name = 'a']", "pattern-name at 1"},
		{"a type with two hyphens in a row", "[x--y:name = 'a']", "pattern-name at 1"},
		{"a type that ends in a hyphen", "[x-y-:name = 'a']", ""},
		{"a property with a capital", "[file:Name = 'a']", "pattern-name at 6"},
		{"a property with a hyphen", "[file:'first-name' = 'a']", "pattern-name at 6"},
		{"a name of 250 characters", "[" + hex(250) + ":" + hex(250) + " = 1]", ""},
		{"a name of 251 characters", "[" + hex(251) + ":name = 1]", "pattern-name at 1"},
		{"a short key further on", "[file:extensions.'X-y'.z = 'a']", ""},
		{"names after EXISTS", "[EXISTS ab:name]", "pattern-name at 8"},

		{"an MD5", "[file:hashes.MD5 = '" + hex(32) + "']", ""},
		{"an MD5 that is short", "[file:hashes.MD5 = '" + hex(31) + "']", "pattern-hash at 19"},
		{"an MD5 that is not hex", "[file:hashes.MD5 = '" + hex(31) + "g']", "pattern-hash at 19"},
		{"an MD5 that is a number", "[file:hashes.MD5 = 5]", "pattern-hash at 19"},
		{"a SHA-256 that has the length of SHA-1", "[file:hashes.'SHA-256' != '" + hex(40) + "']", "pattern-hash at 26"},
		{"a SHA-256 under another name", "[file:hashes.sha256 = '" + hex(63) + "']", "pattern-hash at 22"},
		{"a SHA3-256", "[file:hashes.'SHA3-256' = '" + hex(64) + "']", ""},
		{"a SHA3-512 that is short", "[file:hashes.'SHA3-512' = '" + hex(64) + "']", "pattern-hash at 26"},
		{"a hash in a set", "[file:hashes.MD5 IN ('" + hex(32) + "', 'a')]", "pattern-hash at 57"},
		{"a hash further down", "[file:extensions.'windows-pebinary-ext'.sections[0].hashes.MD5 = 'a']", "pattern-hash at 65"},
		{"the beginning of a hash", "[file:hashes.MD5 LIKE 'abc%']", ""},
		{"any hash", "[file:hashes[*] = 'abc']", ""},
		{"a hash of an unknown algorithm", "[file:hashes.AUTHENTIHASH = 'abc']", ""},
		{"a TLSH", "[file:hashes.TLSH = 'T1" + hex(70) + "']", ""},
		{"a TLSH without its version", "[file:hashes.tlsh = '" + hex(70) + "']", ""},
		{"a TLSH that is short", "[file:hashes.TLSH = 'T1" + hex(69) + "']", "pattern-hash at 20"},
		{"an SSDEEP", "[file:hashes.SSDEEP = '96:QRWkwo/+:JbIi']", ""},
		{"an SSDEEP with a file's name", "[file:hashes.SSDEEP = '96:QRWkwo/+:JbIi,\"a b.exe\"']", ""},
		{"an SSDEEP with a blank", "[file:hashes.SSDEEP = '96: QRW:a']", "pattern-hash at 22"},
		{"an SSDEEP without block size", "[file:hashes.SSDEEP = 'QRWkwo/+:JbIi']", "pattern-hash at 22"},
		{"an SSDEEP of one piece", "[file:hashes.SSDEEP = '96:QRWkwo/+']", "pattern-hash at 22"},
		{"a property that only is named like a hash", "[file:hashes = 'abc' OR file:x_hashes.MD5 = 'a']", ""},

		{"two qualifiers of one kind", "[file:size = 1] WITHIN 5 SECONDS WITHIN 6 SECONDS", "pattern-qualifier at 33"},
		{"two that are not neighbours", "[file:size = 1] REPEATS 5 TIMES WITHIN 6 SECONDS REPEATS 2 TIMES", "pattern-qualifier at 49"},
		{"two with parentheses between them", "([file:size = 1] REPEATS 2 TIMES) REPEATS 2 TIMES", ""},
		{"two after parentheses", "([file:size = 1]) WITHIN 5 SECONDS WITHIN 6 SECONDS", ""},
		{"one each for two expressions", "[file:size = 1] WITHIN 5 SECONDS AND [file:size = 2] WITHIN 5 SECONDS", ""},
		{"WITHIN 0", "[file:size = 1] WITHIN 0 SECONDS", "pattern-qualifier at 23"},
		{"REPEATS 0", "[file:size = 1] REPEATS 0 TIMES", "pattern-qualifier at 24"},
		{"START before STOP", "[file:size = 1] START t'2016-05-12T08:17:27.1Z' STOP t'2016-05-12T08:17:27.11Z'", ""},
		{"START at STOP", "[file:size = 1] START t'2016-05-12T08:17:27Z' STOP t'2016-05-12T08:17:27.00Z'", "pattern-qualifier at 16"},
		{"START after STOP", "[file:size = 1] START t'2016-05-12T08:17:28Z' STOP t'2016-05-12T08:17:27.99Z'", "pattern-qualifier at 16"},
		{"START inside parentheses", "(([file:size = 1] START t'2016-05-12T08:17:28Z' STOP t'2016-05-12T08:17:27Z') REPEATS 2 TIMES) AND [file:size = 2]", "pattern-qualifier at 18"},

		{"a day that April does not have", "[file:ctime = t'2016-04-31T08:17:28Z']", "pattern-timestamp at 14"},
		{"a leap day", "[file:ctime IN (t'2016-02-29T08:17:28Z', t'2000-02-29T08:17:28Z')]", ""},
		{"leap days of other years", "[file:ctime IN (t'2015-02-29T08:17:28Z', t'1900-02-29T08:17:28Z')]", "pattern-timestamp at 16; pattern-timestamp at 41"},
		{"a START that the calendar does not have", "[file:size = 1] START t'2016-02-30T08:17:28Z' STOP t'2017-05-12T08:17:27Z'", "pattern-timestamp at 22"},
		{"a STOP that the calendar does not have", "[file:size = 1] START/**/t'2016-02-20T08:17:28Z' STOP t'2017-02-29T08:17:27Z'", "pattern-timestamp at 54"},
		{"a property after a comment", "[file: /* a:b */ 'Name' = 'a']", "pattern-name at 17"},

		{"a subset of a network", "[ipv4-addr:value ISSUBSET '198.51.100.0/24' OR ipv6-addr:value NOT ISSUPERSET '2001:db8::1']", ""},
		{"a subset of a network of IPv4 with leading zeros", "[ipv4-addr:value ISSUBSET '198.51.100.007']", ""},
		{"a subset of a name", "[ipv4-addr:value ISSUBSET 'example.org']", "pattern-type at 26"},
		{"a subset of a network that is too narrow", "[ipv4-addr:value ISSUBSET '198.51.100.0/33']", "pattern-type at 26"},
		{"a subset of a network of the other version", "[ipv6-addr:value ISSUBSET '198.51.100.0/24']", "pattern-type at 26"},
		{"a subset at the end of references", "[network-traffic:dst_ref.value ISSUBSET '2001:db8::/32' OR domain-name:resolves_to_refs[*].value ISSUBSET '10.0.0.0/8']", ""},
		{"a subset of another property", "[file:name ISSUBSET '198.51.100.0/24']", "pattern-type at 1"},
		{"a subset of the value of another type", "[domain-name:value ISSUBSET '198.51.100.0/24']", "pattern-type at 1"},
		{"a subset of a type of one's own", "[x-net:ranges[*].cidr ISSUBSET '198.51.100.0/24']", ""},
		{"a subset of a name in a type of one's own", "[x-net:ranges[*].cidr ISSUBSET 'a']", "pattern-type at 31"},
		{"a subset in an extension", "[file:extensions.'x-net'.cidr ISSUBSET '198.51.100.0/24' OR file:x_net ISSUPERSET '::1']", ""},
		{"a set of numbers", "[file:size IN (1, 2.5)]", ""},
		{"a set of numbers and a string", "[file:size IN (1, 2.5, 'a', true)]", "pattern-type at 23"},
		{"an empty set", "[file:size IN ()]", ""},
		{"an AND of two types", "[file:size = 1 AND directory:path = 'a']", "pattern-type at 19 (warning)"},
		{"an AND of two types in parentheses", "[file:size = 1 OR (file:size = 2 AND (directory:path = 'a' OR mutex:name = 'b'))]", "pattern-type at 38 (warning)"},
		{"an AND that one type of several meets", "[(mutex:name = 'a' OR file:size = 1) AND (directory:path = 'a' OR file:size = 2) AND file:size = 3]", ""},
		{"an AND of more types than are tried", "[(aaa:name = 1 OR bbb:name = 1 OR ccc:name = 1 OR ddd:name = 1 OR eee:name = 1) AND fff:name = 1]", ""},
		{"an OR of two types", "[file:size = 1 OR directory:path = 'a']", ""},
		{"brackets of two types", "[file:size = 1] AND [directory:path = 'a']", ""},
		{"a number with a plus sign", "[file:size IN (-1, +2, +2.5)]", "pattern-constant at 19 (warning); pattern-constant at 23 (warning)"},

		{"a regular expression", `[file:name MATCHES '^a\\.(exe|dll)$']`, ""},
		{"one with a lookahead of PCRE", `[file:name MATCHES '^(?=a)(?<!b)a++(.)\\1$']`, ""},
		{"one with a verb of PCRE", `[file:name MATCHES '(*UTF8)a']`, ""},
		{"one with an open parenthesis", `[file:name MATCHES '(a']`, "pattern-regexp at 19 (warning)"},
		{"one with an open bracket", `[file:name MATCHES '[a']`, "pattern-regexp at 19 (warning)"},
		{"one that repeats nothing", `[file:name MATCHES '*.exe']`, "pattern-regexp at 19 (warning)"},
		{"one that ends in a backslash", `[file:name NOT MATCHES 'a\\']`, "pattern-regexp at 23 (warning)"},

		{"a text that is no pattern", "[ab:yz = 'a'", "invalid-pattern at 12"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range problemsOf(c.source) {
				what := p.Code + " at " + strconv.Itoa(p.Pos)
				if p.Severity == Warning {
					what += " (warning)"
				}
				got = append(got, what)
				if p.Section == "" || p.Message == "" || len(p.Message) > 300 || p.Line != 1 || p.Column != p.Pos+1 {
					t.Errorf("%+v", p)
				}
			}
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("%s: got %q, want %q", c.source, got, c.want)
			}
		})
	}
}

func TestNoMoreThanTwentyProblemsAreReported(t *testing.T) {
	source := "[" + strings.Repeat("a:b = 1 OR ", 1000) + "a:b = 1]"
	if n := len(problemsOf(source)); n != maxProblems {
		t.Errorf("%d problems", n)
	}
}

func TestCheckingLeavesNoGarbage(t *testing.T) {
	for _, source := range []string{
		simple,
		`([file:name = 'it\'s.exe' AND (file:size > 10 OR file:hashes.MD5 IN ('d41d8cd98f00b204e9800998ecf8427e'))] WITHIN 5 SECONDS FOLLOWEDBY ` +
			`[network-traffic:dst_ref.value ISSUBSET '198.51.100.0/24' OR EXISTS file:extensions.'ntfs-ext'.sid]) START t'2016-05-12T08:17:27Z' STOP t'2017-05-12T08:17:27Z'`,
	} {
		// Not the one of Check, whose pool is emptied whenever it pleases.
		p, report := new(parser), func(p Problem) { t.Error(p) }
		if n := testing.AllocsPerRun(100, func() { p.check(source, report) }); n != 0 {
			t.Errorf("%s: %v allocations", source, n)
		}
	}
}

func TestAPatternIsCheckedAfreshAfterAnother(t *testing.T) {
	for range 3 {
		if ps := problemsOf("[ab:yz = 'a'] REPEATS 2 TIMES REPEATS 2 TIMES"); len(ps) != 3 {
			t.Fatalf("%d problems: %v", len(ps), ps)
		}
		if ps := problemsOf("[file:name = "); len(ps) != 1 {
			t.Fatalf("%d problems: %v", len(ps), ps)
		}
		if ps := problemsOf(simple); len(ps) != 0 {
			t.Fatalf("%d problems: %v", len(ps), ps)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, source := range []string{
		simple,
		"[ab:yz = 'something']",
		`[file:hashes.'SHA-256' = 'f00'] OR ([a:b[*][1].'c-d' NOT ISSUPERSET '1.2.3.4/16'] AND [NOT EXISTS a:b])`,
		"([a:b=1]REPEATS 2 TIMES)REPEATS+3 TIMES FOLLOWEDBY [a:b IN(1,-.5,true,h'00',b'AQ==',t'2016-02-30T00:00:60Z')]WITHIN .5 SECONDS",
		"[a:b=1] START t'2016-05-12T08:17:27Z' STOP t'2016-05-12T08:17:27Z' // end",
		`[a:b MATCHES '(\\' AND a:b LIKE '\'' /* * */ OR (((a:b<>1)))]`,
		"((((([a:b=1", "[a:b=‘1’]", "[a:b=\xff]", "[a:b like 1]", "[a:b-c=1]",
	} {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		p, err := Parse(source)
		problems := problemsOf(source)
		for _, problem := range problems {
			if len(problem.Message) > 300 {
				t.Errorf("a message has %d bytes: %s", len(problem.Message), problem.Message)
			}
		}
		if err != nil {
			if e := err.(*SyntaxError); len(problems) != 1 || problems[0].Message != e.Message || problems[0].Pos != e.Pos || problems[0].Line != e.Line {
				t.Errorf("Parse says %v, Check %v", err, problems)
			}
			return
		}
		for _, problem := range problems {
			if problem.Code == codeInvalidPattern {
				t.Errorf("it parses, and Check says %v", problem)
			}
		}
		if p.Source != source {
			t.Errorf("the source is %q", p.Source)
		}
		checkRoundTrip(t, source)
		usable(t, p)
	})
}
