package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// A question has as many objects and bytes as a submission that publish makes,
// so that what is said of it is what would happen. Where the answer, a line
// for each object and reader, is then too large for a message, less is asked
// at a time.
const (
	pieceObjects = 1000
	pieceBytes   = 2 << 20
	pieceShrinks = 4
)

// routed is what was read: objects, and what could not be read as one.
type routed struct {
	objects []stix.Object
	routes  []api.ObjectRoute // by position in the input; nil Streams until asked
	place   []int             // of each object in routes
}

// readRouted reads bundles, objects, and objects one on each line; - is
// standard input.
func readRouted(cmd *cobra.Command, files []string) (*routed, error) {
	in := &routed{}
	for _, name := range files {
		if name == "-" {
			if err := in.read(cmd.InOrStdin()); err != nil {
				return nil, fmt.Errorf("reading standard input: %w", err)
			}
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("opening the input: %w", err)
		}
		err = errors.Join(in.read(f), f.Close())
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return in, nil
}

func (in *routed) read(r io.Reader) error {
	reader := stix.NewReader(r, stix.Limits{})
	for {
		raw, err := reader.Next()
		var fault *stix.Finding
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &fault):
			in.refuse(*fault)
			continue
		case err != nil:
			return err
		}
		objects, err := stix.Split(raw, stix.Limits{})
		switch {
		case errors.As(err, &fault):
			in.refuse(*fault)
			continue
		case err != nil:
			return err
		}
		for i := range objects {
			in.place = append(in.place, len(in.routes))
			in.routes = append(in.routes, api.ObjectRoute{Object: len(in.routes), ID: objects[i].ID})
			in.objects = append(in.objects, objects[i])
		}
	}
}

func (in *routed) refuse(f stix.Finding) {
	in.routes = append(in.routes, api.ObjectRoute{Object: len(in.routes), Why: "refused", Findings: []stix.Finding{f}})
}

// ask asks about everything, piece by piece where it is much. Each piece
// carries the definitions and identities that its objects refer to, as
// publishing does; what is said of those is the sum of what the pieces say.
func (in *routed) ask(ctx context.Context, ask asker) (*api.Route, error) {
	unasked := slices.Clone(in.routes)
	for limit := pieceObjects; ; limit /= pieceShrinks {
		out, err := in.askPieces(ctx, ask, limit)
		if limit < pieceShrinks || !answerTooLarge(out, err) {
			return out, err
		}
		copy(in.routes, unasked)
	}
}

// answerTooLarge recognises the hub's word for it, which a seat finds in the
// place of a finding.
func answerTooLarge(r *api.Route, err error) bool {
	code := ""
	var said *api.Error
	if errors.As(err, &said) {
		code = said.Code
	} else if err == nil && r.Error != nil {
		code = r.Error.Code
	}
	return code == "invalid" || code == "too-many-objects"
}

func (in *routed) askPieces(ctx context.Context, ask asker, limit int) (*api.Route, error) {
	out := &api.Route{}
	for _, piece := range in.pieces(limit) {
		raws := make([][]byte, len(piece))
		for i, n := range piece {
			raws[i] = in.objects[n].Raw
		}
		r, err := ask(ctx, stix.AppendBundle(nil, "bundle--"+uuid.NewString(), raws...))
		if err != nil {
			return nil, err
		}
		if out.Origin = r.Origin; r.Error != nil {
			return r, nil
		}
		for _, or := range r.Objects {
			if or.Object < 0 || or.Object >= len(piece) {
				return nil, fmt.Errorf("the hub answered about object %d of %d", or.Object, len(piece))
			}
			in.learn(in.place[piece[or.Object]], or)
		}
	}
	out.Objects = in.routes
	return out, nil
}

// pieces are positions in objects, those of one question together.
func (in *routed) pieces(limit int) [][]int {
	c := &pieceCutter{in: in, limit: limit, supports: map[string][]int{}, carried: map[int]bool{}}
	for i := range in.objects {
		if o := &in.objects[i]; o.Supporting() {
			c.supports[o.ID] = append(c.supports[o.ID], i)
		}
	}
	for i := range in.objects {
		if !in.objects[i].Supporting() {
			c.add(i)
		}
	}
	for i := range in.objects {
		if !c.carried[i] {
			c.add(i) // what nothing refers to stands for itself
		}
	}
	c.flush()
	return c.done
}

type pieceCutter struct {
	in       *routed
	limit    int
	supports map[string][]int // positions by id
	carried  map[int]bool     // by any piece
	done     [][]int

	piece []int
	bytes int
	have  map[int]bool // by this piece
}

func (c *pieceCutter) add(i int) {
	if len(c.piece) >= c.limit || c.bytes+len(c.in.objects[i].Raw) > pieceBytes {
		c.flush()
	}
	c.take(i)
}

func (c *pieceCutter) flush() {
	if len(c.piece) > 0 {
		c.done = append(c.done, c.piece)
	}
	c.piece, c.bytes, c.have = nil, 0, map[int]bool{}
}

// take adds an object to the piece after those it refers to.
func (c *pieceCutter) take(i int) {
	if c.have == nil {
		c.have = map[int]bool{}
	}
	if c.have[i] {
		return
	}
	c.have[i], c.carried[i] = true, true
	for _, ref := range c.in.objects[i].Refs {
		for _, s := range c.supports[ref] {
			c.take(s)
		}
	}
	c.piece = append(c.piece, i)
	c.bytes += len(c.in.objects[i].Raw)
}

// inPiece is the part of a JSON pointer that tells a place in a question,
// which is not the place in the input.
var inPiece = regexp.MustCompile(`/objects/\d+`)

// learn puts an answer to the object it is about.
func (in *routed) learn(n int, or api.ObjectRoute) {
	or.Object = n
	or.Why = inPiece.ReplaceAllString(or.Why, "")
	for i := range or.Findings {
		or.Findings[i].Path = inPiece.ReplaceAllString(or.Findings[i].Path, "")
	}
	had := &in.routes[n]
	if len(had.Streams) == 0 || len(or.Streams) == 0 {
		if len(or.Streams) > 0 || len(had.Decisions) == 0 {
			*had = or
		}
		return
	}
	had.Level = min(had.Level, or.Level)
	for _, s := range or.Streams {
		if !slices.Contains(had.Streams, s) {
			had.Streams = append(had.Streams, s)
		}
	}
	for i := range had.Decisions {
		if i < len(or.Decisions) && or.Decisions[i].Receives && !had.Decisions[i].Receives {
			had.Decisions[i] = or.Decisions[i]
		}
	}
}
