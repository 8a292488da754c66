package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

// errNoObject is the end of a verb that was given nothing to look at.
var errNoObject = errors.New("there is no object in the input")

// stixItem is one thing in an input: an object, or what cannot be read as one.
type stixItem struct {
	file   string
	number int // in its file, from 0; -1 for a bundle without its objects
	place  place
	// pointer is where its bundle has it, such as /objects/3; "" outside of one.
	pointer string
	raw     []byte        // nil for broken JSON
	object  *stix.Object  // nil for what cannot be read as one
	fault   *stix.Finding // why not, then
}

// findings are all that is wrong with the item, errors first.
func (it *stixItem) findings() []stix.Finding {
	if it.fault != nil {
		return []stix.Finding{*it.fault}
	}
	return it.object.Findings
}

// unread is why nobody can tell what the item is, nil for what can be read as
// its type says: it is no object, has no type or none that is sound, or it is a
// bundle that stands in another.
func (it *stixItem) unread() *stix.Finding {
	if it.fault != nil {
		return it.fault
	}
	for i := range it.object.Findings {
		f := &it.object.Findings[i]
		if path := strings.TrimPrefix(f.Path, it.pointer); f.Severity == stix.Error && (path == "/type" || path == "" && it.object.Type == "") {
			return f
		}
	}
	return nil
}

// id is the object's identifier, if it can be told.
func (it *stixItem) id() string {
	if it.object == nil {
		return ""
	}
	return it.object.ID
}

// position is its number in its file, nil for a bundle.
func (it *stixItem) position() *int {
	if it.number < 0 {
		return nil
	}
	return &it.number
}

// name is how an item is called where it has no identifier.
func (it *stixItem) name() string {
	if id := it.id(); id != "" {
		return id
	}
	if it.number < 0 {
		return "a bundle"
	}
	return fmt.Sprintf("object %d", it.number+1)
}

// stixInput finds the items of one input, holding one of them at a time. Each
// is held to the same rules as in a submission.
type stixInput struct {
	file   string
	track  *tracker
	reader *stix.Reader

	number int
	// list tells that the item before stood in a bundle's list, element which
	// of it that was; astray, that broken JSON lies before the next.
	list, astray bool
	element      int
	envelope     []byte

	// bundles tells to return, besides, each bundle that has findings of its
	// own, after its objects.
	bundles   bool
	envelopes envelopes
	waiting   []*stixItem
}

func newStixInput(file string, in io.Reader) *stixInput {
	t := newTracker(in)
	return &stixInput{file: file, track: t, reader: stix.NewReader(t, stix.Limits{}), element: -1}
}

// next returns io.EOF after the last item.
func (in *stixInput) next() (*stixItem, error) {
	if len(in.waiting) == 0 {
		it, err := in.read()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if in.bundles {
			in.enclose(it)
		}
		if it != nil {
			in.waiting = append(in.waiting, it)
		}
		if len(in.waiting) == 0 {
			return nil, io.EOF
		}
	}
	it := in.waiting[0]
	in.waiting = in.waiting[1:]
	return it, nil
}

// enclose puts the bundles that end before an item, nil for the end of the
// input, into what waits to be returned.
func (in *stixInput) enclose(it *stixItem) {
	for _, e := range in.between(it) {
		if b := e.item(in.file); b != nil {
			in.waiting = append(in.waiting, b)
		}
	}
}

// between takes the gap before an item, and returns the bundles that end in it.
func (in *stixInput) between(it *stixItem) (ended []emptied) {
	t := in.track
	if it == nil {
		t.end()
	}
	// Within a list there is nothing between objects but commas.
	if it == nil || t.before != ',' {
		in.envelopes.lost = in.envelopes.lost || len(t.gap) > gapMost
		ended = in.envelopes.take(t.gap, t.gapAt, it != nil && it.pointer != "")
	}
	switch {
	case it == nil:
		t.leave(t.at.Byte) // a bundle is told once, however often the end is asked for
	case it.raw == nil:
		in.envelopes.lost = true
	default:
		t.leave(it.place.Byte + int64(len(it.raw)))
	}
	return ended
}

