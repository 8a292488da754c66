package source

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/misp"
	"github.com/selat-hub/selat/stix"
)

// Codes of what MISP alone says of its entries.
const (
	// notForDetection: to_ids is false.
	notForDetection = "to-ids-false"
	// notShared: its distribution is its own organization or a sharing group,
	// whose members nobody here knows.
	notShared = "distribution"
	// emptyEvent: nothing was made of an event, or of an object.
	emptyEvent, emptyObject = "empty-event", "empty-object"
)

// eventReader makes rows of one event.
type eventReader struct {
	*build.Maker
	event    *misp.Event
	uuid     string
	position string
	said     misp.Said
	emit     func(Row) error
	objects  []string        // ids of what was made, each once
	made     map[string]bool // the same
	seen     map[string]bool // keys
}

// readMISPEvent emits an event's rows. The event's uuid was checked before.
func readMISPEvent(m *build.Maker, e *misp.Event, position string, emit func(Row) error) error {
	uuid, _ := misp.UUID(e.UUID)
	r := eventReader{Maker: m, event: e, uuid: uuid, position: position, said: misp.ReadTags(e.Tags), emit: emit, made: map[string]bool{}, seen: map[string]bool{}}
	for i := range e.Attributes {
		if err := r.attribute(&e.Attributes[i], position+"/Attribute/"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	for i := range e.Objects {
		if err := r.object(&e.Objects[i], position+"/Object/"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	row := r.report()
	row.Key, row.Revision = r.uuid+"/", int64(e.Timestamp)
	return emit(row.at(position))
}

// tell emits a row and remembers what was made, for the report.
func (r *eventReader) tell(row Row, key, position string) error {
	row.Key = r.uuid + "/" + key
	if r.seen[row.Key] {
		row = refuse(row.Key, build.Duplicate, "the event has this uuid twice")
	}
	r.seen[row.Key] = true
	for _, d := range row.Objects {
		r.list(d)
	}
	return r.emit(row.at(position))
}

func (r *eventReader) list(d Draft) {
	if !r.made[d.ID] {
		r.made[d.ID] = true
		r.objects = append(r.objects, d.ID)
	}
}

// stand says what keeps an entry from being read, nil if nothing does.
func (r *eventReader) stand(uuid misp.Text, distribution *misp.Number, deleted misp.Flag) (key string, row *Row) {
	key, ok := misp.UUID(uuid)
	switch {
	case !ok:
		row := refuse("", build.InvalidRow, "the uuid is none")
		return "", &row
	case bool(deleted) || bool(r.event.Deleted):
		return key, &Row{Withdrawn: true}
	case private(distribution) || private(r.event.Distribution):
		return key, &Row{Skipped: notShared}
	case r.said.Unknown:
		row := unknownTLP("")
		return key, &row
	}
	return key, nil
}

// private tells of a distribution to one's own organization or to a sharing group.
func private(distribution *misp.Number) bool {
	return distribution != nil && (*distribution == 0 || *distribution == 4)
}

func (r *eventReader) attribute(e *misp.Element[misp.Attribute], position string) error {
	a := &e.Value
	if e.Err != nil {
		return r.tell(refuse("", build.InvalidRow, e.Err.Error()), position, position)
	}
	key, row := r.stand(a.UUID, a.Distribution, a.Deleted)
	if key == "" {
		key = position
	}
	if row == nil {
		made := r.read(a, key)
		row = &made
	}
	return r.tell(*row, key, position)
}

func (r *eventReader) read(a *misp.Attribute, key string) Row {
	said := misp.ReadTags(r.event.Tags, a.Tags)
	switch {
	case said.Unknown:
		return unknownTLP("")
	case a.Personal():
		return refuse("", build.PersonalData, "the attribute is about a person, an account or who was attacked")
	case a.Type == "vulnerability":
		return r.vulnerability(a, said.Level)
	case !bool(a.ToIDS):
		return Row{Skipped: notForDetection}
	}
	asked, refused := a.Ask()
	if refused != nil {
		return Row{Refused: refused}
	}
	return r.indicator(entryOf{key, asked.Pattern(), asked.Title, a.Comment, a.Timestamp, a.FirstSeen, a.LastSeen,
		a.Tags, misp.Named(a.Galaxies)})
}

var cve = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}$`)

func (r *eventReader) vulnerability(a *misp.Attribute, level stix.Level) Row {
	id := strings.ToUpper(strings.TrimSpace(string(a.Value)))
	if !cve.MatchString(id) {
		return refuse("", build.InvalidValue, "a vulnerability is named by its CVE id")
	}
	key := id
	if level = r.Strictest(level); level != r.Level {
		key += " " + level.String()
	}
	return Row{Objects: []Draft{r.Maker.Vulnerability(build.Vulnerability{Name: id, Common: build.Common{Key: key, Level: level, Shared: true,
		References: []build.Reference{{Source: "cve", ID: id}}}})}}
}

// entryOf is what attributes and objects alike say of an indicator.
type entryOf struct {
	key, pattern, title string
	comment             misp.Text
	timestamp           misp.Number
	first, last         misp.Time
	tags                []misp.Tag
	clusters            []misp.NamedCluster
}

// validUntil is how a comment ends that says until when an indicator holds, for
// which MISP has no field. Package sink writes it.
var validUntil = regexp.MustCompile(`(?:^|\s)Valid until ([0-9T:.-]+Z)\.$`)

func (r *eventReader) indicator(e entryOf) Row {
	said := misp.ReadTags(r.event.Tags, e.tags)
	own := misp.ReadTags(e.tags)
	i := build.Indicator{
		Pattern: e.pattern, Name: e.title, Description: string(e.comment), Types: []string{"malicious-activity"},
		ValidFrom: e.first.Time, Seen: e.last.Time,
		Common: build.Common{Key: r.uuid + "/" + e.key, Modified: e.timestamp.Moment(), Confidence: said.Confidence,
			Level: said.Level, Labels: own.Labels, References: r.references()},
	}
	if said.PAP != "" {
		i.Labels = append(i.Labels, said.PAP)
	}
	if m := validUntil.FindStringSubmatchIndex(i.Description); m != nil {
		if until, err := time.Parse(time.RFC3339, i.Description[m[2]:m[3]]); err == nil {
			i.ValidUntil, i.Description = until, i.Description[:m[0]]
		}
	}
	if strings.TrimSpace(i.Description) == "" {
		i.Description = "From the MISP event: " + string(r.event.Info)
	}
	if i.ValidFrom.IsZero() {
		i.ValidFrom = i.Modified
	}
	if !i.ValidUntil.IsZero() && !i.ValidUntil.After(i.ValidFrom) {
		return refuse("", build.InvalidTime, "it ends before it begins")
	}
	indicator := r.Maker.Indicator(i)
	row := Row{Objects: []Draft{indicator}}
	for _, d := range r.named(append(own.Clusters, e.clusters...), said.Level) {
		row.Objects = append([]Draft{d}, row.Objects...)
		row.Objects = append(row.Objects, r.Indicates(indicator, d, said.Level))
	}
	return row
}

// named makes what clusters of galaxies name, each once.
func (r *eventReader) named(clusters []misp.NamedCluster, level stix.Level) []Draft {
	var out []Draft
	for _, c := range clusters {
		typ, name, attack, ok := c.STIX()
		if !ok {
			continue
		}
		common := build.Common{Level: level}
		if attack != "" {
			common.Key = "mitre-attack " + attack
			common.References = []build.Reference{{Source: "mitre-attack", ID: attack}}
		}
		var d Draft
		if typ == "malware" {
			d = r.Malware(build.Malware{Common: common, Name: name})
		} else {
			d = r.Named(build.Named{Common: common, Type: typ, Name: name})
		}
		if !slices.ContainsFunc(out, func(o Draft) bool { return o.ID == d.ID }) {
			out = append(out, d)
		}
	}
	return out
}

// references names the event.
func (r *eventReader) references() []build.Reference {
	return []build.Reference{{Source: "misp", ID: r.uuid, Description: "MISP event of " + string(r.event.Orgc.Name)}}
}

// report makes of the event a report on what was made, together with what its
// galaxies name. MISP says of those that they belong to the event and not which
// attribute indicates them.
func (r *eventReader) report() Row {
	switch _, row := r.stand(r.event.UUID, nil, false); {
	case row != nil:
		return *row
	case len(r.objects) == 0:
		return Row{Skipped: emptyEvent}
	}
	row := Row{Objects: r.named(append(r.said.Clusters, misp.Named(r.event.Galaxies)...), r.said.Level)}
	for _, d := range row.Objects {
		r.list(d)
	}
	published, _ := time.Parse(time.DateOnly, string(r.event.Date))
	if published.Year() < 1970 || published.Year() > 2199 {
		published = r.event.Timestamp.Moment()
	}
	name := string(r.event.Info)
	if build.Text(name) == "" {
		name = "MISP event " + r.uuid
	}
	labels := r.said.Labels
	if r.said.PAP != "" {
		labels = append(labels, r.said.PAP)
	}
	key, parts := r.uuid+"/", 1
	for part := range slices.Chunk(r.objects, maxReported) {
		row.Objects = append(row.Objects, r.Report(build.Report{
			Common: build.Common{Key: key, Modified: r.event.Timestamp.Moment(), Confidence: r.said.Confidence,
				Level: r.said.Level, Labels: labels, References: r.references()},
			Name: name, Types: []string{"indicator"}, Published: published, Objects: part,
		}))
		parts++
		key = r.uuid + "/" + strconv.Itoa(parts)
	}
	return row
}

// maxReported is how many objects a report refers to, so that it stays within
// the 1 MiB that a hub takes. An event of more has several.
const maxReported = 10_000
