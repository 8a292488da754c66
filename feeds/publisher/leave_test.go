package publisher

import (
	"context"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// site is a server of documents, with a validator of each.
type site struct {
	mu   sync.Mutex
	docs map[string]string
	*httptest.Server
}

func newSite(t *testing.T) *site {
	s := &site{docs: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		doc, ok := s.docs[strings.TrimPrefix(r.URL.Path, "/")]
		tag := fmt.Sprintf(`"%x"`, crc32.ChecksumIEEE([]byte(doc)))
		switch {
		case !ok:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.Header.Get("If-None-Match") == tag:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", tag)
			fmt.Fprint(w, doc)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) put(name, doc string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[name] = doc
}

// follower reads a feed of a site now and then.
type follower struct {
	t     *testing.T
	state string
	clock time.Time
	hub   *acceptor
}

func newFollower(t *testing.T) *follower {
	return &follower{t, t.TempDir(), time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC), newAcceptor()}
}

func (f *follower) open(feed string, o Options) *Publisher {
	f.t.Helper()
	o.Now = func() time.Time { return f.clock }
	p, err := Open(load(f.t, "namespace: cert.example\nstate: "+f.state+"\nfeeds:\n  f:\n"+feed), f.hub, o)
	must(f.t, err)
	return p
}

// read reads once, and fails if that does unless it may.
func (f *follower) read(feed string, o Options) (Result, Status) {
	f.t.Helper()
	p := f.open(feed, o)
	results, err := p.Once(f.t.Context())
	if err != nil && results[0].Error == "" {
		f.t.Fatal(err)
	}
	status, err := p.Status()
	must(f.t, err)
	must(f.t, p.Close())
	return results[0], status[0]
}

const event = "0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a11"

// events has a manifest of one event of these attributes.
func (s *site) events(timestamp int, attributes ...string) {
	s.put("manifest.json", fmt.Sprintf(`{%q:{"timestamp":"%d"}}`, event, timestamp))
	s.put(event+".json", fmt.Sprintf(`{"Event":{"uuid":%q,"info":"Invented","date":"2026-08-20","timestamp":"%d","Orgc":{"name":"CERT Example"},"Attribute":[%s]}}`,
		event, timestamp, strings.Join(attributes, ",")))
}

func attribute(n int, more string) string {
	return fmt.Sprintf(`{"uuid":"00000000-0000-4000-8000-%012d","type":"domain","to_ids":true,"value":"host%d.example","timestamp":"1787220001"%s}`, n, n, more)
}

func attributes(from, to int) (list []string) {
	for n := from; n < to; n++ {
		list = append(list, attribute(n, ""))
	}
	return list
}

func TestWhatIsDeletedInsideAMISPEventIsRevoked(t *testing.T) {
	t.Run("when its grace is over, though the event does not change again", func(t *testing.T) {
		s, f := newSite(t), newFollower(t)
		feed := "    format: misp-feed\n    url: " + s.URL + "/manifest.json\n    grace: 24h\n"
		s.events(1, attributes(0, 2)...)
		if r, _ := f.read(feed, Options{}); r.New != 3 {
			t.Fatalf("%+v", r)
		}
		s.events(2, attributes(0, 1)...)
		if r, _ := f.read(feed, Options{}); r.Revoked != 0 || r.Gone != 1 {
			t.Errorf("within the grace: %+v", r)
		}
		f.clock = f.clock.Add(25 * time.Hour)
		if r, _ := f.read(feed, Options{}); r.Revoked != 1 || r.Gone != 0 {
			t.Errorf("after the grace: %+v", r)
		}
		f.clock = f.clock.Add(25 * time.Hour)
		if r, _ := f.read(feed, Options{}); r.Revoked+r.New+r.Changed != 0 {
			t.Errorf("and after that: %+v", r)
		}
	})
	t.Run("though the reading failed after the event", func(t *testing.T) {
		s, f := newSite(t), newFollower(t)
		feed := "    format: misp-feed\n    url: " + s.URL + "/manifest.json\n    grace: 0s\n"
		s.events(1, attributes(0, 2)...)
		f.read(feed, Options{})
		s.events(2, attributes(0, 1)...)
		whole := s.docs["manifest.json"]
		missing := whole[:len(whole)-1]
		for n := range 5 {
			missing += fmt.Sprintf(`,"0b9ef4ec-6d25-4f1d-9c43-%012d":{"timestamp":"%d"}`, n, 10+n)
		}
		s.put("manifest.json", missing+"}")
		if r, _ := f.read(feed, Options{}); r.Error == "" || r.Revoked != 0 {
			t.Fatalf("five events cannot be had: %+v", r)
		}
		s.put("manifest.json", whole)
		if r, _ := f.read(feed, Options{}); r.Revoked != 1 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("when a person accepts that it is so much", func(t *testing.T) {
		s, f := newSite(t), newFollower(t)
		feed := "    format: misp-feed\n    url: " + s.URL + "/manifest.json\n    grace: 0s\n"
		s.events(1, attributes(0, 200)...)
		f.read(feed, Options{})
		s.events(2, attributes(0, 20)...)
		for range 2 {
			if r, _ := f.read(feed, Options{}); r.Revoked != 0 || r.Shrunk == nil || r.Shrunk.Left != 180 {
				t.Errorf("%+v", r)
			}
		}
		if r, _ := f.read(feed, Options{AcceptShrink: true}); r.Revoked != 180 {
			t.Errorf("accepted: %+v", r)
		}
	})
}

func TestAMISPEventThatComesBackUnchangedStands(t *testing.T) {
	for name, away := range map[string]time.Duration{"before its grace is over": time.Hour, "after it was revoked": 30 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s, f := newSite(t), newFollower(t)
			feed := "    format: misp-feed\n    url: " + s.URL + "/manifest.json\n"
			s.events(1, attributes(0, 2)...)
			other := `"0b9ef4ec-6d25-4f1d-9c43-2b7e1b6b6a12"`
			with := s.docs["manifest.json"]
			with = with[:len(with)-1] + "," + other + `:{"timestamp":"7"}}`
			s.put("manifest.json", with)
			s.put(strings.Trim(other, `"`)+".json", strings.ReplaceAll(s.docs[event+".json"], event, strings.Trim(other, `"`)))
			if r, _ := f.read(feed, Options{}); r.New != 6 {
				t.Fatalf("%+v", r)
			}
			s.put("manifest.json", "{"+other+`:{"timestamp":"7"}}`)
			f.read(feed, Options{})
			f.clock = f.clock.Add(away)
			if r, _ := f.read(feed, Options{}); (r.Revoked == 3) != (away > 24*time.Hour) {
				t.Fatalf("%+v", r)
			}
			s.put("manifest.json", with)
			want := map[bool]int{true: 3}[away > 24*time.Hour]
			if r, _ := f.read(feed, Options{}); r.New != want || r.Gone != 0 {
				t.Errorf("it is back: %+v", r)
			}
			f.clock = f.clock.Add(100 * time.Hour)
			if r, _ := f.read(feed, Options{}); r.Revoked+r.New+r.Gone != 0 {
				t.Errorf("it stays: %+v", r)
			}
		})
	}
}

func TestWhatItsSourceTakesBackIsRevoked(t *testing.T) {
	for name, now := range map[string]string{
		"it is not for detection any more":       `,"to_ids":false`,
		"it is for its own organization":         `,"distribution":"0"`,
		"it is under a TLP that does not exist":  `,"Tag":[{"name":"tlp:ex:chr"}]`,
		"it is about a person":                   `,"type":"target-user"`,
		"it is an address of a private network":  `,"type":"ip-dst","value":"10.0.0.1"`,
		"it is of a type that no pattern is for": `,"type":"yara"`,
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newSite(t), newFollower(t)
			feed := "    format: misp-feed\n    url: " + s.URL + "/manifest.json\n"
			s.events(1, attributes(0, 3)...)
			f.read(feed, Options{})
			changed := attribute(2, "")
			for field := range strings.SplitSeq(strings.TrimPrefix(now, ","), `,"`) {
				key, _, _ := strings.Cut(strings.Trim(field, `"`), `"`)
				from := strings.Index(changed, `"`+key+`":`)
				if from < 0 {
					changed = changed[:len(changed)-1] + now + "}"
					continue
				}
				to := from + strings.IndexAny(changed[from:], ",}")
				changed = changed[:from] + `"` + strings.TrimPrefix(field, `"`) + changed[to:]
			}
			s.events(2, attribute(0, ""), attribute(1, ""), changed)
			r, _ := f.read(feed, Options{})
			if r.Revoked != 1 {
				t.Errorf("%s: %+v", changed, r)
			}
			// And what cannot be read takes nothing back.
			s.events(3, attribute(0, ""), strings.Replace(attribute(1, ""), "host1.example", "no domain", 1), changed)
			if r, _ := f.read(feed, Options{}); r.Revoked != 0 {
				t.Errorf("unreadable: %+v", r)
			}
		})
	}
}

