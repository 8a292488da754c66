package misp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxDocument bounds an event file or manifest, in bytes. Larger ones are an
// error and never cut.
const MaxDocument = 64 << 20

var (
	errNotInteger = errors.New("it must be an integer, alone or in quotes")
	errNotFlag    = errors.New("it must be true or false")
	errNotTime    = errors.New("it must be a time in ISO 8601 of 1970 to 2199")
	errTooLarge   = fmt.Errorf("it is larger than %d MiB", MaxDocument>>20)
)

type notScalar string

func (n notScalar) Error() string { return "it must be " + string(n) }

// Event is an event. What is not here has no meaning for what is shared.
type Event struct {
	UUID         Text            `json:"uuid"`
	Info         Text            `json:"info"`
	Date         Text            `json:"date"`
	ThreatLevel  Number          `json:"threat_level_id"`
	Analysis     Number          `json:"analysis"`
	Timestamp    Number          `json:"timestamp"` // of its last change, in seconds since 1970
	PublishedAt  Number          `json:"publish_timestamp"`
	Published    Flag            `json:"published"`
	Distribution *Number         `json:"distribution,omitempty"`
	Deleted      Flag            `json:"deleted,omitzero"`
	Orgc         Org             `json:"Orgc"`
	Tags         []Tag           `json:"Tag"`
	Galaxies     []Galaxy        `json:"Galaxy,omitempty"`
	Attributes   List[Attribute] `json:"Attribute"`
	Objects      List[Object]    `json:"Object,omitempty"`
}

// Org is an organization: of Orgc the one that made the event.
type Org struct {
	Name Text `json:"name"`
	UUID Text `json:"uuid"`
}

// Tag is a tag: free, or of a taxonomy as in tlp:green and
// admiralty-scale:information-credibility="2".
type Tag struct {
	Name   Text `json:"name"`
	Colour Text `json:"colour,omitempty"`
	// Local tags are not meant for others.
	Local Flag `json:"local,omitzero"`
}

// Galaxy is a list of clusters: threat actors, malware families.
type Galaxy struct {
	Type     Text      `json:"type"`
	Clusters []Cluster `json:"GalaxyCluster"`
}

// Cluster is one of them.
type Cluster struct {
	UUID        Text `json:"uuid"`
	Value       Text `json:"value"`
	Description Text `json:"description"`
}

// Attribute is one value of an event or of an object.
type Attribute struct {
	UUID         Text     `json:"uuid"`
	Type         Text     `json:"type"`
	Category     Text     `json:"category"`
	Value        Text     `json:"value"`
	Relation     Text     `json:"object_relation,omitempty"` // what it is to its object
	Comment      Text     `json:"comment"`
	ToIDS        Flag     `json:"to_ids"` // it may be looked for
	Deleted      Flag     `json:"deleted,omitzero"`
	Distribution *Number  `json:"distribution,omitempty"`
	Timestamp    Number   `json:"timestamp"`
	FirstSeen    Time     `json:"first_seen,omitzero"`
	LastSeen     Time     `json:"last_seen,omitzero"`
	Tags         []Tag    `json:"Tag,omitempty"`
	Galaxies     []Galaxy `json:"Galaxy,omitempty"`
}

// Object is several attributes that are about one thing.
type Object struct {
	UUID         Text            `json:"uuid"`
	Name         Text            `json:"name"`
	Comment      Text            `json:"comment"`
	Deleted      Flag            `json:"deleted,omitzero"`
	Distribution *Number         `json:"distribution,omitempty"`
	Timestamp    Number          `json:"timestamp"`
	FirstSeen    Time            `json:"first_seen,omitzero"`
	LastSeen     Time            `json:"last_seen,omitzero"`
	Attributes   List[Attribute] `json:"Attribute"`
}

// List is a list of elements that are read each by itself.
type List[T any] []Element[T]

// Element is one element, or why it is none.
type Element[T any] struct {
	Value T
	Err   error
}

