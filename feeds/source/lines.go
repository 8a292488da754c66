package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/selat-hub/selat/feeds/build"
)

// maxLine bounds a line, in bytes. A longer one is a row that is refused.
const maxLine = 1 << 20

// errUTF16 ends an input that no row of could be read.
var errUTF16 = errors.New("the input is in UTF-16: save it in UTF-8")

// lines reads lines that end with LF, CRLF or the end of the input.
type lines struct {
	r *bufio.Reader
	// number is that of the line read last, from 1.
	number int
	// open tells that the last line has no end.
	open   bool
	buffer []byte
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns the next line without its end, lent until the next call. long
// tells that it was cut. The error is io.EOF or the reader's.
func (l *lines) next() (text []byte, long bool, err error) {
	l.buffer = l.buffer[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if room := maxLine - len(l.buffer); len(part) > room {
			part, long = part[:room], true
		}
		l.buffer = append(l.buffer, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && len(l.buffer) > 0 {
			l.open = true
		} else if err != nil {
			return nil, false, err
		}
		break
	}
	if l.number++; l.number == 1 {
		if bytes.HasPrefix(l.buffer, []byte("\xff\xfe")) || bytes.HasPrefix(l.buffer, []byte("\xfe\xff")) {
			return nil, false, errUTF16
		}
		l.buffer = bytes.TrimPrefix(l.buffer, []byte("\xef\xbb\xbf"))
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(l.buffer, []byte("\n")), []byte("\r")), long, nil
}

func tooLong() *Refusal {
	return &Refusal{Code: build.TooLong, Message: fmt.Sprintf("the row is longer than %d bytes", maxLine)}
}

// splitFields splits a line of CSV at its separators: fields in quotes have them
// doubled inside, and space around a field, as abuse.ch writes it after commas,
// does not count. A quote inside of a field that does not begin with one is as
// good as any other character. open tells that the last field's quotes do not
// end; the error is about what stands after quotes.
func splitFields(line string, comma byte, fields []string) (_ []string, open bool, err error) {
	for {
		if comma != '\t' {
			line = strings.TrimLeft(line, " \t")
		}
		if !strings.HasPrefix(line, `"`) {
			at := strings.IndexByte(line, comma)
			if at < 0 {
				return append(fields, strings.TrimSpace(line)), false, nil
			}
			fields, line = append(fields, strings.TrimSpace(line[:at])), line[at+1:]
			continue
		}
		var field string
		if field, line, open = quoted(line[1:]); open {
			return append(fields, field), true, nil
		}
		fields = append(fields, field)
		line = strings.TrimLeft(line, " ")
		switch {
		case line == "":
			return fields, false, nil
		case line[0] != comma:
			return nil, false, errors.New("after a field in quotes comes another separator: double the quotes inside of it")
		}
		line = line[1:]
	}
}

// quoted returns the field up to its closing quote, and what is after it.
func quoted(s string) (field, rest string, open bool) {
	at := strings.IndexByte(s, '"')
	if at < 0 {
		return s, "", true
	}
	if at+1 == len(s) || s[at+1] != '"' {
		return s[:at], s[at+1:], false
	}
	var b strings.Builder
	for {
		b.WriteString(s[:at])
		if at+1 == len(s) || s[at+1] != '"' {
			return b.String(), s[at+1:], false
		}
		b.WriteByte('"')
		s = s[at+2:]
		if at = strings.IndexByte(s, '"'); at < 0 {
			b.WriteString(s)
			return b.String(), "", true
		}
	}
}
