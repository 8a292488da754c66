package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix/values"
)

// shelves are several streams.
type shelves map[string]shelf

func (s shelves) Messages(ctx context.Context, stream string, from, through uint64, fn func(Message) error) error {
	return s[stream].Messages(ctx, stream, from, through, fn)
}

func (s shelves) last(stream string) uint64 {
	if n := len(s[stream]); n > 0 {
		return s[stream][n-1].Seq
	}
	return 1
}

// kept is a message of which objects may have been erased.
type kept struct {
	seq, physical uint64
	indexes       []int
	objects       []string
	headers       map[string]string
}

// message is how what is left of it is stored.
func (k *kept) message(seq uint64) Message {
	h := maps.Clone(k.headers)
	if seq != k.seq {
		h[api.HeaderSequence] = fmt.Sprint(k.seq)
		h[api.HeaderIndexes] = strings.Trim(strings.ReplaceAll(fmt.Sprint(k.indexes), " ", ","), "[]")
	}
	return message(seq, h, k.objects...)
}

// recalling is a hub's streams in the model: what they hold, and what of it counts.
type recalling struct {
	shelves
	kept  map[string][]*kept
	added int
}

var recallStreams = []string{"CTI_A_GREEN", "CTI_B_GREEN"}

// drawObject makes one of a few objects, of every sort that is kept in a way of
// its own. Objects of one identifier and version have the same bytes.
func drawObject(t *rapid.T) string {
	n := rapid.IntRange(1, 3).Draw(t, "which")
	switch rapid.IntRange(0, 3).Draw(t, "sort") {
	case 0:
		return strings.Replace(address, `"value"`, fmt.Sprintf(`"x_form":%d,"value"`, n), 1)
	case 1:
		return fmt.Sprintf(`{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41d%d","created":"2025-01-01T00:00:00.000Z","definition_type":"statement","definition":{"statement":"s"}}`, n)
	case 2:
		return fmt.Sprintf(`{"type":"domain-name","spec_version":"2.1","id":"domain-name--00000000-0000-5000-8000-00000000000%d","value":"www%d.example.com"}`, n, n)
	}
	more := ""
	if n == 3 {
		more = `,"revoked":true`
	}
	if n == 2 {
		more = `,"created_by_ref":"identity--00000000-0000-4000-8000-00000000000a"`
	}
	return strings.Replace(noteVersion(fmt.Sprintf("2026-01-0%dT00:00:00.000Z", n), more), "note--00000000-0000-4000-8000-000000000001", fmt.Sprintf("note--00000000-0000-4000-8000-00000000000%d", rapid.IntRange(1, 2).Draw(t, "note")), 1)
}

func (r *recalling) store(t *rapid.T, stream string) {
	k := &kept{seq: r.last(stream) + rapid.Uint64Range(1, 2).Draw(t, "gap")}
	k.physical = k.seq
	k.headers = map[string]string{
		api.HeaderAdded:  fmt.Sprintf("2025-11-24T16:00:00.%06dZ", r.added),
		api.HeaderOrigin: rapid.SampledFrom([]string{"sg", "sg", "my"}).Draw(t, "origin"),
	}
	for range rapid.IntRange(1, 4).Draw(t, "objects") {
		o := drawObject(t)
		if !slices.Contains(k.objects, o) {
			k.indexes, k.objects = append(k.indexes, len(k.objects)), append(k.objects, o)
		}
	}
	r.added += 10
	r.kept[stream] = append(r.kept[stream], k)
	r.shelves[stream] = append(r.shelves[stream], k.message(k.seq))
}

// erase stores anew what is left of a message, and tells what the hub would tell
// the catalogue.
func (r *recalling) erase(t *rapid.T, stream string, k *kept) Erasure {
	_, before, err := read(stream, k.message(k.physical))
	if err != nil {
		t.Fatal(err)
	}
	e := Erasure{Stream: stream, Seq: k.seq}
	var indexes []int
	var objects []string
	for i := range k.indexes {
		if rapid.Bool().Draw(t, "erased") {
			e.Erased = append(e.Erased, before[i])
		} else {
			indexes, objects = append(indexes, k.indexes[i]), append(objects, k.objects[i])
		}
	}
	k.indexes, k.objects = indexes, objects
	if len(objects) == 0 {
		r.remove(stream, func(m Message) bool { return m.Seq == k.seq || m.Header(api.HeaderSequence) == fmt.Sprint(k.seq) })
		r.kept[stream] = slices.DeleteFunc(r.kept[stream], func(o *kept) bool { return o == k })
		return e
	}
	e.Physical = r.last(stream) + 1
	k.physical = e.Physical
	m := k.message(e.Physical)
	r.shelves[stream] = append(r.shelves[stream], m)
	if _, e.Left, err = read(stream, m); err != nil {
		t.Fatal(err)
	}
	return e
}

