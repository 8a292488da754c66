package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/feeds/taxii/taxiitest"
)

func openState(t testing.TB, path string) *State {
	t.Helper()
	s, err := OpenState(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnInterruptedPollGoesOnWhereItStopped(t *testing.T) {
	for name, change := range map[string]func(*taxiitest.Server){
		"with next":                    func(*taxiitest.Server) {},
		"without next":                 func(s *taxiitest.Server) { s.NoNext = true },
		"with a next that is rejected": func(s *taxiitest.Server) { s.ForgetNext() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			fill(s, 35)
			s.PageMost = 10
			path := filepath.Join(t.TempDir(), "state")
			c := ask(t, s.URL)
			col := find(t, c)
			change(s)
			var got []string
			full := errors.New("the disk is full")
			for range 3 { // each run takes one page and fails at the next
				taken := false
				_, err := c.Poll(t.Context(), col, Query{}, openState(t, path), func(ctx context.Context, p *Page) error {
					if taken {
						return full
					}
					taken = true
					return collect(&got)(ctx, p)
				})
				if !errors.Is(err, full) {
					t.Fatal(err)
				}
				change(s)
			}
			if _, err := c.Poll(t.Context(), col, Query{}, openState(t, path), collect(&got)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s.Raws(), got); diff != "" {
				t.Fatal(diff)
			}
			if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
				t.Fatalf("%v, %v", st.Mode(), err)
			}

			// What comes later, even at the same time, comes by the next Poll; and
			// nothing else.
			s.Put(object(100), start.Add(34*time.Millisecond))
			s.Put(object(101), start.Add(time.Hour))
			got = nil
			sum, err := c.Poll(t.Context(), col, Query{}, openState(t, path), collect(&got))
			if err != nil || sum.Objects != 2 || sum.Repeated != 1 {
				t.Fatalf("%+v, %v", sum, err)
			}
			if diff := cmp.Diff([]string{object(100), object(101)}, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestAStateIsNotTakenForAnotherQuestion(t *testing.T) {
	s := newServer(t)
	fill(s, 5)
	path := filepath.Join(t.TempDir(), "state")
	c := ask(t, s.URL)
	col := find(t, c)
	var got []string
	if _, err := c.Poll(t.Context(), col, Query{Types: []string{"indicator"}}, openState(t, path), collect(&got)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Poll(t.Context(), col, Query{}, openState(t, path), collect(&got))
	if !errors.Is(err, ErrOtherState) || !strings.Contains(err.Error(), "match[type]=indicator") {
		t.Fatal(err)
	}
	// Another limit is the same question, which the old next does not answer.
	if _, err := c.Poll(t.Context(), col, Query{Types: []string{"indicator"}, Limit: 1}, openState(t, path), collect(&got)); err != nil || len(got) != 5 {
		t.Fatalf("%d objects, %v", len(got), err)
	}
}

func TestADamagedStateIsRefused(t *testing.T) {
	for name, content := range map[string]string{
		"nothing":          "",
		"another format":   `{"format":2,"collection":"x"}`,
		"another program":  `{"a":1}`,
		"a hash cut short": `{"format":1,"collection":"x","recent":["ab"]}`,
		"no hash":          `{"format":1,"collection":"x","recent":["` + strings.Repeat("zz", 32) + `"]}`,
		"far too much":     strings.Repeat(" ", stateBytes+1),
	} {
		path := filepath.Join(t.TempDir(), "state")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenState(path); err == nil {
			t.Errorf("%s was taken for a state", name)
		}
	}
	path := filepath.Join(t.TempDir(), "none", "state")
	s := newServer(t)
	fill(s, 1)
	c := ask(t, s.URL)
	var got []string
	_, err := c.Poll(t.Context(), find(t, c), Query{}, openState(t, path), collect(&got))
	mustSay(t, err, "writing the state")
}

func TestManyObjectsOfOneTimeAreNotAskedForEachTime(t *testing.T) {
	s := newServer(t)
	s.PageMost = 4000
	for i := range recentKeys + 500 {
		s.Put(fmt.Sprintf(`{"id":"a--%d"}`, i), start)
	}
	path := filepath.Join(t.TempDir(), "state")
	c := ask(t, s.URL)
	col := find(t, c)
	for _, want := range []Totals{{Pages: 3, Objects: recentKeys + 500}, {}} {
		sum, err := c.Poll(t.Context(), col, Query{}, openState(t, path), func(context.Context, *Page) error { return nil })
		if err != nil || sum != want {
			t.Fatalf("%+v, %v", sum, err)
		}
	}
}

func TestAServerThatTellsNoTimesIsReadAgainAndThatIsTold(t *testing.T) {
	s := newServer(t)
	fill(s, 3)
	s.NoDates = true
	c := ask(t, s.URL)
	var got []string
	if _, err := c.Poll(t.Context(), find(t, c), Query{}, openState(t, filepath.Join(t.TempDir(), "state")), collect(&got)); err != nil {
		t.Fatal(err)
	}
	if len(c.notices) != 1 || !strings.Contains(c.notices[0], "X-TAXII-Date-Added-Last") {
		t.Fatalf("noticed %q", c.notices)
	}
}

// TestWhateverHappensEachObjectComesOnce plays a server with any content and any
// faults against a reader that is interrupted anywhere.
func TestWhateverHappensEachObjectComesOnce(t *testing.T) {
	dir := t.TempDir()
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++
		s := taxiitest.New()
		defer s.Close()
		runs := rapid.IntRange(1, 4).Draw(r, "objects of one time at most")
		// With no next, a page must hold all objects of one time and one more; of
		// two times if added_after takes in that time itself.
		s.PageMost = rapid.IntRange(2*runs+1, 12).Draw(r, "objects on a page")
		s.NoNext, s.Inclusive = rapid.Bool().Draw(r, "no next"), rapid.Bool().Draw(r, "inclusive")
		number, at := 0, start
		put := func(most int) {
			for range rapid.IntRange(0, most).Draw(r, "times") {
				at = at.Add(time.Duration(rapid.IntRange(1, 3).Draw(r, "microseconds")) * time.Microsecond)
				for range rapid.IntRange(1, runs).Draw(r, "objects") {
					s.Put(object(number), at)
					number++
				}
			}
		}
		put(12)
		s.Before = func(w http.ResponseWriter, q *http.Request) bool {
			if !strings.HasSuffix(q.URL.Path, "/objects/") {
				return false
			}
			switch fault := rapid.SampledFrom([]string{"", "", "", "", "busy", "cut", "refused"}).Draw(r, "fault"); fault {
			case "busy":
				w.WriteHeader(http.StatusServiceUnavailable)
			case "cut":
				w.Header().Set("Content-Length", "100")
				fmt.Fprint(w, `{"objects":[`)
			case "refused":
				w.WriteHeader(http.StatusBadRequest)
			default:
				return false
			}
			return true
		}
		path := filepath.Join(dir, fmt.Sprint(round))
		c := ask(t, s.URL)
		col := find(t, c)
		limit := rapid.SampledFrom([]int{0, 2*runs + 1, 100}).Draw(r, "limit")
		var got []string
		stop := errors.New("stop")
		for tries := 0; ; tries++ {
			if tries > 300 {
				r.Fatal("there is no end")
			}
			_, err := c.Poll(t.Context(), col, Query{Limit: limit}, openState(t, path), func(ctx context.Context, p *Page) error {
				if rapid.IntRange(0, 3).Draw(r, "stop") == 0 {
					return stop
				}
				return collect(&got)(ctx, p)
			})
			if rapid.IntRange(0, 3).Draw(r, "restart") == 0 {
				s.ForgetNext()
			}
			if err == nil && number < 40 {
				put(3)
			}
			var refused *Error
			if err == nil && len(got) >= number {
				break
			} else if err != nil && !errors.Is(err, stop) && !errors.Is(err, ErrUnreachable) && !errors.As(err, &refused) {
				r.Fatal(err)
			}
		}
		slices.Sort(got)
		want := s.Raws()
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			r.Fatal(diff)
		}
	})
}
