package demo

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// maxFaults bounds the faults that a result tells one by one.
const maxFaults = 1000

// row is what one origin publishes of one type in one stream: one object of
// the feed, or all such objects of the files. Every seat may have all of it or
// nothing.
type row struct {
	from   string
	level  stix.Level
	to     string // community, or for RED the recipient
	stream string
	typ    string
	id     string // of the object, if it is one
	object int    // its number in the submission
	sent   time.Time
	places []place
	known  map[place]bool
	access map[string]policy.Access // by seat
}

func (x *show) newRow(member string, s policy.Stream, typ string) *row {
	r := &row{from: member, level: s.Level, to: s.Audience, stream: x.region.Name(s), typ: typ,
		known: map[place]bool{}, access: map[string]policy.Access{}}
	for _, seat := range x.readers {
		r.access[seat.Name] = x.entitled(seat, s, member, typ)
	}
	return r
}

// add takes in a place once, however often it was published.
func (r *row) add(p place) {
	if !r.known[p] {
		r.known[p] = true
		r.places = append(r.places, p)
	}
}

// Result is what the demonstration showed.
type Result struct {
	// Right is true only if every entitled seat received exactly what was
	// published, nobody anything else, and every refusal was the expected one.
	Right   bool   `json:"right"`
	Version string `json:"version"`
	Seats   []Seat `json:"seats"`
	Rows    []Row  `json:"rows"`
	// Refusals are those of the hub, with what to do about each.
	Refusals []Refusal `json:"refusals"`
	// Faults say what is not right; at most 1,000.
	Faults     []Fault `json:"faults"`
	Placements int     `json:"placements"` // objects, each once for every stream it went to
	Deliveries int     `json:"deliveries"`
	Duplicates int     `json:"duplicates"`
	// DoorsTried is how often a seat tried to look at a stream that it may not
	// read.
	DoorsTried  int     `json:"doors_tried"`
	Submissions int     `json:"submissions"`
	Timings     Timings `json:"timings"`
}

// Seat is one that took part.
type Seat struct {
	Name     string          `json:"name"`
	Kind     policy.Kind     `json:"kind"`
	Standing policy.Standing `json:"standing"`
	Ceiling  stix.Level      `json:"ceiling"`
	Only     string          `json:"only_type,omitempty"`
	Received int             `json:"received"`
	// Withheld counts the placements that the seat did not get, by the code of
	// the reason.
	Withheld map[string]int `json:"withheld,omitempty"`
}

// Row is a line of the table.
type Row struct {
	From    string     `json:"from"`
	TLP     stix.Level `json:"tlp"`
	To      string     `json:"to"`
	Type    string     `json:"type"`
	ID      string     `json:"id,omitempty"`
	Objects int        `json:"objects"`
	// Received holds the seats that received all of it, Withheld the reason
	// for each that must not have it, Wrong the seats where it went otherwise.
	Received []string          `json:"received"`
	Withheld map[string]string `json:"withheld,omitempty"`
	Wrong    []string          `json:"wrong,omitempty"`
}

// Refusal is one of the hub's.
type Refusal struct {
	From    string `json:"from"`
	To      string `json:"to,omitempty"`
	What    string `json:"what"`
	Code    string `json:"code"`
	Path    string `json:"path"`
	Message string `json:"message"`
	Objects int    `json:"objects"` // how many were refused so
}

// Fault is one thing that is not right: missing, leak, repeated, receipt,
// rights, door or stuck.
type Fault struct {
	Kind string `json:"kind"`
	Seat string `json:"seat"`
	What string `json:"what"`
}

// Timings are in milliseconds, of the feed only but for the first two. Receipt
// is from handing a submission to the hub to having its receipt, Delivery from
// the same moment to having an object in hand at a seat.
type Timings struct {
	Start       float64 `json:"start_ms"`
	Exchange    float64 `json:"exchange_ms"`
	ReceiptP50  float64 `json:"receipt_p50_ms,omitempty"`
	ReceiptMax  float64 `json:"receipt_max_ms,omitempty"`
	DeliveryP50 float64 `json:"delivery_p50_ms,omitempty"`
	DeliveryMax float64 `json:"delivery_max_ms,omitempty"`
}

