package catalog

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// mill makes messages of indicators of 1 KiB as it is asked for them, each object
// under an identifier and with a value of its own.
type mill struct {
	objects, perMessage int
	filler              string
}

func newMill(objects, perMessage int) mill {
	return mill{objects, perMessage, fmt.Sprintf("%0620d", 7)}
}

func (m mill) messages() uint64 { return uint64(m.objects / m.perMessage) }

func (m mill) Messages(ctx context.Context, _ string, from, through uint64, fn func(Message) error) error {
	raws := make([][]byte, m.perMessage)
	for seq := from; seq <= min(through, m.messages()); seq++ {
		for i := range raws {
			raws[i] = m.object(raws[i][:0], int(seq-1)*m.perMessage+i)
		}
		added := time.Unix(1_764_000_000, 0).UTC().Add(time.Duration(seq) * time.Duration(m.perMessage) * time.Microsecond)
		headers := map[string]string{
			api.HeaderOrigin: "sg", api.HeaderAudience: "region", api.HeaderLevel: "green", api.HeaderAdded: added.Format("2006-01-02T15:04:05.000000Z"),
		}
		err := fn(Message{
			Seq: seq, Subject: "cti.region.green.sg.indicator", Header: func(k string) string { return headers[k] },
			Data: stix.AppendBundle(nil, "bundle--2f9bb7cd-52cc-4a6c-8d33-6a0c3e9d2a10", raws...),
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (m mill) object(b []byte, n int) []byte {
	return fmt.Appendf(b, `{"type":"indicator","spec_version":"2.1","id":"indicator--%08x-0000-4000-8000-%012x","created_by_ref":"identity--f431f809-377b-45e0-aa1c-6a4751cae5ff","created":"2026-01-01T00:00:00.%03dZ","modified":"2026-01-01T00:00:00.%03dZ","name":"indicator %d","description":"%s","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '198.%d.%d.%d']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]}`,
		n*2654435761, n, n%1000, n%1000, n, m.filler, n>>16&255, n>>8&255, n&255)
}

// processTime is what the process has used of the processors.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRebuild builds a catalogue from its stream, of messages that hold many
// objects and of such that hold one.
func BenchmarkRebuild(b *testing.B) {
	for _, c := range []struct{ objects, perMessage int }{{1_000_000, 500}, {200_000, 1}} {
		b.Run(fmt.Sprintf("%d a message", c.perMessage), func(b *testing.B) {
			m := newMill(c.objects, c.perMessage)
			b.SetBytes(int64(c.objects * len(m.object(nil, 1))))
			for b.Loop() {
				used, began := processTime(), time.Now()
				x, err := Open(b.TempDir(), Options{Logger: quiet, Key: &[32]byte{1}})
				if err != nil {
					b.Fatal(err)
				}
				if n, err := x.CatchUp(b.Context(), m, "CTI_REGION_GREEN", m.messages()); err != nil || n != c.objects {
					b.Fatal(n, err)
				}
				b.ReportMetric(float64(c.objects)/time.Since(began).Seconds(), "objects/s")
				b.ReportMetric(float64(c.objects)/(processTime()-used).Seconds(), "objects/cpu-s")
				b.ReportMetric(float64(x.Metrics().DiskBytes)/float64(c.objects), "disk-B/object")
				closed(b, x)
			}
		})
	}
}
