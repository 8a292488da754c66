package publisher

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/outbox"
	"github.com/selat-hub/selat/stix"
)

// Sizes of a submission.
const (
	sendObjects = 500
	sendBytes   = 1 << 20
)

// Submitter takes submissions: a *client.Client. It answers in the end or gives
// an error when ctx ends; an answer that says to come back later it takes care of
// itself.
type Submitter interface {
	Submit(ctx context.Context, payload []byte, o client.SubmitOptions) (*api.Receipt, error)
}

// Sent counts objects the hub answered for.
type Sent struct {
	Accepted  int            `json:"accepted"`
	Duplicate int            `json:"duplicate"`
	Refused   int            `json:"refused"`
	Codes     map[string]int `json:"codes,omitempty"`
}

// drain sends until the outbox of a feed is empty or ctx ends.
func (p *Publisher) drain(ctx context.Context, f *Feed, sent *Sent) error {
	for {
		items, err := p.store.Next(f.Name, sendObjects, sendBytes)
		if err != nil || len(items) == 0 {
			return err
		}
		if err := p.send(ctx, f, items, sent); err != nil {
			return err
		}
	}
}

// send submits items, and settles what the hub answered for.
func (p *Publisher) send(ctx context.Context, f *Feed, items []outbox.Item, sent *Sent) error {
	raws := make([][]byte, len(items))
	for i := range items {
		raws[i] = items[i].Raw
	}
	payload := stix.AppendBundle(nil, "bundle--"+uuid.NewString(), raws...)
	began := p.now()
	r, err := p.hub.Submit(ctx, payload, client.SubmitOptions{To: f.To, Unmarked: f.unmarked})
	p.metrics.sending.WithLabelValues(f.Name).Observe(p.now().Sub(began).Seconds())
	if errors.Is(err, client.ErrTooLarge) { // which the hub would say, had it come there
		r, err = &api.Receipt{Error: &stix.Finding{Code: "payload-too-large", Message: err.Error()}}, nil
	}
	if err != nil {
		return fmt.Errorf("publishing %s: %w", f.Name, err)
	}
	if r.Retry {
		return fmt.Errorf("publishing %s: the hub cannot take it now", f.Name)
	}
	switch told := r.Error == nil && len(r.Objects) > 0; {
	case r.Error != nil && !aboutObjects(r.Error.Code):
		return fmt.Errorf("publishing %s: the hub refuses the whole submission: %w", f.Name, r.Error)
	case !told && len(items) > 1:
		// Too much for one submission or for its receipt, or one of them is at fault.
		half := len(items) / 2
		return errors.Join(p.send(ctx, f, items[:half], sent), p.send(ctx, f, items[half:], sent))
	}
	return p.settle(f, items, r, sent)
}

// aboutObjects tells whether the refusal of a submission is about what was in it.
// Anything else is about the seat, its audience or the hub: a person puts it right,
// and the objects wait for it as long as it takes.
func aboutObjects(code string) bool {
	switch code {
	case "payload-too-large", "too-many-objects", "object-too-large", "malformed-json", "duplicate-key", "invalid-utf8", "too-deep", "number-range", "not-an-object":
		return true
	}
	return false
}

// settle sets aside what was refused, then takes all of it out of the outbox. A
// crash between the two sends it again, which is refused again.
func (p *Publisher) settle(f *Feed, items []outbox.Item, r *api.Receipt, sent *Sent) error {
	lines := make([][]api.ObjectReceipt, len(items))
	for _, l := range r.Objects {
		if l.Object >= 0 && l.Object < len(items) {
			lines[l.Object] = append(lines[l.Object], l)
		}
	}
	for i := range items {
		var refused *stix.Finding
		outcome := api.Duplicate
		if len(lines[i]) == 0 {
			refused = cmp.Or(r.Error, &stix.Finding{Code: "unanswered", Message: "the receipt does not tell of it"})
		}
		for _, l := range lines[i] {
			switch {
			case l.Outcome == api.Refused && len(l.Findings) > 0:
				refused = &l.Findings[0]
			case l.Outcome == api.Refused:
				refused = &stix.Finding{Code: "unknown"}
			case l.Outcome == api.Accepted:
				outcome = api.Accepted
			}
		}
		switch {
		case refused != nil:
			if err := p.setAside(f.Name, &items[i], r, lines[i]); err != nil {
				return err
			}
			sent.Refused++
			if sent.Codes == nil {
				sent.Codes = map[string]int{}
			}
			sent.Codes[refused.Code]++
			p.metrics.object(f.Name, "refused", refused.Code)
		case outcome == api.Accepted:
			sent.Accepted++
			p.metrics.object(f.Name, "accepted", "")
		default:
			sent.Duplicate++
			p.metrics.object(f.Name, "duplicate", "")
		}
	}
	return p.store.Settle(f.Name, items)
}

