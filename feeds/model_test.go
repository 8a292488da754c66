package feeds_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix"
)

// What must come of a history, as naive as can be: of each feed the lists that were
// read, of each row the objects that it became one after another, of each of them
// its versions, and what was recalled.

// feed is one feed, and what its readings made of it.
type feed struct {
	name  string
	base  stix.Level
	whole bool // otherwise its rows are events
	grace time.Duration
	// list is what its file says now, by row.
	list map[int]entry
	rows map[int]*row
}

// entry is a row as a list has it.
type entry struct {
	content
	delisted bool // of events: it is taken back
}

// content is what changes of a row.
type content struct {
	confidence string
	level      stix.Level // of the row; the object's is no less strict than its feed's
	until      time.Time  // zero is for ever
}

// row is what became of a row so far.
type row struct {
	seen  bool // in the list since it left for good
	left  time.Time
	lives []*life
}

// life is one object: a row that comes back after it was revoked gets another.
type life struct {
	feed     string
	key      int
	created  time.Time
	versions []version
	recalled bool // all of it
	known    int  // so many versions there may have been when it was recalled
}

type version struct {
	content
	modified time.Time
	revoked  bool
	// gone from the hub: a later version is stricter, or it was recalled itself.
	gone, recalled bool
}

// value is what a row names. Feeds name the same ones.
func value(key int) string { return fmt.Sprintf("v%d.example", key) }

// family is the malware family that some rows name.
func family(key int) string { return []string{"", "Alpha", "Beta"}[key%3] }

var words = []string{"low", "medium", "high"}

func (l *life) last() *version { return &l.versions[len(l.versions)-1] }

// live is the object that a row is now, nil if it is none.
func (r *row) live() *life {
	if len(r.lives) == 0 || r.lives[len(r.lives)-1].last().revoked {
		return nil
	}
	return r.lives[len(r.lives)-1]
}

// told tells whether an event says what it said before it was taken back: then it did
// not come back, but is read again.
func (r *row) told(c content) bool {
	if len(r.lives) == 0 {
		return false
	}
	l := r.lives[len(r.lives)-1]
	return l.last().revoked && l.last().content == c && c.valid(l.created)
}

// add makes a version, which takes earlier ones away that are less strict.
func (l *life) add(v version, now time.Time) {
	v.modified = now
	if n := len(l.versions); n > 0 && !now.After(l.last().modified) {
		v.modified = l.last().modified.Add(time.Millisecond)
	}
	for i := range l.versions {
		if l.versions[i].level < v.level {
			l.versions[i].gone = true
		}
	}
	l.versions = append(l.versions, v)
}

func (l *life) revoke(now time.Time) { l.add(version{content: l.last().content, revoked: true}, now) }

// valid tells whether an indicator that is made then does not end before it begins.
func (c content) valid(created time.Time) bool { return c.until.IsZero() || c.until.After(created) }

// read is a reading of the list to its end.
func (f *feed) read(now time.Time) {
	given := 0
	for key, e := range f.list {
		r := f.rows[key]
		if r == nil {
			r = &row{}
			f.rows[key] = r
		}
		l := r.live()
		if e.delisted {
			if l != nil {
				l.revoke(now)
			}
			continue
		}
		r.seen, r.left = true, time.Time{}
		e.level = max(e.level, f.base)
		if !f.whole && r.told(e.content) {
			continue
		}
		created := now
		if l != nil {
			created = l.created
		}
		if !e.valid(created) {
			continue
		}
		given++
		switch {
		case l == nil:
			l = &life{feed: f.name, key: key, created: now}
			l.add(version{content: e.content}, now)
			r.lives = append(r.lives, l)
		case l.last().content != e.content:
			l.add(version{content: e.content}, now)
		}
	}
	if f.whole {
		f.leave(given, now)
	}
}

// leave is what follows from rows that a list has no more: nothing, where it gives
// no row or can mostly not be read, and so may be no list at all.
func (f *feed) leave(given int, now time.Time) {
	live, gone := 0, map[int]*row{}
	for key, r := range f.rows {
		if _, there := f.list[key]; r.seen && !there {
			gone[key] = r
		}
		if r.seen && r.left.IsZero() {
			live++
		}
	}
	if unread := len(f.list) - given; live > 0 && (given == 0 || 2*unread > len(f.list)) {
		return
	}
	for _, r := range gone {
		if r.left.IsZero() {
			r.left = now
		}
		if now.Sub(r.left) < f.grace {
			continue
		}
		if r.seen = false; r.live() != nil {
			r.live().revoke(now)
		}
	}
}

