package source

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/feeds/build"
)

// Codes of what CVE alone says of its records.
const (
	// rejectedRecord: CVE took the identifier back.
	rejectedRecord = "rejected"
	// unpublishedRecord: the identifier is reserved and says nothing yet.
	unpublishedRecord = "not-published"
)

// cve5 reads records of CVE in JSON record format 5.
type cve5 struct{ maker build.Maker }

func newCVE5(c Config) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	return &cve5{c.Maker}, nil
}

// maxCVE bounds a record, in bytes. Those of Linux, which list each version, have
// some hundred KiB.
const maxCVE = 8 << 20

// Read reads one record, as cvelistV5 has it in a file, several one after another,
// or a list of them.
func (s *cve5) Read(ctx context.Context, in Input, emit func(Row) error) error {
	text := bufio.NewReaderSize(in, 64<<10)
	if bom, _ := text.Peek(3); string(bom) == "\xef\xbb\xbf" {
		text.Discard(3)
	}
	room := &allowance{in: text}
	// What breaks these two rules is one record's fault, and is found with it.
	d := jsontext.NewDecoder(room, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	room.left = maxCVE
	list := d.PeekKind() == '['
	if list {
		if _, err := d.ReadToken(); err != nil {
			return brokenJSON(in.Name, d, err)
		}
	}
	for n := 1; ; n++ {
		room.left = maxCVE
		if list && d.PeekKind() == ']' {
			return nil
		}
		raw, err := d.ReadValue()
		if err == io.EOF && !list && n > 1 {
			return nil
		}
		if err != nil {
			return brokenJSON(in.Name, d, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		position := "record " + strconv.Itoa(n)
		if err := emit(s.read(raw, position).at(position)); err != nil {
			return err
		}
	}
}

// allowance ends with an error where it gave what it may, so that no value grows
// without bound in memory.
type allowance struct {
	in   io.Reader
	left int
}

func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, fmt.Errorf("a value has more than %d MiB", maxCVE>>20)
	}
	n, err := a.in.Read(p)
	a.left -= n
	return n, err
}