func (e *Element[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	e.Err = unmarshal(raw, &e.Value)
	return nil
}

func (e Element[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	return json.MarshalEncode(enc, &e.Value)
}

// unmarshal reads a value; its error quotes nothing of it.
func unmarshal(raw jsontext.Value, into any) error {
	err := json.Unmarshal(raw, into)
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		reason := "it has another type"
		if semantic.Err != nil {
			reason = inner(semantic.Err)
		}
		return fmt.Errorf("%s: %s", pointer(string(semantic.JSONPointer)), reason)
	}
	return err
}

// inner is the reason of an error that our own readers of scalars gave.
func inner(err error) string {
	var semantic *json.SemanticError
	for errors.As(err, &semantic) && semantic.Err != nil {
		err = semantic.Err
	}
	return err.Error()
}

// pointer keeps a JSON pointer short: names in it are a stranger's.
func pointer(p string) string {
	if len(p) > 80 {
		return "a member deep inside"
	}
	if p == "" {
		return "the value"
	}
	return p
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// UUID reads an identifier in lower case. ok is false of what is none, so that it
// can be part of a path and of a key.
func UUID(s Text) (uuid string, ok bool) {
	uuid = strings.ToLower(string(s))
	return uuid, uuidForm.MatchString(uuid)
}

// ReadEvents reads a document of events: one event, alone or as {"Event": {}}; a
// list of them; or such under "response". An event that is of another form is an
// element with an error. The error is of the document as a whole.
func ReadEvents(r io.Reader) (List[Event], error) {
	raw, err := document(r)
	if err != nil {
		return nil, err
	}
	return events(raw, 0), nil
}

func events(raw jsontext.Value, depth int) List[Event] {
	if raw.Kind() == '[' && depth < 3 {
		var list []jsontext.Value
		if err := json.Unmarshal(raw, &list); err != nil {
			return List[Event]{{Err: err}}
		}
		var out List[Event]
		for _, e := range list {
			out = append(out, events(e, depth+1)...)
		}
		return out
	}
	var wrapper struct {
		Response jsontext.Value `json:"response"`
		Event    jsontext.Value `json:"Event"`
	}
	var e Element[Event]
	if e.Err = unmarshal(raw, &wrapper); e.Err == nil {
		switch {
		case wrapper.Response != nil && depth < 3:
			return events(wrapper.Response, depth+1)
		case wrapper.Event != nil:
			raw = wrapper.Event
		}
		if e.Err = unmarshal(raw, &e.Value); e.Err == nil && e.Value.UUID == "" {
			e.Err = errors.New("an event must have a uuid")
		}
	}
	return List[Event]{e}
}

// Manifest lists the events of a feed by their identifiers.
type Manifest map[string]Entry

// Entry is what a manifest says of an event.
type Entry struct {
	Info        Text   `json:"info"`
	Date        Text   `json:"date"`
	ThreatLevel Number `json:"threat_level_id"`
	Analysis    Number `json:"analysis"`
	Timestamp   Number `json:"timestamp"`
	Orgc        Org    `json:"Orgc"`
	Tags        []Tag  `json:"Tag"`
	// Err says why the entry is none.
	Err error `json:"-"`
}

// ReadManifest reads manifest.json of a feed. An entry of another form, or under
// what is no identifier, has an error.
func ReadManifest(r io.Reader) (Manifest, error) {
	raw, err := document(r)
	if err != nil {
		return nil, err
	}
	if string(bytes.Join(bytes.Fields(raw), nil)) == "[]" {
		return Manifest{}, nil // how PHP writes a map without entries
	}
	var entries map[string]jsontext.Value
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, errors.New("it is no manifest of a MISP feed, which is an object of events by uuid")
	}
	m := make(Manifest, len(entries))
	for key, raw := range entries {
		var e Entry
		e.Err = unmarshal(raw, &e)
		if uuid, ok := UUID(Text(key)); ok {
			key = uuid
		} else {
			e.Err = errors.New("an event must be listed under its uuid")
		}
		m[key] = e
	}
	return m, nil
}

func document(r io.Reader) (jsontext.Value, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	switch {
	case err != nil:
		return nil, err
	case len(raw) > MaxDocument:
		return nil, errTooLarge
	}
	raw = bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
	if v := jsontext.Value(raw); !v.IsValid() {
		var any any
		var syntax *jsontext.SyntacticError
		// Its text would quote names that stand in the document.
		if errors.As(json.Unmarshal(v, &any), &syntax) {
			return nil, fmt.Errorf("it is no valid JSON at byte %d", syntax.ByteOffset)
		}
		return nil, errors.New("it is no valid JSON")
	}
	return raw, nil
}

// Moment reads a timestamp, the zero time of what is none.
func (n Number) Moment() time.Time {
	if n <= 0 || n > 7258118400 { // the year 2200
		return time.Time{}
	}
	return time.Unix(int64(n), 0).UTC()
}
