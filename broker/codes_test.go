package broker_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// refusers are the functions that take a code and make a refusal of it, and
// where among their arguments it stands. A composite literal's field Code
// counts as well, as do constants whose name begins with code.
var refusers = map[string]int{"refuse": 0, "finding": 0, "refuseAll": 1, "refusal": 0, "turnAway": 1, "denied": 0}

var codeWord = regexp.MustCompile(`\A[a-z][a-z0-9]*(-[a-z0-9]+)*\z`)

// Programs act on codes, so the README lists every one of them and no other.
func TestTheReadmeListsEveryCodeAndNoOther(t *testing.T) {
	inSource := map[string]string{}
	for _, dir := range []string{"../stix", "../stix/pattern", ".", "api", "policy", "screen", "client"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		must(t, err)
		for _, f := range files {
			if !strings.HasSuffix(f, "_test.go") {
				codesIn(t, f, inSource)
			}
		}
	}
	listed := codesListed(t)
	for code, where := range inSource {
		if !slices.Contains(listed, code) {
			t.Errorf("%s uses the code %q, which README.md does not list", where, code)
		}
	}
	for _, code := range listed {
		if inSource[code] == "" {
			t.Errorf("README.md lists the code %q, which nothing uses", code)
		}
	}
	if len(inSource) < 30 {
		t.Errorf("only %d codes were found in the source: this test no longer sees them", len(inSource))
	}
}

// codesIn notes the codes that one source file uses.
func codesIn(t *testing.T, file string, found map[string]string) {
	t.Helper()
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, file, nil, 0)
	must(t, err)
	note := func(e ast.Expr) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return
		}
		if code, err := strconv.Unquote(lit.Value); err == nil && codeWord.MatchString(code) {
			found[code] = fset.Position(lit.Pos()).String()
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
				note(n.Value)
			}
		case *ast.CallExpr:
			if i, ok := refusers[calledName(n)]; ok && len(n.Args) > i {
				note(n.Args[i])
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if (strings.HasPrefix(name.Name, "code") || strings.HasPrefix(name.Name, "Code")) && i < len(n.Values) {
					note(n.Values[i])
				}
			}
		}
		return true
	})
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

var codeCell = regexp.MustCompile("`([a-z][a-z0-9-]*)`")

// codesListed are the codes in the first cells of the tables of the README's
// section on codes.
func codesListed(t *testing.T) (codes []string) {
	t.Helper()
	for line := range strings.Lines(readmeSection(t, "## Codes")) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range codeCell.FindAllStringSubmatch(cells[1], -1) {
			codes = append(codes, m[1])
		}
	}
	return codes
}

// readmeSection is the text between a heading of the README and the next of
// the same depth.
func readmeSection(t *testing.T, heading string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "README.md"))
	must(t, err)
	_, rest, ok := strings.Cut(string(b), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("README.md has no section %q", heading)
	}
	depth, _, _ := strings.Cut(heading, " ")
	section, _, _ := strings.Cut(rest, "\n"+depth+" ")
	return section
}
