package outbox

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/source"
)

// stampFormat is that of STIX 2.1 §3.2: to the millisecond.
const stampFormat = "2006-01-02T15:04:05.000Z"

// revoke writes raw anew as a version that revokes the object (STIX 2.1 §3.6):
// every byte as it was, but for modified and revoked.
func revoke(raw []byte, modified time.Time) ([]byte, error) { return restamp(raw, modified, true) }

// restamp writes raw anew as a version of another time, which revokes the object or
// leaves it as it was.
func restamp(raw []byte, modified time.Time, revoking bool) ([]byte, error) {
	type span struct{ from, to int }
	var at, revoked *span
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		member := name.String()
		v, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		end := int(d.InputOffset())
		switch member {
		case "modified":
			at = &span{end - len(v), end}
		case "revoked":
			revoked = &span{end - len(v), end}
		}
	}
	if at == nil {
		return nil, errors.New("it has no modified, and can have no other version")
	}
	stamp := `"` + modified.UTC().Format(stampFormat) + `"`
	var out []byte
	switch {
	case !revoking:
		return append(append(append(out, raw[:at.from]...), stamp...), raw[at.to:]...), nil
	case revoked == nil:
		out = append(append(append(out, raw[:at.from]...), stamp...), `,"revoked":true`...)
		return append(out, raw[at.to:]...), nil
	case revoked.from > at.from:
		out = append(append(append(out, raw[:at.from]...), stamp...), raw[at.to:revoked.from]...)
		return append(append(out, "true"...), raw[revoked.to:]...), nil
	}
	out = append(append(append(out, raw[:revoked.from]...), "true"...), raw[revoked.to:at.from]...)
	return append(append(out, stamp...), raw[at.to:]...), nil
}

// generations is the namespace of the ids of rows that came back.
var generations = uuid.MustParse("7f2a6c0e-5b0e-4a5b-9b0c-3f7d6a0d91c4")

// generationID is the id that an object has in a later life of its row.
func generationID(id string, generation uint64) string {
	if generation == 0 {
		return id
	}
	typ, _, _ := strings.Cut(id, "--")
	name := append([]byte(id), byte(generation>>24), byte(generation>>16), byte(generation>>8), byte(generation))
	return typ + "--" + uuid.NewSHA1(generations, name).String()
}

// renaming puts the ids of later lives in place of the source's: lives is how many
// a revoked object gets beside those that it had.
func renaming(drafts []source.Draft, known *row, lives uint64) func([]byte) []byte {
	var pairs [][2][]byte
	for i := range drafts {
		o := known.find(drafts[i].ID)
		if o == nil || drafts[i].Shared {
			continue
		}
		generation := o.generation
		if o.revoked {
			generation += lives
		}
		if generation > 0 {
			pairs = append(pairs, [2][]byte{[]byte(`"` + o.id + `"`), []byte(`"` + generationID(o.id, generation) + `"`)})
		}
	}
	return func(raw []byte) []byte {
		for _, p := range pairs {
			raw = bytes.ReplaceAll(raw, p[0], p[1])
		}
		return raw
	}
}

// toldBefore tells whether a row of events that was revoked is the one that was
// told before it was: then it did not come back, but is read again. Of each object
// what would revoke it must be what did.
func toldBefore(drafts []source.Draft, old *row) (bool, error) {
	rename := renaming(drafts, old, 0)
	for i := range drafts {
		d := &drafts[i]
		if d.Shared || d.Versionless {
			continue
		}
		o := old.find(d.ID)
		if o == nil || !o.revoked || d.Modified.UnixMilli() > o.modified {
			return false, nil
		}
		at := time.UnixMilli(o.modified).UTC()
		raw, err := d.Build(source.Version{Created: time.UnixMilli(o.created).UTC(), Modified: at})
		var refusal *build.Refusal
		if errors.As(err, &refusal) {
			return false, nil
		}
		if err == nil {
			raw, err = revoke(rename(raw), at)
		}
		if sum := sha256.Sum256(raw); err != nil || !bytes.Equal(sum[:], o.raw) {
			return false, err
		}
	}
	return true, nil
}
