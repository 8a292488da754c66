package bench

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// Row is one measurement.
type Row struct {
	Name string `json:"name"`
	// Publishers or readers, and objects in a submission (0: not applicable).
	Clients   int     `json:"clients"`
	Objects   int     `json:"objects_per_submission,omitempty"`
	Total     int     `json:"objects"`
	PerSecond float64 `json:"objects_per_second"`
	// P50 and P99 are of one submission's round trip, in milliseconds.
	P50 float64 `json:"p50_ms,omitempty"`
	P99 float64 `json:"p99_ms,omitempty"`
	// Cores is processor time over wall time, clients included; MemoryMiB the
	// process's resident memory at the end.
	Cores     float64 `json:"cores"`
	MemoryMiB float64 `json:"memory_mib"`
	// Against holds this row's rate over that of the raw rows, by their name.
	Against map[string]float64 `json:"against,omitempty"`
}

// Report is what a benchmark prints.
type Report struct {
	What    string    `json:"what"`
	Started time.Time `json:"started"`
	CPUs    int       `json:"cpus"`
	Rows    []Row     `json:"rows"`
}

func newReport(what string) *Report {
	return &Report{What: what, Started: time.Now().UTC(), CPUs: runtime.GOMAXPROCS(0)}
}

// Table writes the report for people.
func (r *Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "what\tclients\tobjects/submission\tobjects\tobjects/s\tp50 ms\tp99 ms\tcores\tMiB\tratios\t")
	for _, row := range r.Rows {
		var against []string
		for k, v := range row.Against {
			against = append(against, fmt.Sprintf("%.2f of %s", v, k))
		}
		slices.Sort(against)
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.0f\t%s\t%s\t%.2f\t%.0f\t%s\t\n", row.Name, row.Clients, row.Objects, row.Total, row.PerSecond,
			millis(row.P50), millis(row.P99), row.Cores, row.MemoryMiB, strings.Join(against, ", "))
	}
	return t.Flush()
}

func millis(v float64) string {
	if v == 0 {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// meter measures one phase.
type meter struct {
	wall time.Time
	cpu  time.Duration
}

func startMeter() meter {
	runtime.GC()
	return meter{time.Now(), cpuTime()}
}

func (m meter) row(name string, clients, objects, total int, trips []time.Duration) Row {
	wall := time.Since(m.wall)
	r := Row{Name: name, Clients: clients, Objects: objects, Total: total, PerSecond: float64(total) / wall.Seconds(),
		Cores: (cpuTime() - m.cpu).Seconds() / wall.Seconds(), MemoryMiB: residentMiB()}
	if len(trips) > 0 {
		slices.Sort(trips)
		at := func(q float64) float64 { return float64(trips[int(q*float64(len(trips)-1))].Microseconds()) / 1000 }
		r.P50, r.P99 = at(0.50), at(0.99)
	}
	return r
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func residentMiB() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0
	}
	return resident * float64(os.Getpagesize()) / (1 << 20)
}

// against notes the rate of row over that of each raw row.
func (r *Row) against(raw ...Row) {
	r.Against = map[string]float64{}
	for _, x := range raw {
		r.Against[x.Name] = r.PerSecond / x.PerSecond
	}
}
