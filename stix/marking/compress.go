package marking

import "slices"

// Compress writes the granular markings with one for each marking: in the order
// in which they come first, with all selectors that bear the marking, sorted by
// their bytes, each once. What is marked with what stays the same.
func Compress(object []byte) ([]byte, error) {
	d, err := read(object, nil)
	if err != nil {
		return nil, err
	}
	return d.withGranulars(compress(d.granulars))
}

// Expand writes the granular markings with one for each marking and selector,
// in the order written. What is marked with what stays the same. The result may
// be 200 times as long as the object, and seldom is twice as long.
func Expand(object []byte) ([]byte, error) {
	d, err := read(object, nil)
	if err != nil {
		return nil, err
	}
	var all []granular
	for _, g := range d.granulars {
		for _, s := range g.selectors {
			all = append(all, granular{mark: g.mark, selectors: []string{s}})
		}
	}
	return d.withGranulars(all)
}

func compress(all []granular) []granular {
	var grouped []granular
	place := make(map[Mark]int, len(all))
	for _, g := range all {
		i, known := place[g.mark]
		if !known {
			i = len(grouped)
			place[g.mark] = i
			grouped = append(grouped, granular{mark: g.mark})
		}
		grouped[i].selectors = append(grouped[i].selectors, g.selectors...)
	}
	for i := range grouped {
		s := grouped[i].selectors
		slices.Sort(s)
		grouped[i].selectors = slices.Compact(s)
	}
	return grouped
}