// Dead is an object that the hub refused, beside its receipt.
type Dead struct {
	Feed    string              `json:"feed"`
	ID      string              `json:"id"`
	Version string              `json:"version,omitempty"`
	Error   *stix.Finding       `json:"error,omitempty"`
	Lines   []api.ObjectReceipt `json:"objects,omitempty"`
	File    string              `json:"file"`
}

// receiptSuffix ends the name of the file that stands beside a refused object's.
const receiptSuffix = ".receipt.json"

func (p *Publisher) deadDir() string { return filepath.Join(p.config.State, "dead") }

func (p *Publisher) setAside(feed string, it *outbox.Item, r *api.Receipt, lines []api.ObjectReceipt) error {
	p.aside.Lock()
	defer p.aside.Unlock()
	dir := filepath.Join(p.deadDir(), feed)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("setting %s aside: %w", it.ID, err)
	}
	name := filepath.Join(dir, deadName(it))
	d := Dead{Feed: feed, ID: it.ID, Version: it.Version, Error: r.Error, Lines: lines, File: name + ".json"}
	b, err := json.MarshalIndent(&d, "", "  ")
	if err == nil {
		err = errors.Join(writeFile(name+".json", it.Raw), writeFile(name+receiptSuffix, append(b, '\n')))
	}
	if err != nil {
		return fmt.Errorf("setting %s aside: %w", it.ID, err)
	}
	return nil
}

// deadName names the file of a refused version, one of its own: what has no version
// is told apart by its bytes, and what would be too long for a file's name by its id.
func deadName(it *outbox.Item) string {
	name := strings.NewReplacer(":", "", "/", "_").Replace(it.ID)
	if it.Version != "" {
		name += "@" + strings.ReplaceAll(it.Version, ":", "")
	} else {
		name += fmt.Sprintf("@%x", sha256.Sum256(it.Raw))[:17]
	}
	if len(name) > 200 {
		name = fmt.Sprintf("%s-%x", name[:100], sha256.Sum256([]byte(name)))
	}
	return name
}

// writeFile makes a file of mode 0600 have these bytes, all of them on disk with its
// name.
func writeFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// DeadLetters lists what was set aside.
func (p *Publisher) DeadLetters() ([]Dead, error) {
	p.aside.Lock()
	defer p.aside.Unlock()
	return p.deadLetters()
}

func (p *Publisher) deadLetters() ([]Dead, error) {
	files, err := filepath.Glob(filepath.Join(p.deadDir(), "*", "*"+receiptSuffix))
	if err != nil {
		return nil, err
	}
	var out []Dead
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var d Dead
		if err := json.Unmarshal(b, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		d.File = strings.TrimSuffix(name, receiptSuffix) + ".json"
		out = append(out, d)
	}
	return out, nil
}

// Retry puts what was set aside back into the outbox: the object of an id, or all
// for an empty one. It may be called during Run, which sends them then.
func (p *Publisher) Retry(id string) (n int, err error) {
	// What is refused again meanwhile is set aside after this has removed what was.
	p.aside.Lock()
	defer p.aside.Unlock()
	dead, err := p.deadLetters()
	if err != nil {
		return 0, err
	}
	for _, d := range dead {
		if id != "" && d.ID != id {
			continue
		}
		raw, err := os.ReadFile(d.File)
		if errors.Is(err, fs.ErrNotExist) { // a person took it, and the receipt tells of it still
			p.log.Warn("an object that was set aside is not there to be sent again", "feed", d.Feed, "id", d.ID, "receipt", d.File)
			continue
		}
		if err != nil {
			return n, err
		}
		if err := p.store.Put(d.Feed, d.ID, d.Version, raw); err != nil {
			return n, err
		}
		// The receipt goes first: what is left of a crash in between is a file that
		// names nothing, beside an object that is sent again.
		if err := errors.Join(os.Remove(strings.TrimSuffix(d.File, ".json")+receiptSuffix), os.Remove(d.File)); err != nil {
			return n, err
		}
		n++
		p.kick(d.Feed)
	}
	return n, nil
}
