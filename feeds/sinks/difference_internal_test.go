package sinks

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestTheDifferenceOfTwoSortedListsIsWhatOnlyOneOfThemHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) []string {
			out := rapid.SliceOfNDistinct(rapid.IntRange(0, 30), 0, 20, rapid.ID).Draw(t, label)
			var names []string
			for _, n := range out {
				names = append(names, fmt.Sprintf("sg\x00indicator--%d\x00v", n))
			}
			slices.Sort(names)
			return names
		}
		hub, held := draw("hub"), draw("held")
		var all []listed
		for _, name := range hub {
			all = append(all, listed{name: name})
		}
		missing, extra := difference(all, held)
		var left []string
		for _, l := range missing {
			left = append(left, l.name)
		}
		only := func(a, b []string) []string {
			return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
		}
		if want := only(hub, held); !slices.Equal(left, want) {
			t.Fatalf("missing %q, not %q", left, want)
		}
		if want := only(held, hub); !slices.Equal(extra, want) {
			t.Fatalf("extra %q, not %q", extra, want)
		}
	})
}
