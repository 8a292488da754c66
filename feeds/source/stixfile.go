package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix"
)

// stixFile passes STIX objects on as they are.
type stixFile struct{}

// newSTIX reads bundles, TAXII envelopes and objects, any number of them one
// after another, or a list of objects. Their bytes pass unchanged, with their own ids, versions and
// markings: nothing of the feed's configuration goes into them. An object that
// breaks a MUST is refused under the code of what it breaks first.
//
// Each version of an object, and each content of an observable, is an entry of its own, so one that is no longer
// there does not revoke it; a revoked version says so itself.
func newSTIX(Config) (Source, error) { return stixFile{}, nil }

func (stixFile) Read(ctx context.Context, in Input, emit func(Row) error) error {
	text, before := enveloped(in)
	r := stix.NewReader(text, stix.DefaultLimits)
	for {
		raw, err := r.Next()
		if err == io.EOF {
			return nil
		}
		position := "byte " + strconv.FormatInt(r.Offset()-before, 10)
		var finding *stix.Finding
		switch {
		case errors.As(err, &finding):
			err = emit(Row{Key: position, Position: position, Refused: &Refusal{Code: finding.Code, Message: finding.Message}})
		case err != nil:
			return fmt.Errorf("reading %s at %s: %w", in.Name, position, err)
		default:
			err = emit(stixRow(raw).at(position))
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// enveloped puts a bare list of objects, as scripts write it, into an envelope,
// which the reader knows. before is how many bytes that puts before it.
func enveloped(in io.Reader) (_ io.Reader, before int64) {
	const head = `{"objects":`
	b := bufio.NewReaderSize(in, 64<<10)
	if bom, _ := b.Peek(3); string(bom) == "\xef\xbb\xbf" {
		b.Discard(3)
		before = -3
	}
	if start, _ := b.Peek(64); bytes.HasPrefix(bytes.TrimLeft(start, " \t\r\n"), []byte("[")) {
		return io.MultiReader(strings.NewReader(head), b, strings.NewReader("}")), before + int64(len(head))
	}
	return b, before
}

func stixRow(raw []byte) Row {
	objects, err := stix.Split(raw, stix.DefaultLimits)
	if err != nil || len(objects) != 1 {
		return refuse("", build.InvalidObject, "it is no STIX object")
	}
	o := &objects[0]
	key := o.ID + " "
	if v := o.Version(); v != "" {
		key += stix.Instant(v)
	} else {
		key += fmt.Sprintf("%x", o.Hash())
	}
	for _, f := range o.Findings {
		if f.Severity == stix.Error {
			return refuse(key, f.Code, f.Place()+": "+f.Message)
		}
	}
	created, _ := time.Parse(time.RFC3339, o.Created)
	modified, _ := time.Parse(time.RFC3339, o.Modified)
	return Row{Key: key, Objects: []Draft{{
		ID: o.ID, Created: created, Modified: modified, Versionless: true,
		Build: func(Version) ([]byte, error) { return raw, nil },
	}}}
}
