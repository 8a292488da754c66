package sink

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
)

// sids gives each rule a number that is the same in every rendering and on every
// machine: one that follows from what the rule is about, in the range that the
// configuration gives. Where two rules would have the same, which of ten
// thousand rules in a thousand million numbers happens once in twenty files, the
// first of the file has it and the other a further one that follows from it too;
// so only that one's number depends on the other being there.
type sids struct {
	from, size uint64
	taken      map[uint32]bool
}

func newSids(from, size uint64) *sids { return &sids{from: from, size: size, taken: map[uint32]bool{}} }

// of fails when the range has no numbers left.
func (s *sids) of(key string) (uint32, error) {
	if uint64(len(s.taken)) >= s.size {
		return 0, fmt.Errorf("the %d numbers of the sid range are used up: widen sids", s.size)
	}
	for try := 0; ; try++ {
		sum := sha256.Sum256([]byte(key + "\x00" + strconv.Itoa(try)))
		at := binary.BigEndian.Uint64(sum[:]) % s.size
		// In a range that is nearly full, guessing would take long.
		for step := range uint64(64) {
			if step > 0 && try < 64 {
				break
			}
			sid := uint32(s.from + (at+step)%s.size)
			if !s.taken[sid] {
				s.taken[sid] = true
				return sid, nil
			}
		}
	}
}

// revision is a number that grows with an object's version: minutes since 2000,
// 1 for what has none.
func revision(version string) uint32 {
	t, err := time.Parse(time.RFC3339Nano, version)
	if err != nil {
		return 1
	}
	minutes := t.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Minute
	return uint32(min(max(minutes, 1), 1<<31-1))
}
