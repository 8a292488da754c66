package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// madeIndex writes an index of some dozen files and returns its folder, closed.
func madeIndex(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	x, err := Open(dir, small())
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq < 700; seq += 10 {
		for s, stream := range madeStreams {
			apply(t, x, stream, seq+9, madeGroup(s, seq, seq+9)...)
		}
	}
	closed(t, x)
	return dir
}

func TestDamageIsFoundOrHarmless(t *testing.T) {
	whole := madeIndex(t)
	files, err := os.ReadDir(whole)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	damages := map[string]func(b []byte) []byte{
		"flipped":   func(b []byte) []byte { b[r.IntN(len(b))] ^= 1 << r.IntN(8); return b },
		"flipped 2": func(b []byte) []byte { b[r.IntN(len(b))] ^= 0xff; return b },
		"truncated": func(b []byte) []byte { return b[:r.IntN(len(b))] },
		"short":     func(b []byte) []byte { return b[:len(b)-1] },
		"empty":     func(b []byte) []byte { return nil },
		"zeroed": func(b []byte) []byte {
			from := r.IntN(len(b))
			clear(b[from:min(len(b), from+512)])
			return b
		},
		"longer": func(b []byte) []byte { return append(b, bytes.Repeat([]byte{0xa5}, 100)...) },
		"gone":   nil,
	}
	tried, rebuilt, found, harmless := 0, 0, 0, 0
	for i, f := range files {
		if filepath.Ext(f.Name()) == ".sst" && i%4 != 0 {
			continue
		}
		for name, damage := range damages {
			dir := filepath.Join(t.TempDir(), "index")
			if !damageCopy(t, whole, dir, f.Name(), damage) {
				continue
			}
			tried++
			x, err := Open(dir, small())
			if err != nil {
				t.Fatalf("%s %s: %v", f.Name(), name, err)
			}
			if x.Recovered() != "" {
				rebuilt++
			} else {
				harmless++
			}
			if err := checkMade(t, x); err != nil {
				harmless--
				found++
				if x.Recovered() != "" {
					t.Fatalf("%s %s: damaged again: %v", f.Name(), name, err)
				}
				closed(t, x)
				if x, err = Open(dir, small()); err != nil {
					t.Fatal(err)
				}
				if x.Recovered() == "" {
					t.Errorf("%s %s: damage was found and forgotten", f.Name(), name)
				}
			}
			if x.Recovered() != "" {
				checkEmpty(t, x)
			}
			closed(t, x)
		}
	}
	t.Logf("%d damages: %d rebuilt at opening, %d found when read, %d harmless", tried, rebuilt, found, harmless)
	if rebuilt == 0 || harmless == 0 {
		t.Error("the test does not reach both outcomes")
	}
}

// damageCopy copies an index with one file damaged; false if that file has
// nothing to damage.
func damageCopy(t testing.TB, from, to, file string, damage func([]byte) []byte) bool {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, file)
	if damage == nil {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		return true
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		return false
	}
	if err := os.WriteFile(path, damage(b), 0o600); err != nil {
		t.Fatal(err)
	}
	return true
}

func checkEmpty(t testing.TB, x *Index) {
	t.Helper()
	for _, s := range madeStreams {
		if seq, _, err := x.Position(s); seq != 0 || err != nil {
			t.Errorf("a new index has position %d of %s, %v", seq, s, err)
		}
	}
	if _, ok, err := x.Get(madeRecords(0, 1)[0].Key); ok || err != nil {
		t.Errorf("a new index knows an object, %v", err)
	}
}

func TestDamageThatComesWhileOpenIsFoundWhenRead(t *testing.T) {
	dir := madeIndex(t)
	little := small()
	little.CacheBytes = 4 << 10
	x := opened(t, dir, little)
	x.filling.Wait() // the last that reads everything
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	for _, path := range tables {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue // compacted away
		}
		if _, err := f.WriteAt(make([]byte, 20_000), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkMade(t, x); !errors.Is(err, ErrDamaged) {
		t.Fatalf("not found: %v", err)
	}
	for name, err := range map[string]error{
		"Apply":  x.Apply(madeStreams[0], 1<<40, nil),
		"Forget": x.Forget(madeStreams[0]),
	} {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s on a damaged index: %v", name, err)
		}
	}
	if !x.Metrics().Damaged {
		t.Error("the metrics do not tell")
	}
	closed(t, x)
	x = opened(t, dir, small())
	if x.Recovered() == "" {
		t.Error("damage was found and forgotten")
	}
	checkEmpty(t, x)
}

// A manifest that ends early loses flushed tables; Pebble takes that for the
// whole of it, and applies the logs that came after.
func TestEveryShorterManifestIsFoundOrHarmless(t *testing.T) {
	whole := madeIndex(t)
	manifests, err := filepath.Glob(filepath.Join(whole, "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, m := range manifests {
		info, err := os.Stat(m)
		if err != nil {
			t.Fatal(err)
		}
		for n := int64(0); n < info.Size(); n += 1 + info.Size()/40 {
			t.Run(fmt.Sprintf("%s cut at %d", filepath.Base(m), n), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "index")
				damageCopy(t, whole, dir, filepath.Base(m), func(b []byte) []byte { return b[:n] })
				x := opened(t, dir, small())
				if err := checkMade(t, x); err != nil {
					t.Log("found when read:", err)
				}
			})
		}
	}
}

func TestALostLogIsFoundOrHarmless(t *testing.T) {
	// The files of a process that ended without Close: several logs.
	dir := t.TempDir()
	x := opened(t, dir, Options{tuning: tuning{memTable: 512 << 10}})
	taken := 0
	for seq := uint64(1); taken < 3; seq++ {
		apply(t, x, madeStreams[0], seq, madeRecords(0, seq)...)
		logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		if len(logs) < 2 || seq%50 != 0 {
			continue
		}
		taken++
		for _, l := range logs {
			live := filepath.Join(t.TempDir(), "index")
			if os.CopyFS(live, os.DirFS(dir)) != nil {
				continue // files come and go while they are copied
			}
			if os.Remove(filepath.Join(live, filepath.Base(l))) != nil {
				continue
			}
			y := opened(t, live, Options{})
			if err := checkMade(t, y); err != nil {
				t.Log("found when read:", err)
			}
		}
	}
}
