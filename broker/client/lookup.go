package client

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/selat-hub/selat/broker/api"
)

// lookupBytes bounds the values of one request. JSON may write a byte with six,
// and the hub takes 512 KiB.
const lookupBytes = 64 << 10

// Lookup asks which objects name values, of those this seat may read: any number
// of values, in as many requests as that takes. The answer has a line for each,
// in their order; each has its own Error where it is nothing that can be looked
// up. It holds all of the answer in memory: ask for a million values in parts.
func (c *Client) Lookup(ctx context.Context, q api.LookupRequest) (*api.Lookup, error) {
	all := &api.Lookup{Values: make([]api.LookedUp, len(q.Values))}
	var left []int // places of the values without an answer
	for i, v := range q.Values {
		if why := unfit(v); why != "" {
			all.Values[i] = api.LookedUp{Value: v, Mentions: []api.Mention{}, Error: &api.LookupError{Code: api.CodeLookupInvalid, Message: why}}
			continue
		}
		left = append(left, i)
	}
	for len(left) > 0 {
		part := q
		part.Values = nil
		for size := 0; len(part.Values) < min(len(left), api.LookupValues); {
			v := q.Values[left[len(part.Values)]]
			if size += len(v); size > lookupBytes && len(part.Values) > 0 {
				break
			}
			part.Values = append(part.Values, v)
		}
		got, err := ask[api.Lookup](ctx, c, "looking values up", api.SubjectLookup, part)
		if err != nil {
			return nil, err
		}
		if len(got.Values) != len(part.Values) {
			return nil, fmt.Errorf("looking values up: the hub answered %d of %d values", len(got.Values), len(part.Values))
		}
		var again []int
		for i, v := range got.Values {
			if v.Error != nil && v.Error.Code == api.CodeLookupUnfinished && i > 0 {
				again = append(again, left[i])
				continue
			}
			v.Value = q.Values[left[i]]
			all.Values[left[i]] = v
		}
		left = append(again, left[len(part.Values):]...)
	}
	return all, nil
}

// unfit says why a value cannot be sent to be looked up, "" if it can.
func unfit(v string) string {
	switch {
	case len(v) > api.LookupValueBytes:
		return fmt.Sprintf("it has %d bytes, more than any value that is looked up", len(v))
	case !utf8.ValidString(v):
		return "it is not valid UTF-8"
	}
	return ""
}
