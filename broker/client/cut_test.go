package client

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/selat-hub/selat/stix"
)

// testInput is an input of supporting and other objects that refer to each
// other at random, rings and oneself included.
func testInput(t *rapid.T) []*item {
	ids := make([]string, rapid.IntRange(0, 6).Draw(t, "supporting"))
	types := []string{"marking-definition", "extension-definition", "identity"}
	for i := range ids {
		ids[i] = fmt.Sprintf("%s--00000000-0000-4000-8000-%012x", types[i%3], i)
	}
	n := len(ids) + rapid.IntRange(0, 30).Draw(t, "others")
	order := rapid.Permutation(seq(n)).Draw(t, "order")
	items := make([]*item, n)
	for at, i := range order {
		o := stix.Object{Type: "indicator", ID: fmt.Sprintf("indicator--00000000-0000-4000-8000-%012x", i)}
		if i < len(ids) {
			o.Type, o.ID = types[i%3], ids[i]
		}
		if len(ids) > 0 {
			o.Refs = rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 0, 3, rapid.ID).Draw(t, "refs")
		}
		raw := fmt.Sprintf(`{"id":%q,"pad":"%0*d"}`, o.ID, rapid.IntRange(1, 200).Draw(t, "size"), 0)
		items[at] = &item{position: position{number: at, index: at}, raw: []byte(raw), object: o}
	}
	return items
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestEveryObjectIsSubmittedOnceAndAfterWhatItRefersTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := testInput(t)
		s := newSupports()
		for _, it := range items {
			if err := s.note(it); err != nil {
				t.Fatal(err)
			}
		}
		s.settle()
		refs := map[string][]string{}
		for _, it := range items {
			refs[it.object.ID] = it.object.Refs
		}
		members, told := map[int]int{}, map[string]bool{}
		c := &cutter{supports: s, objects: rapid.IntRange(1, 10).Draw(t, "objects"), bytes: rapid.IntRange(100, 3000).Draw(t, "bytes"), hardObjects: 1 << 20, hardBytes: 1 << 20}
		c.emit = func(d *draft) error {
			checkDraft(t, c, d, refs, told)
			for _, m := range d.members {
				members[m.number]++
			}
			return nil
		}
		for _, it := range items {
			if sp := s.find(&it.object, it.raw); it.object.Supporting() && sp.travels {
				continue
			}
			if fault, err := c.add(it); fault != nil || err != nil {
				t.Fatalf("%v %v", fault, err)
			}
		}
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			if !told[it.object.ID] {
				t.Errorf("%s is in no submission", it.object.ID)
			}
			if members[it.number] > 1 {
				t.Errorf("%s is a member of %d submissions", it.object.ID, members[it.number])
			}
		}
	})
}

// checkDraft fails unless a draft holds everything its objects refer to, keeps
// its size, and is a bundle.
func checkDraft(t *rapid.T, c *cutter, d *draft, refs map[string][]string, told map[string]bool) {
	var b struct {
		Objects []struct {
			ID string `json:"id"`
		} `json:"objects"`
	}
	payload := d.payload()
	if err := json.Unmarshal(payload, &b); err != nil {
		t.Fatal(err)
	}
	if len(d.members) > 1 && (d.objects() > c.objects || len(payload) > c.bytes+stix.BundleOverhead()) {
		t.Errorf("a submission has %d objects and %d bytes, over %d and %d", d.objects(), len(payload), c.objects, c.bytes)
	}
	have := map[string]bool{}
	for _, o := range b.Objects {
		have[o.ID], told[o.ID] = true, true
	}
	for _, o := range b.Objects {
		for _, ref := range refs[o.ID] {
			for _, sp := range c.supports.byID[ref] {
				if sp.travels && !have[ref] {
					t.Errorf("%s refers to %s, which is not in its submission", o.ID, ref)
				}
			}
		}
	}
}

func TestAnInputOfTooManyDefinitionsIsRefusedWithWhatToDo(t *testing.T) {
	s := newSupports()
	raw := make([]byte, 1<<20)
	for i := range 65 {
		o := stix.Object{Type: "identity", ID: fmt.Sprintf("identity--00000000-0000-4000-8000-%012x", i)}
		if err := s.note(&item{raw: raw, object: o}); err != nil {
			return
		}
	}
	t.Error("65 MiB of identities were taken into memory")
}
