package sinks

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// timeLen is that of a time in a key: sixteen digits of hex, so that keys are in
// the order of time.
const timeLen = 16

func timerKey(t time.Time, origin, id string) []byte {
	return []byte("x\x00" + timeText(t) + "\x00" + origin + "\x00" + id)
}

// eachTimer visits the keys of the times at which the verdict on a version may change.
func (h *Held) eachTimer(visit func(key []byte) error) error {
	for _, t := range []time.Time{h.ValidFrom, h.ValidUntil} {
		if t.IsZero() {
			continue
		}
		if err := visit(timerKey(t, h.Origin, h.ID)); err != nil {
			return err
		}
	}
	return nil
}

// timeText counts microseconds from the year 1, so that none is negative. What is
// due a little early, for being cut to that, is looked at again for nothing; so it
// is rounded up.
func timeText(t time.Time) string {
	micros := uint64(t.Add(time.Microsecond-1).UnixMicro() - beginning)
	var b [8]byte
	for i := range b {
		b[7-i] = byte(micros >> (8 * i))
	}
	return hex.EncodeToString(b[:])
}

var beginning = time.Time{}.UnixMicro()

func timeOf(key []byte) time.Time {
	var b [8]byte
	if _, err := hex.Decode(b[:], key[:timeLen]); err != nil {
		return time.Time{}
	}
	var micros uint64
	for _, c := range b {
		micros = micros<<8 | uint64(c)
	}
	return time.UnixMicro(int64(micros) + beginning).UTC()
}

func sumOf(object []byte) [sha256.Size]byte { return sha256.Sum256(object) }
