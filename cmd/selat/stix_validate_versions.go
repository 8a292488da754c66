package main

import (
	"strings"

	"github.com/selat-hub/selat/stix"
)

// versionsMost is how many objects are held to look at their versions.
const versionsMost = 10_000

// versionsRead holds of the objects read what stix.Histories looks at, and
// where they stand: no more than a few hundred bytes of each.
type versionsRead struct {
	items []heldVersion
	most  int
	over  bool // there were more, and none is held
}

type heldVersion struct {
	*stixItem
	warned bool // it had findings of its own
}

// add holds an object that has versions. One with errors is not held against
// others, nor they against it.
func (v *versionsRead) add(it *stixItem) {
	o := it.object
	if v.over || it.number < 0 || o == nil || o.Created == "" || o.Modified == "" || len(o.Findings) > 0 && o.Findings[0].Severity == stix.Error {
		return
	}
	if len(v.items) == v.most {
		v.items, v.over = nil, true
		return
	}
	held := &stixItem{
		file: it.file, number: it.number, place: it.place, pointer: it.pointer,
		object: &stix.Object{
			Pointer: it.pointer, Revoked: o.Revoked,
			Type: strings.Clone(o.Type), ID: strings.Clone(o.ID), CreatedByRef: strings.Clone(o.CreatedByRef),
			Created: strings.Clone(o.Created), Modified: strings.Clone(o.Modified),
		},
	}
	v.items = append(v.items, heldVersion{held, len(o.Findings) > 0})
}

// contradictions returns the items that other versions of the same object
// contradict, with what is wrong.
func (v *versionsRead) contradictions() (wrong []heldVersion) {
	objects := make([]*stix.Object, len(v.items))
	for i, it := range v.items {
		objects[i] = it.object
	}
	stix.Histories(objects)
	for _, it := range v.items {
		if len(it.object.Findings) > 0 {
			wrong = append(wrong, it)
		}
	}
	return wrong
}
