package drill

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// Report tells how an exercise went. Times are seconds since an inject was
// published, as precise as the looks: about a third of a second.
type Report struct {
	Drill   string          `json:"drill"`
	Title   string          `json:"title,omitempty"`
	Began   time.Time       `json:"began"`
	Seconds float64         `json:"seconds"`
	Injects []*InjectReport `json:"injects"`
	// Complete is true when everything was accepted, and received and acknowledged
	// by every seat that may read it.
	Complete bool `json:"complete"`
}

// InjectReport is what became of one inject.
type InjectReport struct {
	Name string `json:"name"`
	Seat string `json:"published_by"`
	// Planned and Sent are seconds since the beginning.
	Planned float64  `json:"planned"`
	Sent    float64  `json:"sent"`
	Objects int      `json:"objects"`
	Refused []string `json:"refused,omitempty"`
	// Seats are those that may read it, but for those that publish.
	Seats []*SeatReport `json:"seats"`

	sent   time.Duration
	places []place
}

// SeatReport is what one seat did with an inject; nil is not yet. A seat that has
// never asked for what it may read is not Connected.
type SeatReport struct {
	Seat         string   `json:"seat"`
	Member       string   `json:"member"`
	Connected    bool     `json:"connected"`
	Received     *float64 `json:"received"`
	Acknowledged *float64 `json:"acknowledged"`
}

// place is where an object of an inject is stored.
type place struct {
	stream, typ, origin string
	level               stix.Level
	seq                 uint64
}

// take notes what a receipt says.
func (in *InjectReport) take(r *api.Receipt) {
	if r.Error != nil {
		in.Refused = append(in.Refused, fmt.Sprintf("%s (%s)", r.Error.Message, r.Error.Code))
		return
	}
	for i := range r.Objects {
		o := &r.Objects[i]
		if o.Outcome == api.Refused {
			why := "refused"
			if len(o.Findings) > 0 {
				why = fmt.Sprintf("%s (%s)", o.Findings[0].Message, o.Findings[0].Code)
			}
			in.Refused = append(in.Refused, why)
			continue
		}
		typ, _, _ := strings.Cut(o.ID, "--")
		in.Objects++
		in.places = append(in.places, place{stream: o.Stream, typ: typ, origin: r.Origin, level: o.Level, seq: o.Sequence})
	}
}

// levels words the levels of an inject's objects.
func (in *InjectReport) levels() string {
	var out []string
	for _, p := range in.places {
		if s := strings.ToUpper(p.level.String()); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}

// progress is whether a seat may read anything of an inject, and has received or
// acknowledged all of that.
func (in *InjectReport) progress(s *api.DrillSeat) (wanted, received, acknowledged bool) {
	received, acknowledged = true, true
	for _, p := range in.places {
		if s.FilterType != "" && s.FilterType != p.typ || s.FilterOrigin != "" && s.FilterOrigin != p.origin {
			continue
		}
		for _, at := range s.Positions {
			if at.Stream != p.stream || p.seq < at.From {
				continue
			}
			wanted = true
			received = received && at.Durable && at.Delivered >= p.seq
			acknowledged = acknowledged && at.Durable && at.AckFloor >= p.seq
		}
	}
	return wanted, received || acknowledged, acknowledged
}

// of is the line of a seat, made when it is first seen.
func (in *InjectReport) of(s *api.DrillSeat) *SeatReport {
	i := slices.IndexFunc(in.Seats, func(r *SeatReport) bool { return r.Seat == s.Seat })
	if i < 0 {
		i = len(in.Seats)
		in.Seats = append(in.Seats, &SeatReport{Seat: s.Seat, Member: s.Member})
	}
	in.Seats[i].Connected = slices.ContainsFunc(s.Positions, func(p api.DrillPosition) bool { return p.Durable })
	return in.Seats[i]
}

// complete reports whether there is nothing to wait for.
func (r *Report) complete() bool {
	for _, in := range r.Injects {
		if slices.ContainsFunc(in.Seats, func(s *SeatReport) bool { return s.Acknowledged == nil }) {
			return false
		}
	}
	return true
}

func (r *Report) finish(took time.Duration) {
	r.Seconds, r.Complete = seconds(took), r.complete()
	for _, in := range r.Injects {
		slices.SortFunc(in.Seats, func(a, b *SeatReport) int { return strings.Compare(a.Seat, b.Seat) })
		if len(in.Refused) > 0 {
			r.Complete = false
		}
	}
}

// seconds is a duration to a tenth of a second.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }

// After words when something happened, "-" if it did not.
func After(s *float64) string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f s", *s)
}

// Counts is how many seats received and acknowledged an inject, of how many.
func (in *InjectReport) Counts() (received, acknowledged, of int) {
	for _, s := range in.Seats {
		if s.Received != nil {
			received++
		}
		if s.Acknowledged != nil {
			acknowledged++
		}
	}
	return received, acknowledged, len(in.Seats)
}

// Markdown writes the report for people.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Exercise %s\n\n", r.Drill)
	if r.Title != "" {
		fmt.Fprintf(&b, "%s\n\n", cell(r.Title))
	}
	outcome := "every inject was accepted, and acknowledged by every seat that may read it"
	if !r.Complete {
		outcome = "not everything was accepted and acknowledged"
	}
	fmt.Fprintf(&b, "Began %s, took %.0f s: %s.\n\n", r.Began.Format(time.RFC3339), r.Seconds, outcome)
	b.WriteString("| inject | published by | at | objects | received | acknowledged |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, in := range r.Injects {
		received, acknowledged, of := in.Counts()
		fmt.Fprintf(&b, "| %s | %s | %.1f s | %d | %d of %d | %d of %d |\n", cell(in.Name), cell(in.Seat), in.Sent, in.Objects, received, of, acknowledged, of)
	}
	for _, in := range r.Injects {
		fmt.Fprintf(&b, "\n## %s\n\n", cell(in.Name))
		for _, why := range in.Refused {
			fmt.Fprintf(&b, "Refused: %s\n\n", cell(why))
		}
		b.WriteString("| seat | received | acknowledged |\n| --- | --- | --- |\n")
		for _, s := range in.Seats {
			note := ""
			if !s.Connected {
				note = " (has never asked for exercises)"
			}
			fmt.Fprintf(&b, "| %s%s | %s | %s |\n", cell(s.Seat), note, After(s.Received), After(s.Acknowledged))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell keeps text that others chose within a cell.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "\r", " ", "<", "&lt;").Replace(s)
}