func TestAnN6EventThatBecomesInternalIsRevoked(t *testing.T) {
	s, f := newSite(t), newFollower(t)
	feed := "    format: n6\n    url: " + s.URL + "/n6.json\n"
	line := `{"id":"0123456789abcdef0123456789abcdef","category":"cnc","restriction":"public","time":"2026-08-20 10:00:00","fqdn":"a.example"}` + "\n"
	s.put("n6.json", line)
	if r, _ := f.read(feed, Options{}); r.New != 1 {
		t.Fatalf("%+v", r)
	}
	s.put("n6.json", strings.Replace(line, "public", "internal", 1))
	if r, _ := f.read(feed, Options{}); r.Revoked != 1 {
		t.Errorf("%+v", r)
	}
}

func TestTheSameListTwiceMakesNothing(t *testing.T) {
	threatfox := `# "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","fk_malware","malware_alias","malware_printable"` + "\n"
	families := []string{
		`"2026-08-20 10:00:00", "1", "a.example", "domain", "botnet_cc", "win.invented", "Alpha", "Invented"` + "\n",
		`"2026-08-20 10:00:00", "2", "b.example", "domain", "botnet_cc", "win.invented", "Beta,Gamma", "Invented"` + "\n",
		`"2026-08-20 10:00:00", "3", "c.example", "domain", "botnet_cc", "win.invented", "None", "Invented"` + "\n",
	}
	turned := slices.Clone(families)
	slices.Reverse(turned)
	for _, c := range []struct{ name, feed, first, second string }{
		{"with one key twice and other words beside it", "format: sslbl-ip",
			"# Firstseen,DstIP,DstPort\n2026-08-20 10:00:00,192.0.2.1,443\n2026-08-21 10:00:00,192.0.2.1,443\n", ""},
		{"with one key twice, of which the first is not to be shared", "format: csv\n    mapping: {columns: {value: v, key: k}}",
			"k,v\n1,10.0.0.1\n1,192.0.2.1\n2,192.0.2.2\n", ""},
		{"with one key twice, of which the first cannot be read", "format: csv\n    mapping: {columns: {value: v, key: k}}",
			"k,v\n1,?\n1,192.0.2.1\n2,192.0.2.2\n", ""},
		{"in another order, of rows that disagree on their family", "format: threatfox", threatfox + strings.Join(families, ""), threatfox + strings.Join(turned, "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, f := newSite(t), newFollower(t)
			feed := "    " + c.feed + "\n    url: " + s.URL + "/list\n    grace: 0s\n"
			s.put("list", c.first)
			if r, _ := f.read(feed, Options{}); r.New == 0 {
				t.Fatalf("%+v", r)
			}
			for i := range 4 {
				s.put("list", c.first)
				if i%2 == 0 && c.second != "" {
					s.put("list", c.second)
				}
				f.clock = f.clock.Add(time.Hour)
				p := f.open(feed, Options{AcceptShrink: true}) // which asks for all of it
				results, err := p.Once(t.Context())
				must(t, err)
				must(t, p.Close())
				if r := results[0]; r.New+r.Changed+r.Revoked != 0 {
					t.Errorf("reading %d: %+v", i, r)
				}
			}
		})
	}
}

