package broker

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/stix/values"
)

// newerMention orders mentions: the one added last first, and what one object
// names by kind and value.
func newerMention(a, b catalog.Mention) int {
	return cmp.Or(cmp.Compare(b.Place.Added, a.Place.Added), cmp.Compare(a.Key.Kind, b.Key.Kind), strings.Compare(string(a.Key.Bytes), string(b.Key.Bytes)))
}

func kindsOf(keys []values.Key) (kinds []string) {
	for _, k := range keys {
		if kind := k.Kind.String(); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func (l *lookup) mention(m *catalog.Mention, asked []values.Key) api.Mention {
	at := l.places[m.Place.Stream]
	return api.Mention{
		Value: m.Key.String(), Match: matchOf(&m.Key, asked), Role: m.Key.Role.String(), State: stateOf(m, l.now),
		Origin: m.Origin, ID: m.ID, Type: m.Type, Version: m.Version,
		Audience: at.Audience, Level: at.Level, Added: time.UnixMicro(m.Place.Added).UTC().Format(addedLayout),
		ValidFrom: validText(m.ValidFrom), ValidUntil: validText(m.ValidUntil),
	}
}

// matchOf says how what an object names stands to what was asked for.
func matchOf(named *values.Key, asked []values.Key) api.Match {
	match := api.MatchExact
	for _, k := range asked {
		switch {
		case k.Kind != named.Kind:
		case string(k.Bytes) == string(named.Bytes):
			return api.MatchExact
		case k.Kind == values.Domain:
			match = api.MatchSubdomain
		case k.Kind == values.Address && named.Bytes[len(named.Bytes)-1] < k.Bytes[len(k.Bytes)-1]:
			match = api.MatchNetwork
		case k.Kind == values.Address:
			match = api.MatchInside
		}
	}
	return match
}

// stateOf says whether a mention holds at a time, in Unix microseconds.
func stateOf(m *catalog.Mention, now int64) api.State {
	switch {
	case m.Revoked:
		return api.StateRevoked
	case !m.Latest:
		return api.StateSuperseded
	case m.Key.Role == values.Observed:
		return api.StateObserved
	case m.ValidUntil != 0 && m.ValidUntil <= now:
		return api.StateExpired
	case m.ValidFrom > now:
		return api.StateNotYet
	}
	return api.StateValid
}

func validText(micros int64) string {
	if micros == 0 {
		return ""
	}
	return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano)
}
