package catalog

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func drawListing(t *rapid.T) (m listing) {
	index, added, end := -1, int64(0), 0
	for range rapid.IntRange(1, 12).Draw(t, "objects") {
		index += rapid.IntRange(1, 3).Draw(t, "index")
		added += rapid.Int64Range(1, 3).Draw(t, "added")
		d := described{
			origin: rapid.SampledFrom([]string{"sg", "my"}).Draw(t, "origin"),
			id: rapid.SampledFrom([]string{"indicator", "ipv4-addr"}).Draw(t, "type") + "--" +
				rapid.SampledFrom([]string{"1", "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000A", "a--b"}).Draw(t, "id"),
			version: rapid.SampledFrom([]string{"", day1}).Draw(t, "version"),
			spec:    rapid.SampledFrom([]string{latestSpec, "2.0"}).Draw(t, "spec"),
			index:   index, added: added, offset: end + rapid.IntRange(0, 2).Draw(t, "gap"), length: rapid.IntRange(0, 300).Draw(t, "length"),
		}
		end = d.offset + d.length
		m = append(m, d)
	}
	return m
}

func TestOneObjectOfAMessageReadsAsItDoesAmongAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := listed{uint64(rapid.SampledFrom([]int{0, 0, 7, 1 << 40}).Draw(t, "physical")), drawListing(t)}
		b := m.append(nil)
		all, err := decodeListing(b)
		if err != nil || fmt.Sprint(all) != fmt.Sprint(m) {
			t.Fatalf("%v reads back as %v: %v", m, all, err)
		}
		there := map[int]described{}
		for _, d := range m.listing {
			there[d.index] = d
		}
		for index := range m.listing[len(m.listing)-1].index + 2 {
			d, physical, found, err := describedAt(b, index)
			if want, is := there[index]; err != nil || found != is || d != want || found && physical != m.physical {
				t.Fatalf("object %d of %v is %v, found %v: %v", index, m, d, found, err)
			}
		}
	})
}

func FuzzListing(f *testing.F) {
	m := listing{
		{origin: "sg", id: "indicator--00000000-0000-4000-8000-00000000000a", version: day1, spec: latestSpec, added: 9, offset: 3, length: 300},
		{origin: "my", id: "x--1", spec: "2.0", index: 7, added: 20, offset: 400, length: 1},
	}
	f.Add(listed{0, m}.append(nil), 7)
	f.Add(listed{300, m}.append(nil), 0)
	f.Add([]byte{listingInPlace, 0}, 0)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, b []byte, index int) {
		d, physical, found, err := describedAt(b, index)
		if err != nil && (found || !errors.Is(err, errFormat)) {
			t.Fatal(found, err)
		}
		all, err := decodeListing(b)
		if err != nil {
			if !errors.Is(err, errFormat) {
				t.Fatal(err)
			}
			return
		}
		for i := range all.listing {
			if all.listing[i].index == index {
				if !found || d != all.listing[i] || physical != all.physical {
					t.Fatalf("object %d is %v, found %v, and among all %v", index, d, found, all.listing[i])
				}
				return
			}
		}
		if found {
			t.Fatalf("object %d is none of %v", index, all)
		}
	})
}