func TestASharedObjectFollowsWhatRowsSayOnceNoneSaysWhatItWas(t *testing.T) {
	s, f := newSite(t), newFollower(t)
	feed := "    format: threatfox\n    url: " + s.URL + "/list\n"
	list := `# "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","fk_malware","malware_alias","malware_printable"` + "\n" +
		`"2026-08-20 10:00:00", "1", "a.example", "domain", "botnet_cc", "win.invented", "Alpha", "Invented"` + "\n"
	s.put("list", list)
	f.read(feed, Options{})
	s.put("list", strings.Replace(list, "Alpha", "Omega", 1))
	f.clock = f.clock.Add(time.Hour)
	if r, _ := f.read(feed, Options{AcceptShrink: true}); r.Changed != 1 || r.Sent.Accepted != 1 {
		t.Errorf("%+v", r)
	}
	if r, _ := f.read(feed, Options{AcceptShrink: true}); r.Changed != 0 {
		t.Errorf("again: %+v", r)
	}
}

func TestNothingIsConcludedFromWhatIsNoList(t *testing.T) {
	list := ""
	for n := range 60 {
		list += fmt.Sprintf("host%d.example\n", n)
	}
	for name, instead := range map[string]string{
		"nothing at all":       "",
		"remarks alone":        "# this list has moved\n",
		"a login page":         "<!DOCTYPE html>\n<html><body>\nPlease log in\n</body></html>\n",
		"a page of another":    "<?xml version='1.0'?>\n<page>\nhost1.example\nPlease log in\n</page>\n",
		"what it does not say": "{\"error\": \"quota exceeded\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newSite(t), newFollower(t)
			feed := "    format: list\n    url: " + s.URL + "/list.txt\n    grace: 0s\n"
			s.put("list.txt", list)
			f.read(feed, Options{})
			s.put("list.txt", instead)
			r, status := f.read(feed, Options{})
			if r.Revoked != 0 || status.State.Shrunk == nil && status.State.Reason == "" {
				t.Errorf("%+v, %+v", r, status)
			}
			if status.State.Shrunk != nil {
				if r, status = f.read(feed, Options{AcceptShrink: true}); r.Revoked == 0 || status.State.Shrunk != nil {
					t.Errorf("accepted: %+v, %+v", r, status)
				}
			}
		})
	}
}