func (r *recalling) remove(stream string, of func(Message) bool) {
	last := r.last(stream)
	r.shelves[stream] = slices.DeleteFunc(slices.Clone(r.shelves[stream]), of)
	if r.last(stream) < last {
		// A stream's last sequence stays when its last message goes.
		r.shelves[stream] = append(r.shelves[stream], Message{Seq: last, Header: func(string) string { return "" }})
	}
}

// Messages passes over what stands for a message that is gone.
func (r *recalling) Messages(ctx context.Context, stream string, from, through uint64, fn func(Message) error) error {
	return r.shelves.Messages(ctx, stream, from, through, func(m Message) error {
		if m.Data == nil {
			return nil
		}
		return fn(m)
	})
}

func (r *recalling) catchUp(t *rapid.T, x *Index) {
	for _, stream := range recallStreams {
		if err := x.Apply(stream, 1, nil); err != nil { // numbers the streams
			t.Fatal(err)
		}
		if _, err := x.CatchUp(context.Background(), r, stream, r.last(stream)); err != nil {
			t.Fatal(err)
		}
	}
}

// dump is all that an index holds, but for what may be more than is needed, and
// for the order in which places came.
func dump(t *rapid.T, x *Index) map[string]string {
	held := map[string]string{}
	err := scanRange(x.db, nil, nil, func(key, v []byte) error {
		switch key[0] {
		case kindMark:
			// Either may have some too many, by what came before it was erased; that
			// none is missing the verification sees.
			return nil
		case kindPosition:
			p, err := parsePosition(v)
			held[string(key)] = fmt.Sprint(p.seq)
			return err
		case kindAudience, kindOrigin, kindNetwork, chainKey[0], unscrubbed[0][0], unscrubbed[1][0]:
			return nil
		case kindNewest, kindObject:
			var s stored
			if err := s.decode(v); err != nil {
				return err
			}
			slices.SortFunc(s.places, func(a, b storedPlace) int {
				return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.seq, b.seq), cmp.Compare(a.index, b.index))
			})
			v = s.append(nil)
		}
		held[string(key)] = string(v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// Whatever was erased, told or found out after a crash, the index holds what one
// does that was built from what the streams have now.
func TestWhatIsErasedIsAsIfItHadNeverCome(t *testing.T) {
	n := 0
	root := t.TempDir()
	moves := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		begin := func(dir string) *Index {
			x, err := Open(dir, small())
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		end := func(x *Index) {
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
		}
		x := begin(dir)
		defer func() {
			end(x)
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}()
		r := &recalling{shelves: shelves{}, kept: map[string][]*kept{}}
		t.Repeat(map[string]func(*rapid.T){
			"store": func(t *rapid.T) { r.store(t, rapid.SampledFrom(recallStreams).Draw(t, "stream")) },
			"erase": func(t *rapid.T) {
				stream := rapid.SampledFrom(recallStreams).Draw(t, "stream")
				if len(r.kept[stream]) == 0 {
					return
				}
				r.catchUp(t, x)
				k := rapid.SampledFrom(r.kept[stream]).Draw(t, "message")
				before := k.physical
				e := r.erase(t, stream, k)
				if e.Physical == 0 || rapid.Bool().Draw(t, "told") {
					for range rapid.IntRange(1, 2).Draw(t, "times") {
						if err := x.Erase(e); err != nil {
							t.Fatal(err)
						}
					}
				}
				if rapid.Bool().Draw(t, "removed") {
					r.remove(stream, func(m Message) bool { return m.Seq == before })
				}
				moves++
			},
			"scrub": func(t *rapid.T) {
				if err := x.Scrub(context.Background()); err != nil {
					t.Fatal(err)
				}
			},
			"reopen": func(t *rapid.T) {
				end(x)
				x = begin(dir)
			},
			"rebuild": func(t *rapid.T) {
				end(x)
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				x = begin(dir)
			},
		})
		r.catchUp(t, x)
		for _, stream := range recallStreams {
			for _, k := range r.kept[stream] {
				if at := x.At(stream, k.seq); at != k.physical {
					t.Fatalf("%s message %d is at %d, want %d", stream, k.seq, at, k.physical)
				}
			}
		}
		v := x.Verify()
		for _, stream := range recallStreams {
			if err := v.Stream(context.Background(), r, stream, func() {}); err != nil {
				t.Fatal(err)
			}
		}
		// Of what is last in a stream and gone nothing tells when it was added.
		if err := v.Finish(context.Background()); err != nil {
			t.Fatal(err)
		}
		if d := slices.DeleteFunc(v.Differences, func(s string) bool { return strings.Contains(s, "date_added") }); len(d) > 0 {
			t.Fatalf("%q", d)
		}
		fresh := begin(dir + "-fresh")
		defer end(fresh)
		r.catchUp(t, fresh)
		if d := gocmp.Diff(dump(t, fresh), dump(t, x)); d != "" {
			t.Fatal(d)
		}
	})
	if moves == 0 {
		t.Error("nothing was ever erased")
	}
}

func TestAMessageThatIsNotWhatIsLeftOfAnotherIsNamed(t *testing.T) {
	for name, c := range map[string]struct{ sequence, indexes string }{
		"no sequence":                  {"", "0,1"},
		"no positions":                 {"2", ""},
		"a sequence of its own":        {"8", "0,1"},
		"a sequence after it":          {"9", "0,1"},
		"a sequence of nothing":        {"0", "0,1"},
		"a sequence in another form":   {"+2", "0,1"},
		"too few positions":            {"2", "0"},
		"too many positions":           {"2", "0,1,2"},
		"positions that do not rise":   {"2", "1,1"},
		"positions that fall":          {"2", "4,1"},
		"a position that is no number": {"2", "0,x"},
		"a position below the first":   {"2", "-1,0"},
		"a position in another form":   {"2", "0,01"},
		"a position that is too high":  {"2", "0,2147483648"},
		"an end without a position":    {"2", "0,"},
	} {
		t.Run(name, func(t *testing.T) {
			x := opened(t, t.TempDir(), Options{})
			m := message(8, map[string]string{api.HeaderSequence: c.sequence, api.HeaderIndexes: c.indexes}, address, malware)
			_, err := x.CatchUp(t.Context(), shelf{m}, green, 8)
			if err == nil || !strings.Contains(err.Error(), "message 8") {
				t.Fatal(err)
			}
			if at, _, err := x.Position(green); at >= 8 || err != nil {
				t.Error(at, err)
			}
		})
	}
}

func TestAnErasureThatDoesNotFitIsRefused(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	a, b := one("indicator--1", "v1", 1, 0), one("indicator--2", "v1", 1, 1)
	apply(t, x, green, 1, a, b)
	other := a
	other.Place.Seq = 2
	for name, e := range map[string]Erasure{
		"something left in no message": {Stream: green, Seq: 1, Left: []Record{a}, Erased: []Record{b}},
		"nothing left in a message":    {Stream: green, Seq: 1, Physical: 2, Erased: []Record{a, b}},
		"left in an earlier message":   {Stream: green, Seq: 1, Physical: 1, Left: []Record{a}},
		"left in another order":        {Stream: green, Seq: 1, Physical: 2, Left: []Record{b, a}},
		"an object of another message": {Stream: green, Seq: 1, Physical: 2, Left: []Record{a}, Erased: []Record{other}},
		"an object of another stream":  {Stream: "CTI_X_GREEN", Seq: 1, Physical: 2, Left: []Record{a}},
	} {
		if err := x.Erase(e); err == nil || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if at, _, err := x.Position(green); at != 1 || err != nil {
		t.Error(at, err)
	}
	if e, _, err := x.Get(b.Key); len(e.Places) != 1 || err != nil {
		t.Error(e, err)
	}
}

// erasable is a stream of three messages, and what erases an object of the second.
func erasable(t *testing.T) (s shelf, moved Message, e Erasure) {
	t.Helper()
	at := func(second int) map[string]string {
		return map[string]string{api.HeaderAdded: fmt.Sprintf("2025-11-24T16:00:%02d.000100Z", second)}
	}
	s = shelf{message(1, at(1), noteVersion(day1, "")), message(2, at(2), noteVersion(day2, `,"revoked":true`), address), message(3, at(3), malware)}
	h := at(2)
	h[api.HeaderSequence], h[api.HeaderIndexes] = "2", "1"
	moved = message(4, h, address)
	_, before, err := read(green, s[1])
	if err != nil {
		t.Fatal(err)
	}
	_, left, err := read(green, moved)
	if err != nil {
		t.Fatal(err)
	}
	return s, moved, Erasure{Stream: green, Seq: 2, Physical: 4, Left: left, Erased: before[:1]}
}

func checkErased(t *testing.T, x *Index) {
	t.Helper()
	if l := lineage(t, x, "sg", noteID); l.Latest != day1 || l.Revoked != "" {
		t.Errorf("the lineage is %+v", l)
	}
	if v, err := x.Versions("sg", noteID); !slices.Equal(v, []string{day1}) || err != nil {
		t.Error(v, err)
	}
	if at := x.At(green, 2); at != 4 {
		t.Errorf("message 2 is at %d", at)
	}
	page, err := x.Page(t.Context(), View{Parts: []Part{{green, 1}}}, Query{Limit: 10})
	if err != nil || len(page.Items) != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	if it := page.Items[1]; it.Place.Seq != 2 || it.Place.Index != 1 || it.Physical != 4 || page.Items[0].Physical != 1 {
		t.Errorf("%+v", page.Items)
	}
}

// A power cut keeps an erasure, and all that came before it, from the moment it
// returned; whatever it takes before that the streams have.
func TestAnErasureOutlivesAPowerCut(t *testing.T) {
	s, moved, e := erasable(t)
	for name, told := range map[string]bool{"told": true, "not told": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mem := vfs.NewCrashableMem()
			if err := mem.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for at := dir; at != "/"; {
				at = filepath.Dir(at)
				parent, err := mem.OpenDir(at)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(parent.Sync(), parent.Close()); err != nil {
					t.Fatal(err)
				}
			}
			opts := small()
			opts.tuning.fs = mem
			x := opened(t, dir, opts)
			if _, err := x.CatchUp(t.Context(), s, green, 3); err != nil {
				t.Fatal(err)
			}
			if told {
				if err := x.Erase(e); err != nil {
					t.Fatal(err)
				}
			}
			opts.tuning.fs = mem.CrashClone(vfs.CrashCloneCfg{})
			closed(t, x)
			x = opened(t, dir, opts)
			if x.Recovered() != "" {
				t.Fatal(x.Recovered())
			}
			at, _, err := x.Position(green)
			if want := map[bool]uint64{true: 4, false: 0}[told]; at != want || err != nil {
				t.Fatalf("the position is %d, want %d: %v", at, want, err)
			}
			if _, err := x.CatchUp(t.Context(), append(slices.Clone(s), moved), green, 4); err != nil {
				t.Fatal(err)
			}
			checkErased(t, x)
			if v := verify(t, x, append(slices.Clone(s), moved), green); v.Wrong > 0 {
				t.Errorf("%q", v.Differences)
			}
		})
	}
}

