//go:build unix

package stix

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// corpusPayloads reads the files of the corpus.
func corpusPayloads(b *testing.B, source string) (payloads [][]byte, size int64) {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(shared(b, "corpus"), source, "*.json"))
	if err != nil || len(files) == 0 {
		b.Fatal("no files in the corpus", err)
	}
	for _, f := range files {
		payload, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		payloads, size = append(payloads, payload), size+int64(len(payload))
	}
	return payloads, size
}

// spent is the processor time that the process has used, which other work on the
// machine changes less than the time of day.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkValidate splits and validates the corpus, in full and by source. The
// ratio is that of processor time to encoding/json's, which reads the same bytes
// into an any, in turns with it. Allocations are told by object.
func BenchmarkValidate(b *testing.B) {
	for _, source := range []string{"*", "attack", "amnesty", "capec", "disarm", "misp-stix", "mvt-spyware", "oasis-*", "opencti-datasets"} {
		b.Run(source, func(b *testing.B) {
			payloads, size := corpusPayloads(b, source)
			objects, refused := 0, 0
			var ours, theirs time.Duration
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				runtime.GC() // what one leaves behind is not the other's to clear
				b.StartTimer()
				start := spent()
				for _, payload := range payloads {
					split, err := Split(payload, largeLimits)
					if err != nil {
						b.Fatal(err)
					}
					for i := range split {
						if objects++; split[i].refused() {
							refused++
						}
					}
				}
				ours += spent() - start
				b.StopTimer()
				runtime.GC()
				start = spent()
				for _, payload := range payloads {
					var v any
					if err := json.Unmarshal(payload, &v); err != nil {
						b.Fatal(err)
					}
				}
				theirs += spent() - start
				b.StartTimer()
			}
			b.ReportMetric(float64(theirs)/float64(ours), "x-encoding-json")
			b.ReportMetric(float64(ours.Nanoseconds())/float64(objects), "ns/object")
			b.ReportMetric(100*float64(refused)/float64(objects), "%refused")
		})
	}
}
