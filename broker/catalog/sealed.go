package catalog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The values that objects name are what the objects are about, and the catalogue
// has them in its keys. So its files are encrypted as the streams are: AES-256 in
// counter mode, each file from a random counter of its own that stands before its
// content. That keeps what is on a lost disk from being read. Whether it was
// changed, Pebble's checksums tell of accidents only, as before.

// sealedFS is a file system whose files are encrypted.
type sealedFS struct {
	vfs.FS
	block cipher.Block
}

func newSealedFS(fs vfs.FS, key [32]byte) (vfs.FS, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("preparing the encryption of the index: %w", err)
	}
	return &sealedFS{fs, block}, nil
}

// counterLen is what stands before the content of a file.
const counterLen = aes.BlockSize

// sealedFile is one file. ReadAt may be called at the same time; the others are
// called one at a time, as Pebble does.
type sealedFile struct {
	vfs.File
	block   cipher.Block
	counter [counterLen]byte
	at      int64 // of Read and Write
	buf     []byte
}

func (s *sealedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	return s.begin(f)
}

// begin gives an empty file its counter.
func (s *sealedFS) begin(f vfs.File) (vfs.File, error) {
	sealed := &sealedFile{File: f, block: s.block}
	if _, err := rand.Read(sealed.counter[:]); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	counter := sealed.counter // Write may change what it is given
	if _, err := f.Write(counter[:]); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return sealed, nil
}

func (s *sealedFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := s.FS.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	sealed := &sealedFile{File: f, block: s.block}
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, counterLen), sealed.counter[:]); err != nil && !tooShort(err) {
		return nil, errors.Join(err, f.Close())
	}
	return sealed, nil
}

// tooShort is said of a file that a crash left without its counter: it is empty.
func tooShort(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// OpenReadWrite is of no use to an index, and not offered.
func (s *sealedFS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	return nil, fmt.Errorf("opening %s to read and write: %w", name, errors.ErrUnsupported)
}

// ReuseForWrite makes a new file: under the counter of the old one two contents
// would be encrypted alike.
func (s *sealedFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := s.FS.Remove(old); err != nil {
		return nil, err
	}
	return s.Create(name, c)
}

func (s *sealedFS) Stat(name string) (vfs.FileInfo, error) {
	info, err := s.FS.Stat(name)
	if err != nil || info.IsDir() {
		return info, err
	}
	return sealedInfo{info}, nil
}

func (s *sealedFS) Unwrap() vfs.FS { return s.FS }

// sealedInfo leaves the counter out of the size.
type sealedInfo struct{ vfs.FileInfo }

func (i sealedInfo) Size() int64 { return max(0, i.FileInfo.Size()-counterLen) }

func (f *sealedFile) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return sealedInfo{info}, nil
}

// cross encrypts or decrypts what stands at an offset of the content.
func (f *sealedFile) cross(dst, src []byte, at int64) {
	counter := f.counter
	low, carry := bits.Add64(binary.BigEndian.Uint64(counter[8:]), uint64(at/aes.BlockSize), 0)
	binary.BigEndian.PutUint64(counter[8:], low)
	binary.BigEndian.PutUint64(counter[:], binary.BigEndian.Uint64(counter[:])+carry)
	stream := cipher.NewCTR(f.block, counter[:])
	if skip := at % aes.BlockSize; skip > 0 {
		var before [aes.BlockSize]byte
		stream.XORKeyStream(before[:skip], before[:skip])
	}
	stream.XORKeyStream(dst, src)
}

// Write leaves p as it is: who finds the disk full writes the rest of it again.
func (f *sealedFile) Write(p []byte) (int, error) {
	if cap(f.buf) < len(p) {
		f.buf = make([]byte, len(p))
	}
	buf := f.buf[:len(p)]
	f.cross(buf, p, f.at)
	n, err := f.File.Write(buf)
	f.at += int64(n)
	return n, err
}

func (f *sealedFile) WriteAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("writing within a file of the index: %w", errors.ErrUnsupported)
}

func (f *sealedFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 {
		err = nil // the end is told when there is no more
	}
	return n, err
}

func (f *sealedFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(p, at+counterLen)
	f.cross(p[:n], p[:n], at)
	return n, err
}

func (f *sealedFile) SyncTo(length int64) (bool, error) { return f.File.SyncTo(length + counterLen) }

func (f *sealedFile) Prefetch(at, length int64) error { return f.File.Prefetch(at+counterLen, length) }
