package publisher

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

var errWebPage = errors.New("it is a web page and no feed: open the address in a browser to see what it asks for")

// noWebPage gives what is read back to be read, unless it is a web page, which
// servers like to send with the status of success in the place of a list.
func noWebPage(in io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(in, 64<<10)
	head, _ := b.Peek(512) // an error is met again by who reads on
	head = bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"))
	if bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html")) {
		return nil, errWebPage
	}
	return b, nil
}
