package stix

import (
	"strings"
	"sync"
)

// Place is Path without what the submission itself chose: names of properties that
// are in no table of STIX 2.1, keys of dictionaries and of extensions become a
// star. It is for logs and the like, where Path would tell content.
func (f *Finding) Place() string {
	elements := strings.Split(f.Path, "/")
	for i, e := range elements {
		if strings.Trim(e, "0123456789") != "" && !specNames()[e] {
			elements[i] = "*"
		}
	}
	return strings.Join(elements, "/")
}

// specNames are the names that the tables have.
var specNames = sync.OnceValue(func() map[string]bool {
	names, seen := map[string]bool{}, map[*structure]bool{}
	var add func(*structure)
	ofValue := func(v *value) {
		for ; v != nil; v = v.each {
			add(v.inner)
		}
	}
	add = func(st *structure) {
		if st == nil || seen[st] {
			return
		}
		seen[st] = true
		for i := range st.props {
			names[st.props[i].name] = true
			ofValue(&st.props[i].value)
		}
		for key, extension := range st.extensions {
			names[key] = true
			add(extension)
		}
	}
	for _, st := range structures {
		add(st)
	}
	add(customDomain)
	add(customObservable)
	add(bundles)
	return names
})