// An order that is older than what is known brings nothing back.
func TestAnErasureThatIsOutdatedChangesNothing(t *testing.T) {
	s, _, e := erasable(t)
	x := opened(t, t.TempDir(), Options{})
	if _, err := x.CatchUp(t.Context(), s, green, 3); err != nil {
		t.Fatal(err)
	}
	if err := x.Erase(e); err != nil {
		t.Fatal(err)
	}
	rest := Erasure{Stream: green, Seq: 2, Erased: e.Left}
	for _, next := range []Erasure{rest, e, rest} {
		if err := x.Erase(next); err != nil {
			t.Fatal(err)
		}
		if _, known, err := x.Get(e.Left[0].Key); known || err != nil {
			t.Error(known, err)
		}
		if at := x.At(green, 2); at != 2 {
			t.Errorf("of message 2 nothing is left, and it is at %d", at)
		}
	}
	if err := x.Forget(green); err != nil {
		t.Fatal(err)
	}
}

func TestWhoReadsWhileSomethingIsErasedFindsNoDamage(t *testing.T) {
	x := opened(t, t.TempDir(), small())
	asked := thing{kind: values.Domain, text: "example.com"}
	said := map[string]saying{}
	var world []placed
	for i := range 400 {
		p := placed{stream: "CTI_A_CLEAR", seq: uint64(1 + i/4), index: i % 4, added: int64(1 + i), origin: "sg", id: fmt.Sprintf("indicator--%d", i/2), version: day1, key: day1, spec: "2.1"}
		if i%2 == 1 {
			p.version, p.key = day2, day2
		}
		world = append(world, p)
		said[p.id+p.key] = saying{things: []thing{asked}, roles: []values.Role{values.Decisive}}
	}
	applySayings(t, x, world, said)
	v := View{Parts: []Part{{"CTI_A_CLEAR", 1}}}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				var err error
				switch n {
				case 0:
					_, err = x.Page(t.Context(), v, Query{Limit: 1000, Versions: []string{VersionLast}})
				case 1:
					_, err = x.Page(t.Context(), View{Parts: v.Parts, Origin: "sg"}, Query{Limit: 1000})
				case 2:
					_, _, err = x.Mentions(t.Context(), v, Question{Key: asked.key(), Limit: 1000})
				case 3:
					// The older version of every object stays.
					id := fmt.Sprintf("indicator--%d", i%200)
					var p Page
					p, err = x.Page(t.Context(), v, Query{Limit: 10, IDs: []string{id}})
					if err == nil && len(p.Items) == 0 {
						err = errors.New(id + " is not told")
					}
					if _, known, gerr := x.Get(Key{"sg", id, day1}); gerr != nil || !known {
						err = errors.Join(err, gerr, errors.New(id+" is not known"))
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for from := 0; from < len(world); from += 4 {
		var message []Record
		for _, p := range world[from : from+4] {
			message = append(message, sayingRecord(p, said))
		}
		e := erasureOf(message, x.position("CTI_A_CLEAR").seq+1, func(r *Record) bool { return r.Version == day2 })
		if err := x.Erase(e); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
}
