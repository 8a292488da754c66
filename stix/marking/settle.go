package marking

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// settle looks at a changed object once more if parts of its markings are
// themselves marked. The change may have taken away what a selector selects,
// which it must not (STIX 2.1 §7.2.3.1), or put something else in its place,
// which would take a marking from one part and give it to another. refs and all
// are what the object has now.
func (d *document) settle(changed []byte, refs []string, all []granular) ([]byte, error) {
	var own []string
	for _, g := range all {
		for _, s := range g.selectors {
			if head, _, _ := strings.Cut(s, "."); head == objectRefs || head == granularMarkings {
				own = append(own, s)
			}
		}
	}
	if len(own) == 0 {
		return changed, nil
	}
	wanted := newTree(own)
	if _, err := walk(changed, wanted); err != nil {
		return nil, err
	}
	same := unmoved(d.granulars, all)
	for _, s := range own {
		if !wanted.find(s).present {
			return nil, fmt.Errorf("%w %s: a granular marking has it and it would select nothing, clear it first", ErrInvalidSelector, brief(s))
		}
		parts := strings.Split(s, ".")
		if len(parts) == 1 {
			continue // a list as a whole
		}
		n := position(parts[1])
		stays := n < len(d.written) && n < len(refs) && d.written[n] == refs[n]
		if parts[0] == granularMarkings {
			stays = n < len(same) && same[n] && sameSelector(parts[2:], d.granulars[n], all[n])
		}
		if !stays {
			return nil, fmt.Errorf("%w %s: a granular marking has it and the change would put something else at that position, clear it first", ErrInvalidSelector, brief(s))
		}
	}
	return changed, nil
}

// unmoved tells of each position among the granular markings whether it has the
// same one before and after. One is known by what it marks with and, where
// several mark with the same, by its selectors too.
func unmoved(before, after []granular) []bool {
	repeated := func(all []granular) map[Mark]int {
		times := make(map[Mark]int, len(all))
		for _, g := range all {
			times[g.mark]++
		}
		return times
	}
	was, now := repeated(before), repeated(after)
	same := make([]bool, min(len(before), len(after)))
	for n := range same {
		a, b := before[n], after[n]
		same[n] = a.mark == b.mark && (was[a.mark] == 1 && now[b.mark] == 1 || slices.Equal(a.selectors, b.selectors))
	}
	return same
}

// sameSelector tells of a selector's components within a granular marking
// whether they select the same before and after.
func sameSelector(within []string, before, after granular) bool {
	if len(within) < 2 {
		return true // a property of it
	}
	k := position(within[1])
	return k < len(before.selectors) && k < len(after.selectors) && before.selectors[k] == after.selectors[k]
}

// position reads the number of a component that passed isPosition.
func position(component string) int {
	n, err := strconv.Atoi(strings.Trim(component, "[]"))
	if err != nil {
		return math.MaxInt // no list has it
	}
	return n
}