func (x *show) fault(kind, seat, format string, args ...any) {
	x.faulty.Lock()
	defer x.faulty.Unlock()
	if len(x.faults) < maxFaults {
		x.faults = append(x.faults, Fault{kind, seat, fmt.Sprintf(format, args...)})
	}
}

// judge compares what arrived with what was expected.
func (x *show) judge() *Result {
	_, latest := x.tally.state()
	r := &Result{Version: broker.Version(), Refusals: x.refusals, Rows: []Row{}, Duplicates: x.again, DoorsTried: x.doors, Submissions: x.submits}
	for _, row := range x.rows {
		r.Rows = append(r.Rows, x.judgeRow(row))
		r.Placements += len(row.places)
	}
	var delays []time.Duration
	for _, s := range x.seats {
		r.Seats = append(r.Seats, x.judgeSeat(s, &delays))
	}
	for _, s := range r.Seats {
		r.Deliveries += s.Received
	}
	slices.Sort(x.receipts)
	slices.Sort(delays)
	r.Timings = Timings{Start: ms(x.site.took), Exchange: ms(latest.Sub(x.began)),
		ReceiptP50: ms(middle(x.receipts)), ReceiptMax: ms(last(x.receipts)), DeliveryP50: ms(middle(delays)), DeliveryMax: ms(last(delays))}
	r.Faults, r.Right = x.faults, len(x.faults) == 0
	if r.Faults == nil {
		r.Faults = []Fault{}
	}
	if r.Refusals == nil {
		r.Refusals = []Refusal{}
	}
	return r
}

func (x *show) judgeRow(r *row) Row {
	out := Row{From: r.from, TLP: r.level, To: r.to, Type: r.typ, ID: r.id, Objects: len(r.places), Received: []string{}, Withheld: map[string]string{}}
	for _, s := range x.readers {
		switch x.cell(r, s) {
		case cellAll:
			out.Received = append(out.Received, s.Name)
		case cellNone:
			out.Withheld[s.Name] = r.access[s.Name].Reason
		default:
			out.Wrong = append(out.Wrong, s.Name)
		}
	}
	return out
}

// judgeSeat goes through all that a seat received, and all that it must have.
func (x *show) judgeSeat(s *seat, delays *[]time.Duration) Seat {
	out := Seat{Name: s.Name, Kind: s.Kind, Standing: s.Standing, Ceiling: s.Ceiling, Only: s.FilterType, Withheld: map[string]int{}}
	got := x.tally.places(s.Name)
	for _, r := range x.rows {
		a, reads := r.access[s.Name]
		if !a.Allowed {
			if reads {
				out.Withheld[a.Code] += len(r.places)
			}
			continue // what arrived all the same is left over below
		}
		for _, p := range r.places {
			switch n := got[p].times; {
			case n == 0:
				x.fault("missing", s.Name, "%s from %s did not arrive on %s", p.id, p.origin, p.stream)
			case n > 1:
				x.fault("repeated", s.Name, "%s from %s arrived %d times on %s", p.id, p.origin, n, p.stream)
			}
			if n := got[p]; n.times > 0 {
				out.Received++
				if !r.sent.IsZero() && len(x.opts.Files) == 0 {
					*delays = append(*delays, n.first.Sub(r.sent))
				}
			}
			delete(got, p)
		}
	}
	for p := range got {
		x.fault("leak", s.Name, "%s from %s arrived on %s with SHA-256 %s, which it must not hold", p.id, p.origin, p.stream, hex.EncodeToString(p.hash[:8])+"...")
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func middle(ds []time.Duration) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	return ds[len(ds)/2]
}

func last(ds []time.Duration) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	return ds[len(ds)-1]
}
