package sink

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/selat-hub/selat/feeds/misp"
	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/pattern"
)

// MISPFeed is a folder that any web server can serve to MISP as a feed:
// manifest.json, hashes.csv and an event for each origin, TLP and month in which
// the hub stored the indicators.
//
// An indicator is written where an attribute says just what its pattern says (see
// package misp), spelled as the pattern spells it; of others the count says
// unsupported-pattern. MISP keeps no end of
// validity: the comment says it.
//
// Readers fetch the events whose timestamps have grown. So one that is as it was
// keeps its own; one that changed has the time when the hub stored the newest of
// its indicators or, where that is not later than before, since an indicator left,
// the time of the change.
type MISPFeed struct {
	// Allow is never written.
	Allow *Allow
	// Before is the folder that the new one takes the place of; empty, or one that
	// is not there, is none.
	Before string
}

// mispSpace is the namespace of the uuids of events, attributes and organizations.
var mispSpace = uuid.MustParse("6f3b9c52-0f4f-4a53-9a0b-6f1d6ad4c7f1")

func mispUUID(parts ...string) misp.Text {
	return misp.Text(uuid.NewSHA1(mispSpace, []byte(strings.Join(parts, "\x00"))).String())
}

// listing is what is written of an indicator.
type listing struct {
	Pattern     string   `json:"pattern"`
	PatternType string   `json:"pattern_type"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Labels      []string `json:"labels"`
	Modified    string   `json:"modified"`
	Confidence  *int     `json:"confidence"`
}

// readIndicator reads an entry's indicator; skipped says why it is none.
func readIndicator(e *Entry) (i listing, skipped string) {
	switch {
	case e.Type != "indicator":
		return i, NoVerdict
	case json.Unmarshal(e.Object, &i) != nil:
		return i, Unreadable
	case i.PatternType != "stix":
		return i, OtherLanguage
	}
	return i, ""
}

// Render writes the feed.
func (f MISPFeed) Render(ctx context.Context, dir string, entries iter.Seq[Entry], now time.Time) (Count, error) {
	w, err := newMISPFolder(dir, f.Before, now)
	if err != nil {
		return Count{}, err
	}
	count := Count{Skipped: map[string]int{}}
	for e := range entries {
		if err = ctx.Err(); err != nil {
			break
		}
		count.Entries++
		i, skipped := readIndicator(&e)
		var a misp.Attribute
		if skipped == "" {
			var ok bool
			if a, ok = misp.FromPattern(i.Pattern); !ok {
				skipped = UnsupportedPattern
			} else {
				skipped = withheldAttribute(i.Pattern, f.Allow)
			}
		}
		if skipped != "" {
			count.Skipped[skipped]++
			continue
		}
		if err = w.add(&e, fill(a, &e, &i)); err != nil {
			break
		}
		count.Written++
		count.Lines++
	}
	return count, w.close(err)
}

// withheldAttribute says why the attribute that says a pattern is not written: for
// any value that it names, though AND joins it with others, since MISP's readers
// look for each.
func withheldAttribute(source string, allow *Allow) string {
	p, err := pattern.Parse(source)
	if err != nil {
		return Unreadable
	}
	var reasons []string
	for _, o := range pattern.Values(p) {
		if why := withheld(value{kind: o.Kind, text: o.Canonical}, allow); why != "" {
			reasons = append(reasons, why)
		}
	}
	if len(reasons) == 0 {
		return ""
	}
	return worst(reasons)
}

// fill completes an attribute with what is known of its indicator.
func fill(a misp.Attribute, e *Entry, i *listing) misp.Attribute {
	a.UUID = mispUUID("attribute", e.Origin, e.ID)
	if modified, err := time.Parse(time.RFC3339, i.Modified); err == nil {
		a.Timestamp = misp.Number(modified.Unix())
	}
	a.FirstSeen = misp.Time{Time: e.ValidFrom}
	comment := i.Description
	if comment == "" {
		comment = i.Name
	}
	if !e.ValidUntil.IsZero() {
		comment = strings.TrimSpace(comment + " Valid until " + e.ValidUntil.UTC().Format("2006-01-02T15:04:05.999Z") + ".")
	}
	a.Comment = misp.Text(comment)
	a.Tags = []misp.Tag{{Name: misp.LevelTag(e.Level)}}
	if i.Confidence != nil {
		a.Tags = append(a.Tags, misp.Tag{Name: misp.ConfidenceTag(*i.Confidence)})
	}
	for _, l := range i.Labels {
		a.Tags = append(a.Tags, misp.Tag{Name: misp.Text(l)})
	}
	return a
}

// mispFolder writes the files. It keeps the events of one origin at a time, since
// entries come sorted by origin.
type mispFolder struct {
	dir      string
	before   string
	now      time.Time
	origin   string
	events   map[string]*misp.Event
	manifest map[string]misp.Entry
	hashes   *os.File
	lines    *bufio.Writer
}

func newMISPFolder(dir, before string, now time.Time) (*mispFolder, error) {
	f, err := os.Create(filepath.Join(dir, "hashes.csv"))
	if err != nil {
		return nil, err
	}
	return &mispFolder{dir: dir, before: before, now: now, events: map[string]*misp.Event{}, manifest: map[string]misp.Entry{}, hashes: f, lines: bufio.NewWriter(f)}, nil
}

func (f *mispFolder) add(e *Entry, a misp.Attribute) error {
	if e.Origin != f.origin {
		if err := f.flush(); err != nil {
			return err
		}
		f.origin = e.Origin
	}
	month := e.Added.UTC().Format("2006-01")
	key := e.Level.String() + " " + month
	event := f.events[key]
	if event == nil {
		event = f.event(e.Origin, e.Level, month)
		f.events[key] = event
	}
	event.Attributes = append(event.Attributes, misp.Element[misp.Attribute]{Value: a})
	event.Timestamp = max(event.Timestamp, misp.Number(e.Added.Unix()))
	values := []string{string(a.Value)}
	if strings.Contains(string(a.Type), "|") {
		values = strings.SplitN(values[0], "|", 2)
	}
	for _, v := range values {
		sum := md5.Sum([]byte(v)) // what MISP looks values up by
		fmt.Fprintf(f.lines, "%s,%s\n", hex.EncodeToString(sum[:]), event.UUID)
	}
	return nil
}

func (f *mispFolder) event(origin string, level stix.Level, month string) *misp.Event {
	return &misp.Event{
		UUID: mispUUID("event", origin, level.String(), month),
		Info: misp.Text("Indicators of " + origin + ", " + month + ", TLP:" + strings.ToUpper(strings.TrimPrefix(string(misp.LevelTag(level)), "tlp:"))),
		Date: misp.Text(month + "-01"), ThreatLevel: 4, Analysis: 2, Published: true,
		Orgc: misp.Org{Name: misp.Text(origin), UUID: mispUUID("organization", origin)},
		Tags: []misp.Tag{{Name: misp.LevelTag(level)}},
	}
}

// flush writes the events of the origin that is done.
func (f *mispFolder) flush() error {
	for _, e := range f.events {
		slices.SortFunc(e.Attributes, func(a, b misp.Element[misp.Attribute]) int {
			return strings.Compare(string(a.Value.UUID), string(b.Value.UUID))
		})
		name := string(e.UUID) + ".json"
		raw, err := f.stamp(name, e)
		if err == nil {
			err = os.WriteFile(filepath.Join(f.dir, name), raw, 0o644)
		}
		if err != nil {
			return err
		}
		f.manifest[string(e.UUID)] = misp.Entry{Info: e.Info, Date: e.Date, ThreatLevel: e.ThreatLevel, Analysis: e.Analysis,
			Timestamp: e.Timestamp, Orgc: e.Orgc, Tags: e.Tags}
	}
	clear(f.events)
	return nil
}

// stamp gives an event its timestamps, and returns its file. What cannot be read of
// the one before is as if there were none: then it is fetched once too often.
func (f *mispFolder) stamp(name string, e *misp.Event) ([]byte, error) {
	newest := e.Timestamp
	e.PublishedAt = newest
	var was struct {
		Event struct {
			Timestamp   misp.Number `json:"timestamp"`
			PublishedAt misp.Number `json:"publish_timestamp"`
		} `json:"Event"`
	}
	var before []byte
	if f.before != "" {
		before, _ = os.ReadFile(filepath.Join(f.before, name))
	}
	if before == nil || json.Unmarshal(before, &was) != nil {
		return mispFile(name, map[string]*misp.Event{"Event": e})
	}
	e.Timestamp, e.PublishedAt = was.Event.Timestamp, was.Event.PublishedAt
	raw, err := mispFile(name, map[string]*misp.Event{"Event": e})
	if err != nil || bytes.Equal(raw, before) {
		return raw, err
	}
	if newest <= was.Event.Timestamp {
		newest = max(misp.Number(f.now.Unix()), was.Event.Timestamp+1)
	}
	e.Timestamp, e.PublishedAt = newest, newest
	return mispFile(name, map[string]*misp.Event{"Event": e})
}

func mispFile(name string, v any) ([]byte, error) {
	raw, err := json.Marshal(v, json.Deterministic(true), jsontext.WithIndent(" "))
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", name, err)
	}
	return append(raw, '\n'), nil
}

func (f *mispFolder) close(err error) error {
	if err == nil {
		err = f.flush()
	}
	if err == nil {
		var raw []byte
		if raw, err = mispFile("manifest.json", f.manifest); err == nil {
			err = os.WriteFile(filepath.Join(f.dir, "manifest.json"), raw, 0o644)
		}
	}
	if flushed := f.lines.Flush(); err == nil {
		err = flushed
	}
	if closed := f.hashes.Close(); err == nil {
		err = closed
	}
	return err
}
