package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker"
)

// maxShown bounds the faults that are printed; a result tells more of them.
const maxShown = 20

// printScene tells what is about to be seen.
func printScene(out io.Writer, x *show) {
	members := map[string]bool{}
	for _, s := range x.seats {
		members[s.Member] = true
	}
	fmt.Fprintf(out, `A hub is open on %s in a temporary folder, with the members and
communities of ASEAN and the United States. %d seats of %d members are connected
over TCP, each with its own credentials. Below, who receives what:
✓ received, every byte as published   · not entitled, received nothing   ! wrong

`, x.site.hub.URL(), len(x.seats), len(members))
}

// reasons are the codes of package policy in few words.
var reasons = []struct{ code, words string }{
	{"ceiling", "above its ceiling"},
	{"standing", "not for clients"},
	{"roster", "sent to a community it is not in"},
	{"recipient", "RED to others"},
	{"filter", "filtered out"},
}

func printVerdict(out io.Writer, r *Result) {
	fmt.Fprintf(out, "\nWhat each seat received, and why not the rest:\n")
	for _, s := range r.Seats {
		if s.Kind == "publisher" {
			continue
		}
		fmt.Fprintf(out, " %s%3d of %d%s\n", pad(s.Name, 12), s.Received, r.Placements, withheld(s.Withheld))
	}
	printRefusals(out, r)
	t := r.Timings
	fmt.Fprintf(out, "\nThe hub opened in %s; the exchange took %s.\n", duration(t.Start), duration(t.Exchange))
	if t.DeliveryMax > 0 {
		fmt.Fprintf(out, "From handing an object over to its receipt, with fsync, half took %s and the longest %s;\nto having it in hand at a seat, half took %s and the longest %s.\n",
			duration(t.ReceiptP50), duration(t.ReceiptMax), duration(t.DeliveryP50), duration(t.DeliveryMax))
	}
	if r.Right {
		fmt.Fprintf(out, "\nRIGHT: %d objects went out and %d deliveries arrived, exactly those that TLP allows, byte for byte;\nno seat holds anything else, and %d attempts to look at streams of others met a closed door.\n",
			r.Placements, r.Deliveries, r.DoorsTried)
		return
	}
	fmt.Fprintf(out, "\nWRONG: not as it must be:\n")
	for i, f := range r.Faults {
		if i == maxShown {
			fmt.Fprintf(out, " and %d more; --json tells them\n", len(r.Faults)-i)
			break
		}
		fmt.Fprintf(out, " %-9s %-12s %s\n", f.Kind, f.Seat, f.What)
	}
}

func withheld(counts map[string]int) string {
	var parts []string
	told := map[string]bool{}
	for _, r := range reasons {
		told[r.code] = true
		if n := counts[r.code]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, r.words))
		}
	}
	var rest []string
	for code, n := range counts {
		if !told[code] {
			rest = append(rest, fmt.Sprintf("%d %s", n, code))
		}
	}
	slices.Sort(rest)
	if parts = append(parts, rest...); len(parts) == 0 {
		return ""
	}
	return "   " + strings.Join(parts, ", ")
}

func printRefusals(out io.Writer, r *Result) {
	if len(r.Refusals) > 0 {
		fmt.Fprintf(out, "\nWhat the hub refused, and what it told the sender:\n")
	}
	for _, f := range r.Refusals {
		count := ""
		if f.Objects > 1 {
			count = fmt.Sprintf(" (%d objects)", f.Objects)
		}
		at := ""
		if f.Path != "" {
			at = " at " + f.Path
		}
		fmt.Fprintf(out, " %s%s%s\n   %s%s: %s\n", pad(f.From, 12), f.What, count, f.Code, at, f.Message)
	}
	if r.Duplicates > 0 {
		fmt.Fprintf(out, " %d objects came a second time, as after a lost answer: a success, and nobody received them twice.\n", r.Duplicates)
	}
}

// duration of milliseconds.
func duration(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	if d >= time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// printKept tells what is left for a newcomer to try.
func printKept(out io.Writer, s *site) {
	fmt.Fprintf(out, `
The hub goes on until Ctrl-C, and its folder stays: %s
 members connect to  %s
 health and metrics  curl %s/metrics
 receive it again    selat subscribe --creds %s/my-soc.creds --replay all
 its directory       selat seat list --data %s --hub %s
 any NATS client     nats --server %s --creds %s/th-soc.creds request hub.whoami ''
`, s.dir, s.hub.URL(), s.web.URL(), s.dir, s.cfg.Data, s.hub.URL(), s.hub.URL(), s.dir)
}

func printNext(out io.Writer) {
	fmt.Fprintf(out, `
Set up a real hub in three commands:
  selat init --data selat-data --profile asean
  selat hub --data selat-data
  selat seat add my/firewall --kind subscriber --ceiling amber --data selat-data
Its metrics are then on http://%s/metrics.
`, broker.DefaultConfig().HTTP.Listen)
}
