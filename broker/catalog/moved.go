package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/broker/api"
)

// What is left of a message of which objects were erased is stored again at the
// end of its stream. Its objects keep the addresses they had: everything here is
// filed under the sequence of the original, and only where bytes are read does
// that of the message that holds them now count, the physical one.

// At returns the sequence of the message that holds what is left of the one that
// had a sequence: the same unless objects of it were erased.
func (x *Index) At(stream string, seq uint64) uint64 {
	x.posMu.RLock()
	defer x.posMu.RUnlock()
	if physical, moved := x.moves[stream][seq]; moved {
		return physical
	}
	return seq
}

// Lists reports whether the index knows of an object of the message that had a
// sequence first.
func (x *Index) Lists(stream string, seq uint64) (bool, error) {
	if err := x.enter(); err != nil {
		return false, err
	}
	defer x.gate.RUnlock()
	no, known := x.names.Load().streams.numbers[stream]
	if !known {
		return false, nil
	}
	v, err := value(x.db, appendMessageKey(nil, kindMessage, no, seq))
	if err != nil {
		return false, x.fault("looking at a message", err)
	}
	return v != nil, nil
}

// setMove takes down where what is left of a message is, 0 for nowhere but in
// its place.
func (x *Index) setMove(stream string, seq, physical uint64) {
	x.posMu.Lock()
	defer x.posMu.Unlock()
	if physical == 0 {
		delete(x.moves[stream], seq)
		return
	}
	if x.moves[stream] == nil {
		x.moves[stream] = map[uint64]uint64{}
	}
	x.moves[stream][seq] = physical
}

// loadMoves reads at opening what moved.
func (x *Index) loadMoves(n *names) error {
	x.moves = map[string]map[uint64]uint64{}
	return scanRange(x.db, []byte{kindMoved}, []byte{kindMoved + 1}, func(key, v []byte) error {
		r := varints{b: v}
		physical := r.uvarint(math.MaxUint64)
		if len(key) != 13 || r.bad || len(r.b) != 0 {
			return fmt.Errorf("%w: where a message moved", errFormat)
		}
		stream, known := n.streams.name(binary.BigEndian.Uint32(key[1:]))
		if !known || physical <= seqOf(key) {
			return fmt.Errorf("%w: where a message moved", errFormat)
		}
		x.setMove(stream, seqOf(key), physical)
		return nil
	})
}

// writeMove puts where a message is into a batch.
func (x *Index) writeMove(b *pebble.Batch, streamNo uint32, seq, physical uint64) error {
	key := appendMessageKey(nil, kindMoved, streamNo, seq)
	if physical == 0 {
		return b.Delete(key, nil)
	}
	return b.Set(key, binary.AppendUvarint(nil, physical), nil)
}

// originalOf reads off the headers of a message whether it is what is left of
// another: of which, and where its objects stood there. seq is 0 of one that is
// its own.
func originalOf(m Message, objects int) (seq uint64, indexes []int, err error) {
	sequence, list := m.Header(api.HeaderSequence), m.Header(api.HeaderIndexes)
	if sequence == "" && list == "" {
		return 0, nil, nil
	}
	seq, err = strconv.ParseUint(sequence, 10, 64)
	if err != nil || seq == 0 || seq >= m.Seq || strconv.FormatUint(seq, 10) != sequence {
		return 0, nil, fmt.Errorf("%s is not the number of an earlier message", api.HeaderSequence)
	}
	if n := strings.Count(list, ",") + 1; n != objects {
		return 0, nil, fmt.Errorf("%s tells of %d objects, and there are %d", api.HeaderIndexes, n, objects)
	}
	before := -1
	for text := range strings.SplitSeq(list, ",") {
		index, err := strconv.ParseUint(text, 10, 31)
		if err != nil || strconv.FormatUint(index, 10) != text || int(index) <= before {
			return 0, nil, fmt.Errorf("%s is not a list of rising numbers", api.HeaderIndexes)
		}
		before = int(index)
		indexes = append(indexes, before)
	}
	return seq, indexes, nil
}

// applyMoved applies a message of a stream that is what is left of another.
// Objects that the index still lists there, and the message has not, are erased.
func (x *Index) applyMoved(stream string, physical, seq uint64, left []Record) error {
	return x.erasure(Erasure{Stream: stream, Seq: seq, Physical: physical, Left: left}, pebble.NoSync)
}

// valuesAt finds the keys of the values that objects of a message name, where
// nobody knows them any more. It looks at every value there is.
func (x *Index) valuesAt(streamNo uint32, seq uint64, indexes []int) (keys [][]byte, err error) {
	err = scanRange(x.db, []byte{kindValue}, []byte{kindValue + 1}, func(key, _ []byte) error {
		_, p, err := parseValueKey(key)
		if err == nil && p.stream == streamNo && p.seq == seq && slices.Contains(indexes, p.index) {
			keys = append(keys, slices.Clone(key))
		}
		return err
	})
	return keys, err
}

// listedAt returns what the index lists of a message, nothing if it does not know
// it.
func (x *Index) listedAt(streamNo uint32, seq uint64) (listed, error) {
	v, err := value(x.db, appendMessageKey(nil, kindMessage, streamNo, seq))
	if err != nil || v == nil {
		return listed{}, err
	}
	m, err := decodeListing(v)
	if err == nil && len(m.listing) == 0 {
		err = errors.Join(errFormat, errors.New("a message without objects"))
	}
	return m, err
}

// First returns the sequence that the message had first of which something stands now
// under a sequence: the same unless objects of it were erased.
func (x *Index) First(stream string, physical uint64) uint64 {
	x.posMu.RLock()
	defer x.posMu.RUnlock()
	for first, now := range x.moves[stream] {
		if now == physical {
			return first
		}
	}
	return physical
}
