package stix

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

// indicator returns an indicator of about size bytes.
func indicator(n, size int) []byte {
	const form = `{"type":"indicator","spec_version":"2.1","id":"indicator--%08x-5c6d-4e7f-8a9b-0c1d2e3f4a5b",` +
		`"created_by_ref":"identity--f431f809-377b-45e0-aa1c-6a4751cae5ff","created":"2025-01-31T12:00:00.000Z",` +
		`"modified":"2025-01-31T12:00:00.000Z","name":"Host %d of a botnet","indicator_types":["malicious-activity"],` +
		`"pattern":"[ipv4-addr:value = '192.0.2.%d' AND network-traffic:dst_port = 443]","pattern_type":"stix",` +
		`"valid_from":"2025-01-31T12:00:00Z","confidence":80,"labels":["botnet","c2"],` +
		`"kill_chain_phases":[{"kill_chain_name":"lockheed-martin-cyber-kill-chain","phase_name":"command-and-control"}],` +
		`"external_references":[{"source_name":"example","url":"https://www.example.com/reports/%d"}],` +
		`"object_marking_refs":["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"],"description":"%s"}`
	s := fmt.Sprintf(form, n, n, n%256, n, "")
	text := strings.Repeat("Seen by three sensors; connects to port 443. ", size/40+1)
	return fmt.Appendf(nil, form, n, n, n%256, n, text[:max(0, size-len(s))])
}

func indicatorBundle(n int) []byte {
	raws := make([][]byte, n)
	for i := range raws {
		raws[i] = indicator(i, 1024)
	}
	return AppendBundle(nil, "bundle--44af6c39-c09b-49c5-9de2-394224b04982", raws...)
}

func BenchmarkSplit(b *testing.B) {
	payload := indicatorBundle(1000)
	b.Run("split", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			objects, err := Split(payload, DefaultLimits)
			if err != nil || len(objects) != 1000 || len(objects[999].Findings) > 0 {
				b.Fatal(err, objects[999].Findings)
			}
		}
	})
	b.Run("split and mark", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		none := func(string) (*Definition, bool) { return nil, false }
		for b.Loop() {
			objects, _ := Split(payload, DefaultLimits)
			for i := range objects {
				if m, fs := objects[i].Mark(none); m.Level != Clear || fs != nil {
					b.Fatal(m, fs)
				}
			}
		}
	})
	b.Run("single", func(b *testing.B) {
		raw := indicator(1, 1024)
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if objects, err := Split(raw, DefaultLimits); err != nil || len(objects[0].Findings) > 0 {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			var bundle struct{ Objects []json.RawMessage }
			if err := json.Unmarshal(payload, &bundle); err != nil {
				b.Fatal(err)
			}
			for _, raw := range bundle.Objects {
				var o map[string]any
				if err := json.Unmarshal(raw, &o); err != nil {
					b.Fatal(err)
				}
				_ = sha256.Sum256(raw)
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	payload := indicatorBundle(10_000)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(payload), DefaultLimits)
		for {
			if _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}
