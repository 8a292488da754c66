package bench

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"

	"github.com/selat-hub/selat/stix"
)

// Object sizes are those of a plain indicator with some text: 1 KiB.
const objectBytes = 1024

const clearMark = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"

var objectCount atomic.Uint64

// submission is a bundle of n indicators of 1 KiB. Only the ids change from
// one use to the next, so that making new objects costs next to nothing.
type submission struct {
	payload []byte
	ids     []int // where each object's UUID stands in payload
	objects int
}

func newSubmission(n int) *submission {
	const id = "00000000-0000-4000-8000-000000000000"
	raws := make([][]byte, n)
	for i := range raws {
		head := fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--%s","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"benchmark","pattern":"[ipv4-addr:value = '192.0.2.%d']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","object_marking_refs":["%s"],"description":"`, id, i%250, clearMark)
		fill := objectBytes - len(head) - 2
		raws[i] = []byte(head + words(fill) + `"}`)
	}
	s := &submission{payload: stix.AppendBundle(nil, "bundle--"+id, raws...), objects: n}
	for at := 0; ; {
		i := bytes.Index(s.payload[at:], []byte("indicator--"+id))
		if i < 0 {
			return s
		}
		s.ids = append(s.ids, at+i+len("indicator--"))
		at += i + 1
	}
}

// words is text that compresses like prose, n bytes of it.
func words(n int) string {
	list := strings.Fields("observed command control beacon traffic toward infrastructure during campaign against regional ministry mail gateway operator changed loader sample hash host port proxy credential lure invoice")
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(list[rand.IntN(len(list))])
		b.WriteByte(' ')
	}
	return b.String()[:n]
}

// renew gives every object an id never used before in this process.
func (s *submission) renew() {
	last := objectCount.Add(uint64(len(s.ids)))
	for i, at := range s.ids {
		n := last - uint64(i)
		var b [8]byte
		for j := range b {
			b[7-j] = byte(n >> (8 * j))
		}
		var h [16]byte
		hex.Encode(h[:], b[:])
		copy(s.payload[at:], h[4:12])     // 8 digits
		copy(s.payload[at+24:], h[:12])   // 12 digits
		copy(s.payload[at+32:], h[12:16]) // the fastest-moving ones
	}
}
