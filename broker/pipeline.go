package broker

import (
	"time"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/values"
)

// The accept pipeline. A submission passes these stages in order; each marks
// the objects it refuses and leaves the others to the next. What happens
// after the last stage (deduplicate, store, receipt) is in ledger.go,
// commit.go and receipt.go: from there on an object waits for the disk.
var pipeline = []stage{
	{"decode", (*Hub).decode},       // split into objects, bytes untouched
	{"validate", (*Hub).validate},   // STIX 2.1, each object by itself
	{"date", (*Hub).date},           // nothing from the future
	{"speak", (*Hub).speak},         // nobody speaks for another member
	{"mark", (*Hub).mark},           // effective TLP of each object
	{"together", (*Hub).together},   // STIX 2.1, the objects beside each other
	{"authorize", (*Hub).authorize}, // where each object goes
	{"screen", (*Hub).screen},       // personal data, known-good values
}

// stage is one step. A *stix.Finding refuses the submission as a whole.
type stage struct {
	name string
	run  func(*Hub, *submission) *stix.Finding
}

// submission is one request on its way through the pipeline.
type submission struct {
	id      string
	at      time.Time      // when it arrived
	region  *policy.Region // the directory when it arrived; one state for all stages
	seat    *policy.Seat
	payload []byte
	to      []string
	asked   stix.Level // level for unmarked objects, as the submission names it
	only    stix.Level // the level every object must have, if the submission names it

	objects []object
}

// object is one object of a submission.
type object struct {
	stix.Object
	// marking is its own effective TLP; level is what it travels under, and
	// differs for unmarked ones.
	marking    stix.Marking
	level      stix.Level
	supporting bool // travels with those that refer to it
	streams    []policy.Stream
	refused    []stix.Finding
	warnings   []stix.Finding
	values     values.Reading // that it names, for the catalogue
}

func (o *object) refuse(f stix.Finding) {
	o.refused = append(o.refused, f)
}

func (o *object) ok() bool { return len(o.refused) == 0 }

// finding is a refusal by a rule of the hub rather than of STIX.
func (o *object) finding(code, path, message string) stix.Finding {
	return stix.Finding{Code: code, Path: o.Pointer + path, Message: message}
}

// runStages passes a submission through the stages.
func (h *Hub) runStages(s *submission) *stix.Finding {
	for _, st := range pipeline {
		if f := st.run(h, s); f != nil {
			return f
		}
	}
	return nil
}

// decode splits the payload. The objects are slices of it.
func (h *Hub) decode(s *submission) *stix.Finding {
	objects, err := stix.Split(s.payload, h.cfg.stixLimits())
	if err != nil {
		return asFinding(err)
	}
	s.objects = make([]object, len(objects))
	for i := range objects {
		s.objects[i].Object = objects[i]
		s.objects[i].Hash() // which others will ask for at the same time
	}
	return nil
}

// validate refuses what breaks a MUST by itself.
func (h *Hub) validate(s *submission) *stix.Finding {
	for i := range s.objects {
		s.objects[i].refuseErrors()
	}
	return nil
}

// refuseErrors refuses an object for the errors among its findings, which come
// first, and returns the others.
func (o *object) refuseErrors() []stix.Finding {
	errors := 0
	for errors < len(o.Findings) && o.Findings[errors].Severity == stix.Error {
		errors++
	}
	if o.ok() {
		o.refused = o.Findings[:errors:errors]
	}
	return o.Findings[errors:len(o.Findings):len(o.Findings)]
}

// maxAhead is how far the clocks of publishers may be ahead of the hub's.
const maxAhead = 24 * time.Hour

// date refuses what gives itself a time to come. The newest version is an object's
// state, and a revocation must be the newest: one version of the year 9999 could
// never be revoked.
func (h *Hub) date(s *submission) *stix.Finding {
	limit := s.at.Add(maxAhead)
	for i := range s.objects {
		o := &s.objects[i]
		if !o.ok() {
			continue
		}
		if path := o.DatedAfter(limit); path != "" {
			o.refuse(o.finding("in-the-future", path, "this is more than 24 hours after the hub's time: correct it, and look at the clock that it came from"))
		}
	}
	return nil
}

// together refuses what breaks a MUST beside other objects of the submission,
// and notes what breaks a SHOULD. It comes after the stages that refuse an object
// for itself: what is never accepted is held against nobody. The versions of an
// object are held against each other by the ledger, for the same reason.
func (h *Hub) together(s *submission) *stix.Finding {
	passed := make([]*stix.Object, 0, len(s.objects))
	for i := range s.objects {
		if o := &s.objects[i]; o.ok() {
			passed = append(passed, &o.Object)
		}
	}
	stix.Together(passed)
	for i := range s.objects {
		o := &s.objects[i]
		o.warnings = append(o.refuseErrors(), o.warnings...)
	}
	return nil
}

// screen passes everything: the rules on personal data and known-good values
// come here.
func (h *Hub) screen(*submission) *stix.Finding { return nil }