func TestAFileThatShrankTooMuchIsReadAgainWhenThatIsAccepted(t *testing.T) {
	f, dir := newFollower(t), t.TempDir()
	feed := "    format: list\n    whole: true\n    folder: " + dir + "\n    grace: 0s\n"
	writeTo(t, dir+"/1.txt", "a.example\nb.example\n")
	f.read(feed, Options{Wait: noWait})
	must(t, os.Remove(dir+"/1.txt"))
	writeTo(t, dir+"/2.txt", "# nothing\n")
	if r, status := f.read(feed, Options{Wait: noWait}); r.Revoked != 0 || status.State.Shrunk == nil {
		t.Errorf("%+v, %+v", r, status)
	}
	if r, status := f.read(feed, Options{Wait: noWait, AcceptShrink: true}); r.Revoked != 2 || status.State.Shrunk != nil {
		t.Errorf("accepted: %+v, %+v", r, status)
	}
}

func TestAListThatIsWholeHasADayOfGrace(t *testing.T) {
	s, f := newSite(t), newFollower(t)
	feed := "    format: list\n    url: " + s.URL + "/list.txt\n"
	s.put("list.txt", "a.example\nb.example\n")
	f.read(feed, Options{})
	s.put("list.txt", "a.example\n")
	f.read(feed, Options{})
	f.clock = f.clock.Add(23 * time.Hour)
	if r, _ := f.read(feed, Options{}); r.Revoked != 0 {
		t.Errorf("%+v", r)
	}
	f.clock = f.clock.Add(2 * time.Hour)
	if r, _ := f.read(feed, Options{}); r.Revoked != 1 {
		t.Errorf("%+v", r)
	}
}

