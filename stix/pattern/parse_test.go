package pattern

import "testing"

func TestASimplePatternIsReadIntoItsParts(t *testing.T) {
	p, err := Parse(`[ipv4-addr:value = '198.51.100.1']`)
	if err != nil {
		t.Fatal(err)
	}
	c := p.Root.Condition.Comparison
	if c.Path.Type != "ipv4-addr" || c.Path.Steps[0].Name != "value" || c.Values[0].Text != "198.51.100.1" {
		t.Errorf("read as %+v", c)
	}
}

func TestAPatternWithoutBracketsIsRefused(t *testing.T) {
	_, err := Parse("file:size = 1280")
	if want := "line 1, column 1: [ is expected, not file: put the comparison in brackets, as in [file:size = 1280]"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}
