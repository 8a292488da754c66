package catalog

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Metrics is the state of an index at one moment, for a collector.
type Metrics struct {
	// Entries estimates the keys held; exact as long as no stream was
	// forgotten.
	Entries uint64
	// Streams counts the streams applied so far.
	Streams int
	// DiskBytes is what the index's files hold, its log included; 0 if the
	// folder cannot be read.
	DiskBytes uint64
	// MemoryBytes is what its cache, its filter and its unwritten tables take.
	MemoryBytes uint64
	// CacheHits and CacheMisses count reads of blocks since Open.
	CacheHits, CacheMisses int64
	// CompactionDebtBytes estimates what is still to be rewritten.
	CompactionDebtBytes uint64
	// FilterReady is false while the filter is filled after Open and lookups
	// are slower.
	FilterReady bool
	// Conflicts counts records left out since Open because an entry of other
	// bytes existed under their key; it should stay 0.
	Conflicts int64
	// WaitsForDisk is true while a write waits for disk space.
	WaitsForDisk bool
	// Damaged is true when the index must be opened again to be rebuilt.
	Damaged bool
}

// Metrics tells the state of the index. What only the database knows
// (cache, debt, most of the memory) is left out when the index is closed, and
// while a write waits for disk space: the database would not answer then.
func (x *Index) Metrics() Metrics {
	m := Metrics{
		DiskBytes:    folderBytes(filepath.Dir(x.disk.seal)),
		MemoryBytes:  x.filter.bytes(),
		FilterReady:  x.filter.ready.Load(),
		Conflicts:    x.conflicts.Load(),
		WaitsForDisk: x.disk.stalled(),
		Damaged:      x.disk.failure() != nil,
	}
	x.posMu.RLock()
	m.Streams = len(x.positions)
	for _, p := range x.positions {
		m.Entries += p.entries
	}
	x.posMu.RUnlock()

	x.gate.RLock()
	defer x.gate.RUnlock()
	if x.closed || m.WaitsForDisk {
		return m
	}
	p := x.db.Metrics()
	m.MemoryBytes += uint64(max(0, p.BlockCache.Size)) + p.MemTable.Size
	m.CacheHits, m.CacheMisses = p.BlockCache.Hits, p.BlockCache.Misses
	m.CompactionDebtBytes = p.Compact.EstimatedDebt
	return m
}

func folderBytes(dir string) uint64 {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	total := uint64(0)
	for _, f := range files {
		var info fs.FileInfo
		// A file may be gone by now: compactions remove them.
		if info, err = f.Info(); err == nil {
			total += uint64(info.Size())
		}
	}
	return total
}
