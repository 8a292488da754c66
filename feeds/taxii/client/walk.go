package client

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// barrenMost is how many pages on end may bring nothing new, and no later
	// time, while the server says that there is more. A server that filters
	// what it paged has some.
	barrenMost = 100
	// emptyMost is the same whatever the times say.
	emptyMost = 10_000
	// growMost is up to where the limit is raised for objects of one time.
	growMost = recentKeys
)

// page is one answer with items.
type page struct {
	envelope
	url         string
	first, last string // X-TAXII-Date-Added-First and -Last
	keys        []key  // of all items
	fresh       []int  // which of them were not handed on before
}

// walker goes through the pages of one resource.
type walker struct {
	c       *Client
	url     *url.URL
	member  string // of the envelope, that holds the items
	filters url.Values
	at      cursor

	seen     window
	asked    map[string]key // what was answered to each request of this walk
	barren   int
	empty    int
	rejected bool // the server took back a next, and nothing new came since
	restarts int  // how often that led back to the beginning
	served   int  // items of the last page, for raising the limit
}

// walk hands each page that has something new to visit, and calls passed after
// each page that is done with: after visit returned nil, and with the cursor
// behind it. It ends at the last page.
func (w *walker) walk(ctx context.Context, visit func(*page) error, passed func(done bool) error) error {
	w.asked = map[string]key{}
	for _, k := range w.at.Recent {
		w.seen.add(k)
	}
	for {
		p, err := w.fetch(ctx)
		if err != nil {
			if w.takenBack(err) {
				continue
			}
			return err
		}
		if err := w.repeats(p); err != nil {
			return err
		}
		if len(p.fresh) > 0 {
			if err := visit(p); err != nil {
				return err
			}
		}
		for _, k := range p.keys {
			w.seen.add(k)
		}
		done, stuck := w.step(p)
		if err := errors.Join(passed(done), stuck); err != nil || done {
			return err
		}
	}
}

func (w *walker) fetch(ctx context.Context) (*page, error) {
	u := *w.url
	u.RawQuery = w.at.parameters(w.filters)
	p := &page{url: u.String()}
	err := w.c.do(ctx, &request{method: http.MethodGet, url: &u, read: func(h http.Header, body io.Reader) error {
		e, err := readEnvelope(body, w.member)
		if err != nil {
			return err
		}
		p.envelope = *e
		p.first, p.last = h.Get("X-TAXII-Date-Added-First"), h.Get("X-TAXII-Date-Added-Last")
		return nil
	}})
	if err != nil {
		return nil, err
	}
	if !p.hasMore {
		p.more = p.next != ""
	}
	if p.last == "" {
		p.last = addedLast(p.items)
	}
	within := make(map[key]struct{}, len(p.items))
	for i, raw := range p.items {
		k := sha256.Sum256(raw)
		p.keys = append(p.keys, k)
		if _, twice := within[k]; !twice && !w.seen.has(k) {
			p.fresh = append(p.fresh, i)
		}
		within[k] = struct{}{}
	}
	return p, nil
}

// addedLast is when the last of a manifest's entries was added; other items do
// not say.
func addedLast(items []jsontext.Value) string {
	if len(items) == 0 {
		return ""
	}
	var entry struct {
		DateAdded string `json:"date_added"`
		Type      string `json:"type"` // objects have one, and their own date_added says nothing
	}
	if json.Unmarshal(items[len(items)-1], &entry) != nil || entry.Type != "" {
		return ""
	}
	return entry.DateAdded
}

// takenBack handles a server that does not take the next it gave: it may keep
// them for a while only, or lose them when it restarts.
func (w *walker) takenBack(err error) bool {
	var refused *Error
	if w.at.Next == "" || w.rejected || !errors.As(err, &refused) {
		return false
	}
	switch refused.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone:
	default:
		return false
	}
	if w.at.Last == "" || w.at.Unordered {
		// The way starts again, and might forever.
		if w.restarts++; w.restarts > 1 {
			return false
		}
	}
	w.rejected = true
	clear(w.asked)
	w.at.withoutNext()
	w.c.notice("the server does not take the \"next\" that it gave; going on by the time of the last object")
	return true
}

// repeats finds a server that goes in circles: the same question with the same
// answer, or no end of pages with nothing new.
func (w *walker) repeats(p *page) error {
	if !p.more {
		return nil
	}
	if len(p.fresh) > 0 {
		w.barren, w.empty, w.rejected = 0, 0, false
	} else {
		w.empty++
		if w.barren++; before(w.at.Last, p.last) {
			w.barren = 0
		}
	}
	if w.barren > barrenMost || w.empty > emptyMost {
		return &ServerError{URL: p.url, What: fmt.Sprintf("the server goes in circles: it says that there is more, and its last %d pages had nothing new", w.empty)}
	}
	// A next may stay the same while what it stands for goes on, so the same
	// question alone is no circle.
	question, answer := w.at.parameters(nil), digest(p.keys)
	if before, ok := w.asked[question]; ok && before == answer {
		return &ServerError{URL: p.url, What: "the server goes in circles: it says that there is more, and answers the same page to the same request again"}
	}
	if len(w.asked) >= windowKeys {
		clear(w.asked) // a circle that is larger is found in its next round
	}
	w.asked[question] = answer
	return nil
}

func digest(keys []key) key {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(keys)))
	h.Write(n[:])
	for i := range keys {
		h.Write(keys[i][:])
	}
	return key(h.Sum(nil))
}

// step moves the cursor behind a page. With stuck the cursor stays where it can
// be taken up once the server does better.
func (w *walker) step(p *page) (done bool, stuck error) {
	question := w.at.parameters(nil)
	w.at.passed(p)
	served := w.served
	w.served = len(p.items)
	switch {
	case !p.more:
		w.at.finished()
		return true, nil
	case p.next != "":
		w.at.Next = p.next
		return false, nil
	case len(p.items) == 0:
		return false, &ServerError{URL: p.url, What: `the server says that there is more, but gives an empty page without a "next" to go on with`}
	case p.last == "":
		return false, &ServerError{URL: p.url, What: `the server says that there is more, but gives neither "next" nor X-TAXII-Date-Added-Last to go on with`}
	case w.at.Unordered:
		return false, &ServerError{URL: p.url, What: `the server says that there is more without a "next", and its pages are not in the order in which objects were added`}
	}
	if w.at.fromLast(); w.at.parameters(nil) == question {
		return false, w.grow(p, served)
	}
	return false, nil
}

// grow asks for larger pages where all of one page were added at the same time,
// which only a next could lead past.
func (w *walker) grow(p *page, served int) error {
	if want := 2 * max(w.at.Limit, len(p.items)); len(p.items) > 0 && want <= growMost && (w.at.Limit == 0 || len(p.items) > served || len(p.items) == w.at.Limit) {
		w.at.Limit = want
		return nil
	}
	if after := w.at.AddedAfter; before(p.first, after) && !near(p.first, after) {
		return &ServerError{URL: p.url, What: `the server says that there is more without a "next", and does not heed added_after: it gives what was added earlier`}
	}
	return &ServerError{URL: p.url, What: fmt.Sprintf(
		`the server says that there is more without a "next", and X-TAXII-Date-Added-Last does not move from %s: more objects were added at that time than it puts on a page, and nothing in TAXII leads to the others; to go on without them, ask for what was added after that time`, p.last)}
}
