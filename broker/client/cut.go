package client

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/stix"
)

// Sizes of the submissions that an input is cut into. The hub stores objects
// of one submission together, and answers it in one go: larger ones gain
// nothing.
const (
	submissionObjects = 1000
	submissionBytes   = 2 << 20
	// receiptLines bounds the lines of one receipt, which for RED has one for
	// each object and recipient.
	receiptLines = 4000
	// headerRoom is left of the hub's payload limit for headers.
	headerRoom = 8 << 10
)

// item is one object of the input as it was read.
type item struct {
	position
	raw    []byte
	object stix.Object
	fault  *stix.Finding // set when it could not be read as an object
}

// draft is a submission being gathered.
type draft struct {
	carried []*support
	members []member
	bytes   int
	have    map[*support]bool
}

type member struct {
	position
	raw []byte
}

func (d *draft) objects() int { return len(d.carried) + len(d.members) }

// payload is the draft as a bundle: carried objects first.
func (d *draft) payload() []byte {
	raws := make([][]byte, 0, d.objects())
	for _, sp := range d.carried {
		raws = append(raws, sp.raw)
	}
	for _, m := range d.members {
		raws = append(raws, m.raw)
	}
	id := "bundle--" + uuid.NewString()
	return stix.AppendBundle(make([]byte, 0, d.bytes+stix.BundleOverhead()+len(id)), id, raws...)
}

// cutter gathers objects into drafts and hands each on when it is full.
type cutter struct {
	supports *supports
	// A draft is full at objects or bytes; only one object with what it needs
	// may grow over them, and never over the hard ones.
	objects, bytes         int
	hardObjects, hardBytes int

	draft draft
	emit  func(*draft) error
}

// add takes an object into the current draft with the supporting objects it
// needs, or hands the draft on first. It returns a finding when no submission
// can hold the object.
func (c *cutter) add(it *item) (*stix.Finding, error) {
	refs := supportingRefs(&it.object)
	need := c.supports.closure(refs, c.draft.have, nil)
	size := sizeOf(need, it.raw)
	if len(c.draft.members) > 0 && (c.draft.objects()+len(need)+1 > c.objects || c.draft.bytes+size > c.bytes) {
		if err := c.flush(); err != nil {
			return nil, err
		}
		need = c.supports.closure(refs, nil, nil)
		size = sizeOf(need, it.raw)
	}
	if size+stix.BundleOverhead() > c.hardBytes || len(need)+1 > c.hardObjects {
		return &stix.Finding{Code: "payload-too-large", Message: fmt.Sprintf(
			"the object with the %d definitions and identities it refers to has %d bytes, and the hub takes %d in %d objects: leave out embedded payloads, or publish its definitions first",
			len(need), size, c.hardBytes, c.hardObjects)}, nil
	}
	d := &c.draft
	if d.have == nil {
		d.have = map[*support]bool{}
	}
	for _, sp := range need {
		d.have[sp], sp.carried = true, true
	}
	d.carried = append(d.carried, need...)
	d.members = append(d.members, member{it.position, it.raw})
	d.bytes += size
	return nil, nil
}

// sizeOf counts the bytes of objects in a bundle, commas included.
func sizeOf(need []*support, raw []byte) int {
	n := len(raw) + 1
	for _, sp := range need {
		n += len(sp.raw) + 1
	}
	return n
}

// flush hands on what there is.
func (c *cutter) flush() error {
	if len(c.draft.members) == 0 {
		return nil
	}
	d := c.draft
	c.draft = draft{}
	return c.emit(&d)
}