// read returns the next item, bundles aside.
func (in *stixInput) read() (*stixItem, error) {
	raw, err := in.reader.Next()
	var fault *stix.Finding
	if err != nil && !errors.As(err, &fault) {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("reading %s: %w", in.file, err)
	}
	it := &stixItem{file: in.file, number: in.number, raw: raw, fault: fault}
	in.number++
	it.place = in.track.to(in.reader.Offset())
	if in.follow(it); in.list {
		it.pointer = "/objects/" + strconv.Itoa(in.element)
	}
	if fault != nil {
		in.astray = fault.Code == "malformed-json"
		it.fault.Path = it.pointer + it.fault.Path
		return it, nil
	}
	return it, in.check(it)
}

// follow keeps count of the list that items stand in, by what stands before
// them: a bracket or a comma. Where that is not known the count goes on.
func (in *stixInput) follow(it *stixItem) {
	switch before := in.track.before; {
	case in.astray:
		in.list, in.element = false, -1
	case it.place.Line == 0:
		in.element++
	case before == '[':
		in.list, in.element = true, 0
	case before == ',':
		in.list = true
		in.element++
	default:
		in.list, in.element = false, -1
	}
}

// check reads the item's object. What stands in a bundle is put into one, so
// that a bundle within a bundle is not taken apart. So is what would be taken
// apart all the same: after broken JSON nobody can tell that it stood in a list.
func (in *stixInput) check(it *stixItem) error {
	payload, pointer := it.raw, ""
	if it.pointer != "" {
		payload, pointer = in.enveloped(it.raw), "/objects/0"
	}
	objects, err := stix.Split(payload, stix.Limits{})
	if err == nil && len(objects) != 1 {
		payload, pointer = in.enveloped(it.raw), "/objects/0"
		objects, err = stix.Split(payload, stix.Limits{})
	}
	switch {
	case errors.As(err, &it.fault):
		it.fault.Path = it.pointer + strings.TrimPrefix(it.fault.Path, pointer)
		return nil
	case err != nil:
		return err
	case len(objects) != 1:
		return fmt.Errorf("byte %d of %s is read as %s", it.place.Byte, in.file, counted(len(objects), "object"))
	}
	o := &objects[0]
	o.Raw = it.raw
	o.Pointer = it.pointer
	for i, f := range o.Findings {
		o.Findings[i].Path = it.pointer + strings.TrimPrefix(f.Path, pointer)
	}
	for i, m := range o.MarkingRefs {
		o.MarkingRefs[i].Path = it.pointer + strings.TrimPrefix(m.Path, pointer)
	}
	it.object = o
	return nil
}

// enveloped puts an object into a bundle, good until the next call.
func (in *stixInput) enveloped(raw []byte) []byte {
	in.envelope = append(in.envelope[:0], `{"objects":[`...)
	in.envelope = append(in.envelope, raw...)
	in.envelope = append(in.envelope, `]}`...)
	return in.envelope
}

// stixReading is what a verb reads, one source after another.
type stixReading struct {
	sources  []client.Source
	progress *stixProgress
	bundles  bool // also those with findings of their own
}

// each hands each item to visit, in order. A source that cannot be read does
// not keep the others from being read: the error names them all. An error of
// visit ends the reading.
func (r *stixReading) each(ctx context.Context, visit func(*stixItem) error) error {
	r.progress.expect(r.sources)
	defer r.progress.finish()
	var unread error
	for _, src := range r.sources {
		stop, err := r.one(ctx, src, visit)
		unread = errors.Join(unread, err)
		if stop {
			break
		}
	}
	return unread
}

func (r *stixReading) one(ctx context.Context, src client.Source, visit func(*stixItem) error) (stop bool, err error) {
	f, err := src.Open()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := newStixInput(src.Name, r.progress.follow(f))
	in.bundles = r.bundles
	for {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		it, err := in.next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		r.progress.object()
		if err := visit(it); err != nil {
			return true, err
		}
	}
}

// onceSources are inputs that are read once, as they come; - is standard input.
func onceSources(cmd *cobra.Command, files []string) ([]client.Source, error) {
	sources := make([]client.Source, len(files))
	stdin := false
	for i, name := range files {
		if name != "-" {
			sources[i] = client.File(name)
			continue
		}
		if stdin {
			return nil, usage(cmd, errors.New("- is named twice, and standard input can be read only once"))
		}
		stdin = true
		interruptStdin(cmd)
		sources[i] = client.Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(cmd.InOrStdin()), nil }}
	}
	return sources, nil
}
