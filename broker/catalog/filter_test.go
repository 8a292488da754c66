package catalog

import (
	"fmt"
	"testing"
)

func TestTheFilterKeepsEveryKeyAndFewOthers(t *testing.T) {
	f := newFilter()
	key := func(kind string, i int) []byte { return fmt.Appendf(nil, "o\x00sg\x00%s--%d\x002025", kind, i) }
	const keys = minPartKeys * 3 / 2 // two parts
	if f.lacks(key("in", 0)) {
		t.Fatal("a filter that is not filled claims to know")
	}
	f.ready.Store(true)
	for i := range keys {
		f.add(key("in", i))
	}
	wrong := 0
	for i := range keys {
		if f.lacks(key("in", i)) {
			t.Fatal("a key is lost:", i)
		}
		if !f.lacks(key("out", i)) {
			wrong++
		}
	}
	if rate := float64(wrong) / keys; rate > 0.01 {
		t.Errorf("%.2f %% needless looks into the database", 100*rate)
	}
	if per := float64(f.bytes()) / keys; per > 6 {
		t.Errorf("%.1f bytes a key", per)
	}
}
