package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Record tells of one version of an object in a collection (TAXII 2.1 §5.3).
type Record struct {
	ID        string `json:"id"`
	DateAdded string `json:"date_added"`
	Version   string `json:"version"`
	MediaType string `json:"media_type,omitempty"`
	// Raw is the record as it was received.
	Raw jsontext.Value `json:"-"`
}

// Manifest hands on what a collection has, page by page, without the objects.
func (c *Client) Manifest(ctx context.Context, col *Collection, q Query, visit func(context.Context, []Record) error) error {
	w := &walker{c: c, url: col.at("manifest/"), member: "objects", filters: q.filters(), at: cursor{AddedAfter: formatTime(q.AddedAfter), Limit: q.Limit}}
	return w.walk(ctx, func(p *page) error {
		records := make([]Record, len(p.fresh))
		for i, n := range p.fresh {
			if err := json.Unmarshal(p.items[n], &records[i]); err != nil {
				return &ServerError{URL: p.url, What: "the server sends what is no record of a manifest", err: err}
			}
			records[i].Raw = p.items[n]
		}
		return visit(ctx, records)
	}, func(bool) error { return nil })
}

// Versions returns the versions of one object that a collection has (TAXII 2.1
// §5.8). Of q, what selects objects does not apply.
func (c *Client) Versions(ctx context.Context, col *Collection, id string, q Query) ([]string, error) {
	if !sound(id) {
		return nil, fmt.Errorf("%q is no identifier of an object", id)
	}
	q.IDs, q.Types, q.Versions = nil, nil, nil
	var versions []string
	w := &walker{c: c, url: col.at("objects/", id, "versions/"), member: "versions", filters: q.filters(), at: cursor{AddedAfter: formatTime(q.AddedAfter), Limit: q.Limit}}
	err := w.walk(ctx, func(p *page) error {
		for _, n := range p.fresh {
			var v string
			if err := json.Unmarshal(p.items[n], &v); err != nil {
				return &ServerError{URL: p.url, What: "the server sends what is no version", err: err}
			}
			versions = append(versions, v)
		}
		return nil
	}, func(bool) error { return nil })
	return versions, err
}
