package catalog

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

func TestNothingThatObjectsSayIsReadableInTheFiles(t *testing.T) {
	for name, key := range map[string]*[32]byte{"encrypted": {7}, "plain": nil} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x, err := Open(dir, Options{Logger: quiet, Key: key})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := x.CatchUp(t.Context(), verifiedShelf(), green, 6); err != nil {
				t.Fatal(err)
			}
			closed(t, x)
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			readable := false
			for _, f := range files {
				b, err := os.ReadFile(filepath.Join(dir, f.Name()))
				if err != nil {
					t.Fatal(err)
				}
				readable = readable || bytes.Contains(b, []byte("com.example")) || bytes.Contains(b, []byte("indicator"))
			}
			if readable != (key == nil) {
				t.Errorf("a value can be read in the files: %v", readable)
			}
		})
	}
}

func TestAnotherKeyBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	for i, key := range []*[32]byte{nil, {1}, {2}, {2}, nil} {
		x, err := Open(dir, Options{Logger: quiet, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		_, known, err := x.Get(one("indicator--1", "v1", 1, 0).Key)
		if err != nil || known != (i == 3) {
			t.Errorf("opening %d: known %v, %v, recovered %q", i, known, err, x.Recovered())
		}
		if !known {
			apply(t, x, green, 1, one("indicator--1", "v1", 1, 0))
		}
		closed(t, x)
	}
}

// What is written in pieces is read back in any others.
func TestASealedFileHoldsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs, err := newSealedFS(vfs.NewMem(), [32]byte{9})
		if err != nil {
			t.Fatal(err)
		}
		f, err := fs.Create("f", vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		var want []byte
		for range rapid.IntRange(0, 8).Draw(t, "writes") {
			p := rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "piece")
			kept := bytes.Clone(p)
			if n, err := f.Write(p); n != len(p) || err != nil || !bytes.Equal(p, kept) {
				t.Fatal(n, err, "or the piece was changed")
			}
			want = append(want, p...)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if f, err = fs.Open("f"); err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil || info.Size() != int64(len(want)) {
			t.Fatal(info, err)
		}
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read %x, wrote %x, %v", got, want, err)
		}
		if len(want) > 0 {
			from := rand.IntN(len(want))
			p := make([]byte, rand.IntN(len(want)-from)+1)
			if n, err := f.ReadAt(p, int64(from)); n != len(p) || err != nil && err != io.EOF || !bytes.Equal(p, want[from:from+len(p)]) {
				t.Fatal("read from within: ", n, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// The counter is a number of 128 bits, and goes over from one half to the other.
func TestTheCounterCarries(t *testing.T) {
	fs, err := newSealedFS(vfs.NewMem(), [32]byte{9})
	if err != nil {
		t.Fatal(err)
	}
	sealed, ok := fs.(*sealedFS)
	if !ok {
		t.Fatal("no sealedFS")
	}
	f := &sealedFile{block: sealed.block}
	for i := range f.counter {
		f.counter[i] = 0xff
	}
	plain := make([]byte, 96)
	whole, parts := make([]byte, 96), make([]byte, 96)
	f.cross(whole, plain, 0)
	for at := 0; at < len(plain); at += 24 {
		f.cross(parts[at:at+24], plain[at:at+24], int64(at))
	}
	if !bytes.Equal(whole, parts) {
		t.Errorf("%x in one, %x in parts", whole, parts)
	}
}
