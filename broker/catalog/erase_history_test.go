package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/api"
)

// Erasures at random, against what they must leave.

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