// write makes the feed's file say what its list says.
func (f *feed) write(dir string) error {
	var b bytes.Buffer
	if f.whole {
		b.WriteString("value,key,confidence,tlp,until,malware\n")
	}
	for _, key := range slices.Sorted(maps.Keys(f.list)) {
		e := f.list[key]
		until := ""
		if !e.until.IsZero() {
			until = e.until.Format(time.RFC3339)
		}
		malware := family(key)
		if f.name == stray {
			malware = ""
		}
		if f.whole {
			fmt.Fprintf(&b, "%s,k%d,%s,%s,%s,%s\n", value(key), key, e.confidence, e.level, until, malware)
			continue
		}
		event := map[string]string{"id": fmt.Sprint(key), "type": "bl-new", "category": "malurl", "restriction": "public", "confidence": e.confidence, "fqdn": value(key), "name": malware, "expires": until}
		if e.level == stix.Amber {
			event["restriction"] = "need-to-know"
		}
		if e.delisted {
			event = map[string]string{"id": fmt.Sprint(key), "type": "bl-delist"}
		}
		line, err := json.Marshal(event)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	file := filepath.Join(dir, f.name)
	if err := os.WriteFile(file+".new", b.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// name tells a life among all.
func (l *life) name() string { return lifeName(l.feed, value(l.key), l.created) }

func lifeName(feed, value string, created time.Time) string {
	return feed + " " + value + " " + created.UTC().Format(time.RFC3339)
}

func (v version) String() string {
	until := ""
	if !v.until.IsZero() {
		until = v.until.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s %s until=%s revoked=%t", v.confidence, v.level, until, v.revoked)
}

// held are the versions that whoever may hold up to a level holds.
func (l *life) held(ceiling stix.Level) (out []version) {
	if l.recalled {
		return nil
	}
	for _, v := range l.versions {
		if !v.gone && !v.recalled && v.level <= ceiling {
			out = append(out, v)
		}
	}
	return out
}

// shown tells what a sink of an exposure says of an object, if anything.
func (l *life) shown(ceiling stix.Level, e policy.Exposure, now time.Time) (version, bool) {
	held := l.held(ceiling)
	if len(held) == 0 {
		return version{}, false
	}
	v := held[len(held)-1]
	may := map[stix.Level][]policy.Exposure{
		stix.Clear: policy.Exposures, stix.Green: policy.Exposures[:3], stix.Amber: policy.Exposures[:2], stix.AmberStrict: policy.Exposures[:1],
	}
	return v, slices.Contains(may[v.level], e) && !v.revoked && (v.until.IsZero() || v.until.After(now)) && !l.created.After(now)
}

// indicator is one as it was published, read back.
type indicator struct {
	ID          string    `json:"id"`
	Created     time.Time `json:"created"`
	Modified    time.Time `json:"modified"`
	Description string    `json:"description"`
	Pattern     string    `json:"pattern"`
	Confidence  int       `json:"confidence"`
	Until       time.Time `json:"valid_until"`
	Revoked     bool      `json:"revoked"`
	Markings    []string  `json:"object_marking_refs"`
}

func readIndicator(raw []byte) (i indicator, err error) {
	err = json.Unmarshal(raw, &i)
	return i, err
}

// life names the life that it is of.
func (i *indicator) life() string {
	_, after, _ := strings.Cut(i.Pattern, "'")
	named, _, _ := strings.Cut(after, "'")
	return lifeName(strings.TrimPrefix(i.Description, "Listed by "), named, i.Created.Truncate(time.Second))
}

// version is what it says, in the words of a list.
func (i *indicator) version() version {
	v := version{content: content{until: i.Until}, revoked: i.Revoked}
	for _, w := range words {
		if *build.LowMedHigh(w) == i.Confidence {
			v.confidence = w
		}
	}
	for _, level := range stix.Levels {
		if slices.Contains(i.Markings, level.MarkingID()) {
			v.level = level
		}
	}
	return v
}

// tableLine is a row of a table, as far as this test looks at it.
func tableLine(value string, v version) string {
	until := ""
	if !v.until.IsZero() {
		until = v.until.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("%s %s %d %s %s", value, v.level, *build.LowMedHigh(v.confidence), v.modified.UTC().Format("2006-01-02T15:04:05.000Z"), until)
}

// shownIn reads a file that a sink wrote: sorted lines, as the history has them.
func shownIn(path string) (out []string, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	switch filepath.Ext(path) {
	case ".txt":
		out = strings.Fields(string(b))
	case ".json":
		var bundle struct{ Objects []indicator }
		if err := json.Unmarshal(b, &bundle); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, i := range bundle.Objects {
			out = append(out, i.life()+" "+i.version().String())
		}
	case ".csv":
		rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		at := map[string]int{}
		for i, name := range rows[0] {
			at[name] = i
		}
		for _, r := range rows[1:] {
			out = append(out, fmt.Sprintf("%s %s %s %s %s", r[at["value"]], r[at["tlp"]], r[at["confidence"]], r[at["version"]], r[at["valid_until"]]))
		}
	}
	slices.Sort(out)
	return out, nil
}
