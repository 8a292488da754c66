package pattern

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Observed is what one observed-data object tells: that a set of objects was
// seen a number of times within an interval (STIX 2.1 §4.14). For a pattern it
// stands for Number observations, each made at some time from First to Last.
// Observations makes it.
type Observed struct {
	ID          string    // empty if the object has none
	First, Last time.Time // first_observed and last_observed; digits beyond nanoseconds are dropped
	Number      int       // number_observed, 1 to 999,999,999

	objects []*object          // in the order they are referred to
	byID    map[string]*object // these by id, or by key in the objects dictionary
	all     map[string]*object // by id all that Observations was given
}

// object is an object within an observation: a cyber-observable, as a rule.
type object struct {
	typ        string
	properties map[string]any
}

// maxNumberObserved is the bound of STIX 2.1 §4.14.1.
const maxNumberObserved = 999_999_999

// Observations reads the observed-data of STIX content, in the order it is
// written. data holds one or more JSON values after another: bundles, TAXII
// envelopes, lone objects, or lists of these.
//
// The objects of an observed-data are those its object_refs name anywhere in
// data, and those of its deprecated objects dictionary, where references go by
// key. Patterns start at these. The references in them may lead on to anything
// in data; those that resolve to nothing are passed over: matching takes them
// for absent (STIX 2.1 §9.6). Of several versions of one observed-data the
// latest modified counts, of several objects with one id the first.
//
// It is an error, and nothing is returned, if data is not JSON as I-JSON has it
// (RFC 7493: no duplicate names, no broken Unicode), nests deeper than 64
// levels, or holds anything but STIX objects; if an observed-data lacks
// number_observed, first_observed or last_observed, has them of another type or
// out of range, or ends before it began. Time and memory are linear in data.
// Errors are bounded in length and quote nothing of an object but its id.
func Observations(data []byte) ([]Observed, error) {
	documents, err := decodeAll(data)
	if err != nil {
		return nil, err
	}
	var c collection
	c.byID = make(map[string]*object)
	for _, d := range documents {
		if err := c.add(d); err != nil {
			return nil, err
		}
	}
	versions := c.latest()
	observed := make([]Observed, len(versions))
	for i, properties := range versions {
		id, _ := properties["id"].(string)
		if observed[i], err = c.observe(id, properties); err != nil {
			return nil, fmt.Errorf("%s: %w", nameOf(id), err)
		}
	}
	return observed, nil
}

// collection is all that one call of Observations was given.
type collection struct {
	observed []map[string]any
	byID     map[string]*object
}

var errNotSTIX = errors.New("this is neither a STIX object nor a bundle or list of them")

func (c *collection) add(document any) error {
	switch d := document.(type) {
	case []any:
		for _, element := range d {
			if err := c.add(element); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		typ, typed := d["type"].(string)
		content, listed := d["objects"].([]any)
		switch {
		case typ == "bundle" || !typed && listed:
			return c.add(content)
		case !typed:
			return errNotSTIX
		case typ == "observed-data":
			c.observed = append(c.observed, d)
		}
		if id, ok := d["id"].(string); ok && c.byID[id] == nil {
			c.byID[id] = &object{typ: typ, properties: d}
		}
		return nil
	}
	return errNotSTIX
}

// latest returns the observed-data, each in its latest version at the place of
// its first.
func (c *collection) latest() []map[string]any {
	versions := make([]map[string]any, 0, len(c.observed))
	place := make(map[string]int, len(c.observed))
	for _, properties := range c.observed {
		if id, ok := properties["id"].(string); ok {
			if at, again := place[id]; again {
				if newer(properties, versions[at]) {
					versions[at] = properties
				}
				continue
			}
			place[id] = len(versions)
		}
		versions = append(versions, properties)
	}
	return versions
}

func (c *collection) observe(id string, properties map[string]any) (Observed, error) {
	o := Observed{ID: id, byID: make(map[string]*object), all: c.byID}
	var err error
	if o.First, err = timeOf(properties, "first_observed"); err != nil {
		return o, err
	}
	if o.Last, err = timeOf(properties, "last_observed"); err != nil {
		return o, err
	}
	if o.Last.Before(o.First) {
		return o, errors.New("last_observed is before first_observed")
	}
	n, ok := properties["number_observed"].(number)
	if !ok {
		return o, errors.New("number_observed is absent or no number")
	}
	if o.Number, ok = n.between(1, maxNumberObserved); !ok {
		return o, fmt.Errorf("number_observed is no integer from 1 to %d", maxNumberObserved)
	}
	if dictionary, ok := properties["objects"].(map[string]any); ok {
		for _, key := range slices.Sorted(maps.Keys(dictionary)) {
			content, ok := dictionary[key].(map[string]any)
			if !ok {
				return o, errors.New("objects holds something that is no object")
			}
			typ, _ := content["type"].(string)
			o.add(key, &object{typ: typ, properties: content})
		}
	}
	refs, _ := properties["object_refs"].([]any)
	for _, ref := range refs {
		if id, ok := ref.(string); ok {
			o.add(id, c.byID[id])
		}
	}
	return o, nil
}

func (o *Observed) add(id string, x *object) {
	if x == nil || o.byID[id] != nil {
		return
	}
	o.byID[id] = x
	o.objects = append(o.objects, x)
}

// refer returns what a reference leads to, or nil.
func (o *Observed) refer(id string) *object {
	if x := o.byID[id]; x != nil {
		return x
	}
	return o.all[id]
}

func timeOf(properties map[string]any, name string) (time.Time, error) {
	text, _ := properties[name].(string)
	m, ok := parseMoment(text)
	if !ok {
		return time.Time{}, fmt.Errorf("%s is absent or no timestamp", name)
	}
	return m.time(), nil
}

// newer tells whether a is a later version than b.
func newer(a, b map[string]any) bool {
	modified, _ := a["modified"].(string)
	m, ok := parseMoment(modified)
	if !ok {
		return false
	}
	before, _ := b["modified"].(string)
	n, ok := parseMoment(before)
	return ok && m.compare(n) > 0
}

// nameOf returns what an error calls an observed-data.
func nameOf(id string) string {
	if id == "" {
		return "an observed-data without id"
	}
	return excerpt(id)
}
