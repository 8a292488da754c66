package catalog

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/selat-hub/selat/stix/values"
)

// valueWorld makes the values that a million indicators name: addresses of both
// families, some of them networks, domains with subdomains, hashes.
type valueWorld struct {
	r *rand.Rand
	// What was named, to be asked for.
	v4, v6, domains, hashes []thing
}

const (
	ofMessage = 250 // of 1 KiB each, what the hub writes at a time
	ofDomains = 60_000
)

func (w *valueWorld) address() thing {
	var b [16]byte
	for i := range b {
		b[i] = byte(w.r.Uint32())
	}
	a := netip.AddrFrom4([4]byte(b[:4]))
	if w.r.IntN(5) == 0 {
		b[0] = 0x20
		a = netip.AddrFrom16(b)
	}
	bits := a.BitLen()
	if w.r.IntN(20) == 0 {
		bits -= 1 + w.r.IntN(bits/3) // a network
	}
	th := thing{kind: values.Address, net: netip.PrefixFrom(a, bits).Masked()}
	if a.Is4() {
		w.v4 = append(w.v4, th)
	} else {
		w.v6 = append(w.v6, th)
	}
	return th
}

func (w *valueWorld) value() thing {
	switch w.r.IntN(3) {
	case 0:
		return w.address()
	case 1:
		name := fmt.Sprintf("shop-%d.example%d.com", w.r.IntN(ofDomains), w.r.IntN(3))
		if w.r.IntN(2) == 0 {
			name = fmt.Sprintf("host%d.%s", w.r.Uint32(), name)
		} else {
			w.domains = append(w.domains, thing{kind: values.Domain, text: name})
		}
		return thing{kind: values.Domain, text: name}
	}
	var sum [32]byte
	for i := range sum {
		sum[i] = byte(w.r.Uint32())
	}
	th := thing{kind: values.Hash, text: hex.EncodeToString(sum[:])}
	w.hashes = append(w.hashes, th)
	return th
}

// fill puts objects into an index, in several streams, and returns the view of
// all of them.
func (w *valueWorld) fill(b *testing.B, x *Index, objects int) View {
	b.Helper()
	var v View
	for i := range 30 {
		v.Parts = append(v.Parts, Part{fmt.Sprintf("CTI_COMMUNITY%d_GREEN", i), 1})
	}
	seqs := make([]uint64, len(v.Parts))
	for done := 0; done < objects; done += ofMessage {
		at := w.r.IntN(len(v.Parts))
		seqs[at]++
		records := benchRecords(w.r, ofMessage)
		for i := range records {
			records[i].Place.Stream, records[i].Place.Seq = v.Parts[at].Stream, seqs[at]
			records[i].Place.Added += int64(done)
			records[i].Version = records[i].Key.Version
			k := w.value().key()
			k.Role = values.Decisive
			records[i].Values = values.Reading{Keys: []values.Key{k}, ValidFrom: 1_764_000_000_000_000}
		}
		if err := x.Apply(v.Parts[at].Stream, seqs[at], records); err != nil {
			b.Fatal(err)
		}
	}
	return v
}

// BenchmarkMentions looks values up among those of a million objects: what is
// there, and what is not, for which every length of a prefix has to be tried.
func BenchmarkMentions(b *testing.B) {
	x := opened(b, b.TempDir(), Options{})
	w := &valueWorld{r: rand.New(rand.NewPCG(7, 8))}
	v := w.fill(b, x, 1_000_000)
	networks := 0
	for _, named := range x.names.Load().networks {
		if named {
			networks++
		}
	}
	absent := func() thing {
		return network(netip.AddrFrom4([4]byte{10, byte(w.r.Uint32()), byte(w.r.Uint32()), byte(w.r.Uint32())}).String())
	}
	one := func(of []thing) func() thing { return func() thing { return of[w.r.IntN(len(of))] } }
	for _, c := range []struct {
		name  string
		below bool
		asked func() thing
		least float64 // mentions
	}{
		{"IPv4", false, one(slices.DeleteFunc(w.v4, func(th thing) bool { return !th.net.IsSingleIP() })), 1},
		{"IPv4 absent", false, absent, 0},
		{"IPv6", false, one(slices.DeleteFunc(w.v6, func(th thing) bool { return !th.net.IsSingleIP() })), 1},
		{"domain", false, one(w.domains), 1},
		{"domain and subdomains", true, one(w.domains), 1},
		{"hash", false, one(w.hashes), 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			mentions := 0
			b.ReportAllocs()
			for b.Loop() {
				q := Question{Key: c.asked().key(), Below: c.below, Limit: 100}
				before := time.Now()
				found, _, err := x.Mentions(b.Context(), v, q)
				took = append(took, time.Since(before))
				if err != nil {
					b.Fatal(err)
				}
				mentions += len(found)
			}
			if each := float64(mentions) / float64(len(took)); each < c.least {
				b.Errorf("%.3f mentions a value", each)
			} else {
				b.ReportMetric(each, "mentions/value")
			}
			slices.Sort(took)
			at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Nanoseconds()) / 1000 }
			b.ReportMetric(at(0.5), "p50-µs")
			b.ReportMetric(at(0.99), "p99-µs")
			b.ReportMetric(float64(networks), "prefix-lengths")
		})
	}
}
