package pattern

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// condition is a Condition made ready for use.
type condition struct {
	op        ConditionOp
	operands  []*condition
	predicate *predicate
}

// met tells whether one object of the observation meets the condition, from
// which all its paths then start (STIX 2.1 §9.5).
func (c *condition) met(o *Observed, w *walk) (bool, error) {
	w.observed = o
	if w.known == nil || len(w.known) > 0 {
		w.known = make(map[arrival]bool) // clearing would take as long as it once was
	}
	found := false
	for _, x := range o.objects {
		ok, err := c.metBy(x, w)
		if err != nil {
			return false, err
		}
		found = found || ok
	}
	return found, nil
}

// metBy evaluates every comparison, whatever the others came to: so what is said
// of the data does not hang on the order in which they are written.
func (c *condition) metBy(x *object, w *walk) (bool, error) {
	if c.op == Compare {
		return c.predicate.metBy(x, w)
	}
	all, some := true, false
	for _, operand := range c.operands {
		ok, err := operand.metBy(x, w)
		if err != nil {
			return false, err
		}
		all, some = all && ok, some || ok
	}
	if c.op == And {
		return all, nil
	}
	return some, nil
}

// metBy tells whether the comparison holds for a value that its path leads to
// from x. Where the path leads nowhere it does not, whatever the operator, but
// for NOT EXISTS (STIX 2.1 §9.6).
func (c *predicate) metBy(x *object, w *walk) (bool, error) {
	if err := w.spend(1); err != nil || x.typ != c.typ {
		return false, err
	}
	w.predicate = c
	found, err := w.from(x.properties, 0)
	if err != nil {
		return false, err
	}
	return found != (c.op == Exists && c.not), nil
}

// Steps of a match, beyond one for each comparison of each object.
const (
	costOfStep      = 2
	costOfReference = 8
	costOfKnown     = 32 // it bounds the memory for what is known to some 100 MB
)

// walk follows the path of a comparison through an observation. What it came to
// at an object reached by reference it remembers where the path branches after
// it, so that its time is at most the length of the path times the size of the
// observation, however densely the objects refer to each other.
type walk struct {
	*budget
	observed  *Observed
	predicate *predicate
	known     map[arrival]bool
	times     timesSeen
}

// arrival is at an object, with that many steps of a path behind.
type arrival struct {
	predicate *predicate
	object    *object
	steps     int
}

// references is the value of a property whose name ends in _refs.
type references []any

// from tells whether the comparison holds for a value that the steps from the
// i-th on lead to.
func (w *walk) from(value any, i int) (bool, error) {
	if err := w.spend(costOfStep); err != nil {
		return false, err
	}
	if i == len(w.predicate.steps) {
		return w.predicate.holds(value, w)
	}
	switch step := &w.predicate.steps[i]; step.Kind {
	case Property:
		members, _ := value.(map[string]any)
		member, present := members[step.Name]
		if !present {
			return false, nil
		}
		return w.member(step.Name, member, i+1)
	case Index:
		switch list := value.(type) {
		case []any:
			if step.Index >= 0 && step.Index < len(list) {
				return w.from(list[step.Index], i+1)
			}
		case references:
			if step.Index >= 0 && step.Index < len(list) {
				return w.reference(list[step.Index], i+1)
			}
		}
		return false, nil
	}
	switch list := value.(type) {
	case []any:
		return anyOf(list, func(v any) (bool, error) { return w.from(v, i+1) })
	case references:
		return anyOf(list, func(v any) (bool, error) { return w.reference(v, i+1) })
	}
	return false, nil
}

func anyOf(list []any, holds func(any) (bool, error)) (bool, error) {
	for _, v := range list {
		if found, err := holds(v); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// member goes on from the value of a property. By the end of its name the
// property is binary (STIX 2.1 §2.1, §2.8) or a reference, which is followed
// (§9.7.4); what cannot be decoded or resolved is taken for absent (§9.6).
func (w *walk) member(name string, value any, i int) (bool, error) {
	text, isText := value.(string)
	switch {
	case isText && (strings.HasSuffix(name, "_hex") || strings.HasSuffix(name, "_bin")):
		if err := w.spend(len(text) / 8); err != nil {
			return false, err
		}
		if strings.HasSuffix(name, "_bin") {
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return false, nil
			}
			return w.from(b, i)
		}
		b, err := hex.DecodeString(text)
		if err != nil {
			return false, nil
		}
		return w.from(b, i)
	case strings.HasSuffix(name, "_ref"):
		return w.reference(value, i)
	case strings.HasSuffix(name, "_refs"):
		list, _ := value.([]any)
		if err := w.spend(len(list)); err != nil {
			return false, err
		}
		for _, ref := range list {
			if id, ok := ref.(string); ok && w.observed.refer(id) != nil {
				return w.from(references(list), i)
			}
		}
		return false, nil
	}
	return w.from(value, i)
}

func (w *walk) reference(value any, i int) (bool, error) {
	id, _ := value.(string)
	x := w.observed.refer(id)
	if x == nil {
		return false, nil
	}
	if err := w.spend(costOfReference); err != nil {
		return false, err
	}
	if !w.predicate.branchesFrom(i) {
		return w.from(x.properties, i)
	}
	at := arrival{predicate: w.predicate, object: x, steps: i}
	if found, seen := w.known[at]; seen {
		return found, nil
	}
	if err := w.spend(costOfKnown); err != nil {
		return false, err
	}
	found, err := w.from(x.properties, i)
	if err == nil {
		w.known[at] = found
	}
	return found, err
}
