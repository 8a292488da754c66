package catalog

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// Every batch carries its own number, merged into one key as a run of numbers.
// Pebble reads a manifest and a log up to the first bad record and takes that
// for the end: a damaged manifest can thus lose a flushed table while the log
// written after it is still applied. The positions would then say more than
// the entries hold. With the chain such a hole shows: the runs do not join.

// chainName is recorded by Pebble; an index with another one is not opened.
const chainName = "selat.chain.1"

// run is the batches first..last; the zero run stands for a hole.
type run struct{ first, last uint64 }

func (r run) bytes() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16), r.first)
	return binary.BigEndian.AppendUint64(b, r.last)
}

func parseRun(b []byte) run {
	if len(b) != 16 {
		return run{}
	}
	r := run{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
	if r.first == 0 || r.last < r.first {
		return run{}
	}
	return r
}

// join returns the run of both, or the hole if they do not touch.
func (r run) join(newer run) run {
	if r == (run{}) || newer == (run{}) || r.last+1 != newer.first {
		return run{}
	}
	return run{r.first, newer.last}
}

// chain merges runs for Pebble.
type chain struct{ run run }

func (c *chain) MergeNewer(value []byte) error {
	c.run = c.run.join(parseRun(value))
	return nil
}

func (c *chain) MergeOlder(value []byte) error {
	c.run = parseRun(value).join(c.run)
	return nil
}

func (c *chain) Finish(bool) ([]byte, io.Closer, error) { return c.run.bytes(), nil, nil }

func chainMerger() *pebble.Merger {
	return &pebble.Merger{
		Name: chainName,
		Merge: func(_, value []byte) (pebble.ValueMerger, error) {
			return &chain{parseRun(value)}, nil
		},
	}
}

// lastBatch returns the number of the last batch, 0 for an empty index, or an
// error if a batch before it is missing.
func lastBatch(db *pebble.DB) (uint64, error) {
	v, err := value(db, chainKey)
	if err != nil {
		return 0, err
	}
	if v == nil {
		return 0, nil
	}
	r := parseRun(v)
	if r.first != 1 {
		return 0, fmt.Errorf("%w: a part of what was written is missing", errFormat)
	}
	return r.last, nil
}
