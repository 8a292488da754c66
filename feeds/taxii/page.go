package taxii

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
)

const (
	headerFirst = "X-TAXII-Date-Added-First"
	headerLast  = "X-TAXII-Date-Added-Last"

	// timestampLayout is RFC 3339 in UTC with exactly microseconds (TAXII 2.1
	// §3.2).
	timestampLayout = "2006-01-02T15:04:05.000000Z"
)

// page is one page of a collection, on its way out.
type page struct {
	collection *policy.Collection
	sources    digest
	items      []catalog.Item
	runs       []broker.Run
	more       bool
	next       string
}

// body is the list of a page: what is between the frame, and how long that is.
type body struct {
	name  string // of the member that is the list
	parts [][]byte
}

func (b *body) size() (n int) {
	for _, p := range b.parts {
		n += len(p)
	}
	return n
}

// objectsBody is the objects as they are stored; nothing is read or copied.
func objectsBody(pg *page) body {
	b := body{name: "objects"}
	for i := range pg.runs {
		if i > 0 {
			b.parts = append(b.parts, []byte{','})
		}
		b.parts = append(b.parts, pg.runs[i].Data)
	}
	return b
}

// manifestBody is a manifest record for each object (TAXII 2.1 §5.3.1).
func manifestBody(pg *page) body {
	b := make([]byte, 0, 200*len(pg.items))
	for i := range pg.items {
		it := &pg.items[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = appendMember(b, "id", it.ID)
		b = appendMember(append(b, ','), "date_added", addedText(it))
		b = appendMember(append(b, ','), "version", it.Version)
		b = appendMember(append(b, ','), "media_type", mediaSTIX+it.SpecVersion)
		b = append(b, '}')
	}
	return body{"objects", [][]byte{b}}
}

// versionsBody lists each version once: two members may have published the same
// one (TAXII 2.1 §5.8.1).
func versionsBody(pg *page) body {
	var b []byte
	var told []string
	for i := range pg.items {
		v := pg.items[i].Version
		if slices.Contains(told, v) {
			continue
		}
		if told = append(told, v); len(told) > 1 {
			b = append(b, ',')
		}
		b = appendText(b, v)
	}
	return body{"versions", [][]byte{b}}
}

func appendMember(b []byte, name, text string) []byte {
	b = append(append(append(b, '"'), name...), '"', ':')
	return appendText(b, text)
}

// appendText writes text as JSON. What is no UTF-8 becomes U+FFFD, which no
// identifier or version holds.
func appendText(b []byte, text string) []byte {
	out, err := jsontext.AppendQuote(b, text)
	if err != nil {
		return append(b, `""`...)
	}
	return out
}

func addedText(it *catalog.Item) string {
	return time.UnixMicro(it.Place.Added).UTC().Format(timestampLayout)
}

// writePage answers with a page, or that the client has it already.
func (s *Server) writePage(w http.ResponseWriter, r *request, pg *page, list body) *problem {
	h := w.Header()
	h.Set("ETag", pg.etag(r))
	if isClear(pg.collection) {
		// It may be kept, and must be asked for again.
		h.Set("Cache-Control", "private, no-cache")
		if r.who.seat == nil {
			h.Set("Cache-Control", "public, no-cache")
		}
	}
	if n := len(pg.items); n > 0 {
		h.Set(headerFirst, addedText(&pg.items[0]))
		h.Set(headerLast, addedText(&pg.items[n-1]))
	}
	if sameTag(r.Header, h.Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	head, tail := pg.frame(list.name)
	size := len(head) + list.size() + len(tail)
	coding := codingNone
	if size >= compressFrom {
		coding = chooseCoding(r.Header)
	}
	h.Set("Content-Type", mediaTAXII)
	switch {
	case coding != codingNone:
		h.Set("Content-Encoding", coding)
	case r.Method != http.MethodHead || !r.at.bytes:
		// Without the objects, their length is not known.
		h.Set("Content-Length", strconv.Itoa(size))
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	err := compress(w, coding, func(w io.Writer) error {
		for _, b := range slices.Concat([][]byte{head}, list.parts, [][]byte{tail}) {
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.log.Debug("a page was not read to its end", "error", err)
	}
	return nil
}

// frame is what stands before and after the list. An empty page has no list, and
// the last no next (TAXII 2.1 §3.7).
func (pg *page) frame(name string) (head, tail []byte) {
	var b bytes.Buffer
	b.WriteByte('{')
	if len(pg.items) > 0 || pg.more {
		fmt.Fprintf(&b, `"more":%t`, pg.more)
	}
	if pg.more {
		fmt.Fprintf(&b, `,"next":"%s"`, pg.next)
	}
	if len(pg.items) == 0 {
		return b.Bytes(), []byte("}")
	}
	fmt.Fprintf(&b, `,"%s":[`, name)
	return b.Bytes(), []byte("]}")
}

// etag is over what makes the page: its objects, told by their date_added, which
// no other shares and whose bytes never change, and where it goes on. It is weak,
// since one page has several codings.
func (pg *page) etag(r *request) string {
	b := make([]byte, 0, 8*len(pg.items)+128)
	for i := range pg.items {
		b = binary.BigEndian.AppendUint64(b, uint64(pg.items[i].Place.Added))
	}
	b = strconv.AppendBool(append(append(append(b, r.at.label...), 0), pg.next...), pg.more)
	sum := sha256.Sum256(b)
	return `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

// sameTag reports whether the client has this page (RFC 9110 §13.1.2).
func sameTag(h http.Header, tag string) bool {
	for item := range listed(h.Values("If-None-Match")) {
		if item == "*" || strings.TrimPrefix(item, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}