func TestAnotherConfigurationReadsEverythingAnew(t *testing.T) {
	s, f := newSite(t), newFollower(t)
	s.put("list.txt", "a.example\nb.example\n")
	s.events(1, attributes(0, 2)...)
	for _, feed := range []string{
		"    format: list\n    url: " + s.URL + "/list.txt\n",
		"    format: misp-feed\n    url: " + s.URL + "/manifest.json\n",
	} {
		f := newFollower(t)
		first, _ := f.read(feed+"    tlp: green\n", Options{})
		if r, _ := f.read(feed+"    tlp: green\n", Options{}); r.New+r.Changed != 0 {
			t.Errorf("%s: %+v", feed, r)
		}
		f.clock = f.clock.Add(time.Hour)
		if r, _ := f.read(feed+"    tlp: amber\n", Options{}); r.Changed != first.New || r.NotModified {
			t.Errorf("%s: stricter, and it reads %+v", feed, r)
		}
	}
	dir := t.TempDir()
	writeTo(t, dir+"/a.txt", "a.example\n")
	feed := "    format: list\n    folder: " + dir + "\n"
	f.read(feed+"    tlp: green\n", Options{Wait: noWait})
	if r, _ := f.read(feed+"    tlp: amber\n", Options{Wait: noWait}); r.Changed != 1 {
		t.Errorf("of a folder: %+v", r)
	}
}

func TestWhatLeftAListDoesNotComeBackWithItsOldFiles(t *testing.T) {
	f, dir := newFollower(t), t.TempDir()
	feed := "    format: list\n    whole: true\n    folder: " + dir + "\n    grace: 0s\n"
	writeTo(t, dir+"/1.txt", "gone.example\nstays.example\n")
	f.read(feed+"    tlp: green\n", Options{Wait: noWait})
	writeTo(t, dir+"/2.txt", "stays.example\n")
	at := time.Now().Add(time.Minute) // files are read in the order of their times
	must(t, os.Chtimes(dir+"/2.txt", at, at))
	if r, _ := f.read(feed+"    tlp: green\n", Options{Wait: noWait}); r.Revoked != 1 {
		t.Fatalf("%+v", r)
	}
	f.clock = f.clock.Add(time.Hour)
	if r, _ := f.read(feed+"    tlp: amber\n", Options{Wait: noWait}); r.New != 0 || r.Changed != 1 || r.Revoked != 0 {
		t.Errorf("made another way: %+v", r)
	}
}

func TestEveryAttemptThatFailsIsToldAndDoesNotLastLongerThanItIs(t *testing.T) {
	s, f := newSite(t), newFollower(t)
	feed := "    format: list\n    url: " + s.URL + "/list.txt\n"
	if r, status := f.read(feed, Options{}); r.Error == "" || status.State.Failure.IsZero() || !strings.Contains(status.State.Reason, "503") {
		t.Errorf("%+v, %+v", r, status)
	}
	s.put("list.txt", "a.example\n")
	for range 2 { // read, and not changed
		if r, status := f.read(feed, Options{}); r.Error != "" || !status.State.Failure.IsZero() || status.State.Success.IsZero() {
			t.Errorf("%+v, %+v", r, status)
		}
	}
}

func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func writeTo(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(name, []byte(text), 0o600))
}

func TestWhatIsListedHasNotEndedBecauseItWasPutOnTheListLongAgo(t *testing.T) {
	sslbl := "# Firstseen,DstIP,DstPort\n2020-08-20 10:00:00,192.0.2.1,443\n"
	feodo := "# first_seen_utc,dst_ip,dst_port,last_online\n2020-08-20 10:00:00,192.0.2.1,443,2020-09-01\n# END 1 entries\n"
	for _, c := range []struct {
		name, feed, list string
		ends             bool
	}{
		{"its list is whole and says only when it was put on it", "format: sslbl-ip", sslbl, false},
		{"its list is whole and says when it was seen last", "format: feodo", feodo, true},
		{"its list is one of events", "format: sslbl-ip\n    whole: false", sslbl, true},
		{"it is of a MISP event", "format: misp\n    whole: true", `{"Event":{"uuid":"` + event + `","info":"x","timestamp":"1","Attribute":[` + attribute(1, "") + `]}}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writeTo(t, dir+"/list", c.list)
			trials, err := Try(t.Context(), load(t, "namespace: cert.example\nfeeds:\n  f:\n    file: "+dir+"/list\n    "+c.feed+"\n"))
			if err != nil || len(trials[0].Objects) == 0 {
				t.Fatalf("%+v, %v", trials, err)
			}
			if ends := strings.Contains(string(trials[0].Objects[0]), `"valid_until"`); ends != c.ends {
				t.Errorf("%s", trials[0].Objects[0])
			}
		})
	}
}
