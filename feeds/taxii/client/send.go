package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Result is what became of an object that was sent.
type Result string

// Results.
const (
	Accepted   Result = "accepted"   // the server has it
	Refused    Result = "refused"    // it will not be taken as it is
	Unanswered Result = "unanswered" // the server has not decided, or does not say
)

// Outcome is the answer for one object.
type Outcome struct {
	Result  Result
	Message string // of the server, or why it was not even sent
}

// Sizes of the requests that an input is cut into. Larger ones gain little and
// are lost as a whole.
const (
	requestObjects = 1000
	requestBytes   = 2 << 20
	// halvingsVain is how many requests may be refused on end before the search
	// for the bad object is given up. A batch is still cut in two after that, as
	// the server may have come to take objects.
	halvingsVain = 50
)

// Sender adds any number of objects to a collection, cut into requests that the
// server can take. It is for one goroutine.
type Sender struct {
	c    *Client
	col  *Collection
	each func(number int, o Outcome) error

	number int // of objects added
	batch  []sent
	bytes  int
	vain   int // requests refused since the last that was not
}

type sent struct {
	number int
	object Object
}

// NewSender makes a Sender that tells the outcome of each object by its number,
// from 0 in the order of Add. An error of each ends the sending.
func (c *Client) NewSender(col *Collection, each func(number int, o Outcome) error) *Sender {
	return &Sender{c: c, col: col, each: each}
}

// room is how many bytes a request may have.
func (s *Sender) room() int {
	if most := s.col.Root.MaxContentLength; most > 0 && most < requestBytes {
		return int(most)
	}
	return requestBytes
}

// Add takes an object, and sends those before it when they fill a request.
func (s *Sender) Add(ctx context.Context, o Object) error {
	number := s.number
	s.number++
	size := len(o.Raw) + 1
	if most := s.col.Root.MaxContentLength; most > 0 && int64(size+wrapBytes) > most {
		return s.each(number, Outcome{Refused, fmt.Sprintf("the object has %d bytes, and the server takes %d in one request", len(o.Raw), most)})
	}
	if len(s.batch) == requestObjects || len(s.batch) > 0 && wrapBytes+s.bytes+size > s.room() {
		if err := s.Flush(ctx); err != nil {
			return err
		}
	}
	s.batch = append(s.batch, sent{number, o})
	s.bytes += size
	return nil
}

// Flush sends what was taken. After an error, which is one of the way to the
// server or of the right to add, nothing of it is known to be accepted.
func (s *Sender) Flush(ctx context.Context) error {
	batch := s.batch
	s.batch, s.bytes = nil, 0
	return s.send(ctx, batch, true)
}

// send sends a request. It is whole if it is not a part of one that was refused.
func (s *Sender) send(ctx context.Context, batch []sent, whole bool) error {
	if len(batch) == 0 {
		return nil
	}
	raws := make([][]byte, len(batch))
	for i := range batch {
		raws[i] = batch[i].object.Raw
	}
	status, err := s.c.Add(ctx, s.col, raws)
	var refused *Error
	switch {
	case errors.As(err, &refused) && refused.Method == http.MethodPost && ofContent(refused.Status):
		return s.refused(ctx, batch, whole, refused)
	case err != nil:
		return errors.Join(err, s.all(batch, Outcome{Unanswered, "the request failed"}))
	}
	s.vain = 0
	for i, o := range outcomes(batch, status) {
		if err := s.each(batch[i].number, o); err != nil {
			return err
		}
	}
	return nil
}

// ofContent tells whether a status is about what was sent, and not about the
// sender or the server.
func ofContent(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity
}

// refused sends each half of a request that was refused as a whole, so that one
// bad object does not sink its neighbours. Only an object that was sent by
// itself is known to be refused.
func (s *Sender) refused(ctx context.Context, batch []sent, whole bool, why *Error) error {
	s.vain++
	switch {
	case len(batch) == 1:
		return s.all(batch, Outcome{Refused, why.Error()})
	case s.vain > halvingsVain && !whole:
		return s.all(batch, Outcome{Unanswered, fmt.Sprintf("it was not sent by itself, but with %d others: %s", len(batch)-1, why.Error())})
	}
	half := len(batch) / 2
	if err := s.send(ctx, batch[:half], false); err != nil {
		return errors.Join(err, s.all(batch[half:], Outcome{Unanswered, "it was not sent"}))
	}
	return s.send(ctx, batch[half:], false)
}

func (s *Sender) all(batch []sent, o Outcome) error {
	for i := range batch {
		if err := s.each(batch[i].number, o); err != nil {
			return err
		}
	}
	return nil
}

// outcomes reads a status, which may list objects or only count them.
func outcomes(batch []sent, s *Status) []Outcome {
	out := make([]Outcome, len(batch))
	if s == nil {
		for i := range out {
			out[i] = Outcome{Unanswered, "the server took the request and gives no status"}
		}
		return out
	}
	listed := map[string]Outcome{}
	list := func(details []StatusDetail, r Result) {
		for _, d := range details {
			for _, name := range []string{d.ID + "@" + d.Version, d.ID} {
				if _, ok := listed[name]; !ok {
					listed[name] = Outcome{r, short(d.Message)}
				}
			}
		}
	}
	list(s.Failures, Refused)
	list(s.Pendings, Unanswered)
	list(s.Successes, Accepted)
	var unlisted []int
	for i := range batch {
		o := &batch[i].object
		if got, ok := listed[o.ID+"@"+o.Version]; ok {
			out[i] = got
		} else if got, ok := listed[o.ID]; ok && once(batch, o.ID) {
			out[i] = got // the server writes the version in another way
		} else {
			unlisted = append(unlisted, i)
		}
	}
	rest := restOf(s, len(unlisted))
	for _, i := range unlisted {
		out[i] = rest
	}
	return out
}

// restOf is the outcome of the objects that no list of a status has. It is what
// the counts leave for them, if that is one thing and enough for all of them: a
// server that counts fewer objects than it was sent has not answered for any.
func restOf(s *Status, unlisted int) Outcome {
	successes, failures, pendings := s.SuccessCount-len(s.Successes), s.FailureCount-len(s.Failures), s.PendingCount-len(s.Pendings)
	switch {
	case !s.Complete():
		return Outcome{Unanswered, "the server has not decided yet"}
	case failures <= 0 && pendings <= 0 && successes >= unlisted:
		return Outcome{Result: Accepted}
	case successes <= 0 && pendings <= 0 && failures >= unlisted:
		return Outcome{Result: Refused}
	}
	return Outcome{Unanswered, "the server does not say what became of it"}
}

// once tells whether a batch has one version of an object.
func once(batch []sent, id string) bool {
	n := 0
	for i := range batch {
		if batch[i].object.ID == id {
			n++
		}
	}
	return n == 1
}
