package taxii

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/selat-hub/selat/stix"
)

// readEnvelope finds the objects of an envelope (TAXII 2.1 §3.7), each as the
// bytes that came. Members other than objects are passed over. Only the frame is
// judged here: what is wrong inside an object, the hub tells of that object.
func readEnvelope(body []byte) ([][]byte, *problem) {
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if d.PeekKind() != '{' {
		if err := d.SkipValue(); err != nil {
			return nil, notJSON(err, d)
		}
		return nil, unprocessable("the body is no object: send an envelope, {\"objects\": [...]}")
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, notJSON(err, d)
	}
	var objects [][]byte
	listed := false
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, notJSON(err, d)
		}
		if name.String() != "objects" {
			if err := d.SkipValue(); err != nil {
				return nil, notJSON(err, d)
			}
			continue
		}
		if listed {
			return nil, unprocessable("the envelope has objects twice: keep one of them")
		}
		listed = true
		var p *problem
		if objects, p = readObjects(d, body); p != nil {
			return nil, p
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, notJSON(err, d)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, badRequest("more follows the end of the envelope: send one at a time")
	}
	if len(objects) == 0 {
		return nil, unprocessable("the envelope has no objects: send {\"objects\": [...]} with at least one")
	}
	return objects, nil
}

func readObjects(d *jsontext.Decoder, body []byte) ([][]byte, *problem) {
	if d.PeekKind() != '[' {
		if err := d.SkipValue(); err != nil {
			return nil, notJSON(err, d)
		}
		return nil, unprocessable("objects is no list: send {\"objects\": [...]}")
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, notJSON(err, d)
	}
	var objects [][]byte
	for d.PeekKind() != ']' {
		value, err := d.ReadValue()
		if err != nil {
			return nil, notJSON(err, d)
		}
		end := d.InputOffset()
		objects = append(objects, body[end-int64(len(value)):end])
	}
	_, err := d.ReadToken()
	if err != nil {
		return nil, notJSON(err, d)
	}
	return objects, nil
}

func notJSON(err error, d *jsontext.Decoder) *problem {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return badRequest("the body is not JSON: at byte %d", syntax.ByteOffset)
	}
	return badRequest("the body is not JSON: it breaks off at byte %d", d.InputOffset())
}

// bundleOf splices objects into the bundle that the hub takes.
func bundleOf(objects [][]byte) []byte {
	size := stix.BundleOverhead()
	for _, o := range objects {
		size += len(o) + 1
	}
	return stix.AppendBundle(make([]byte, 0, size), "bundle--"+uuid.NewString(), objects...)
}

// maxContentOf is the largest envelope of which the bundle that is made of it is
// not larger than the hub takes: what is told as max_content_length is taken.
func maxContentOf(payload int) int { return payload - stix.BundleOverhead() }
