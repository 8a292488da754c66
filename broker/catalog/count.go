package catalog

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Count is how many objects of one origin and type were added to a stream on one
// day. Each place of an object counts.
type Count struct {
	Stream, Origin, Type string
	// Day is midnight UTC.
	Day     time.Time
	Objects uint64
}

const microsPerDay = 24 * 60 * 60 * 1_000_000

func appendCountKey(b []byte, stream uint32, d *described) ([]byte, error) {
	b = binary.BigEndian.AppendUint32(append(b, kindCount), stream)
	b, err := appendNames(b, d.origin, d.typ())
	if err != nil {
		return b, err
	}
	day := d.added / microsPerDay
	return binary.BigEndian.AppendUint32(append(b, 0), uint32(day)), nil
}

// countMessage adds the objects of a message to the numbers of their day, or with
// by -1 takes them off.
func (x *Index) countMessage(stream uint32, m listing, by int) error {
	for i := range m {
		key, err := appendCountKey(x.writer.buf[:0], stream, &m[i])
		if err != nil {
			return err
		}
		x.writer.buf = key
		n, pending := x.writer.counts[string(key)]
		if !pending {
			v, err := value(x.db, key)
			if err != nil {
				return err
			}
			if v != nil {
				if n, err = parseCount(v); err != nil {
					return err
				}
			}
		}
		if by < 0 && n == 0 {
			return fmt.Errorf("%w: number of objects", errFormat)
		}
		x.writer.counts[string(key)] = uint64(int64(n) + int64(by))
	}
	return nil
}

func (x *Index) writeCounts(b *pebble.Batch) error {
	for key, n := range x.writer.counts {
		if n == 0 {
			if err := b.Delete([]byte(key), nil); err != nil {
				return err
			}
			continue
		}
		if err := b.Set([]byte(key), binary.AppendUvarint(nil, n), nil); err != nil {
			return err
		}
	}
	return nil
}

func parseCount(v []byte) (uint64, error) {
	r := varints{b: v}
	n := r.uvarint(math.MaxUint64)
	if r.bad || len(r.b) != 0 {
		return 0, fmt.Errorf("%w: number of objects", errFormat)
	}
	return n, nil
}

// Counts returns the counts of a stream, ordered by origin, type and day.
func (x *Index) Counts(stream string) ([]Count, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.gate.RUnlock()
	no, known := x.names.Load().streams.numbers[stream]
	if !known {
		return nil, nil
	}
	var out []Count
	lower := binary.BigEndian.AppendUint32([]byte{kindCount}, no)
	err := scanRange(x.db, lower, after(lower), func(key, v []byte) error {
		rest := string(key[len(lower):])
		if len(rest) < 5 {
			return fmt.Errorf("%w: key of a count", errFormat)
		}
		parts := strings.Split(rest[1:len(rest)-5], "\x00")
		if len(parts) != 2 {
			return fmt.Errorf("%w: key of a count", errFormat)
		}
		n, err := parseCount(v)
		if err != nil {
			return err
		}
		day := int64(binary.BigEndian.Uint32([]byte(rest[len(rest)-4:])))
		out = append(out, Count{stream, parts[0], parts[1], time.UnixMicro(day * microsPerDay).UTC(), n})
		return nil
	})
	if err != nil {
		return nil, x.fault("reading counts of "+stream, err)
	}
	return out, nil
}

// after returns the first key that does not begin with a prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
