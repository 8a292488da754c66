package stix

import (
	"strconv"

	"github.com/google/uuid"
)

// feedNamespaces is the namespace in which the namespaces of feeds are named.
var feedNamespaces = uuid.MustParse("e02cc992-3129-4090-aad6-ad6d33803ea8")

// StableID makes an identifier for an object that a feed creates out of what it
// reads, so that reading the same again gives the same object and not another
// one: "indicator--" and a UUIDv5, for instance. It is for domain and
// relationship objects and marking-definitions; cyber-observables have
// [DeterministicID].
//
// feed names the feed and its publisher, such as "cert.example/urlhaus": the
// namespace is made of it, so that no two publishers ever create the same
// identifier, even from the same source. parts say which object it is among
// those of the type, such as the source's own key. They count byte for byte,
// and as a list: "ab", "c" is another object than "a", "bc". What may vary
// between two readings (case, space, the form of a number) is for the caller to
// even out.
//
// The identifier depends on nothing else, and the same arguments give the same
// one in every release: others hold objects under it, and would take a new one
// for a new object. Any program can compute it (RFC 4122 §4.3):
//
//	namespace = UUIDv5(e02cc992-3129-4090-aad6-ad6d33803ea8, feed)
//	UUID      = UUIDv5(namespace, netstring(typ) netstring(part) ...)
//
// where the netstring of "abc" is "3:abc,". The type is part of the name because
// a producer must not use a UUID twice, be it for objects of different types,
// and the namespace is never that of cyber-observables (STIX 2.1 §2.9).
func StableID(feed, typ string, parts ...string) string {
	namespace := uuid.NewSHA1(feedNamespaces, []byte(feed))
	name := appendNetstring(nil, typ)
	for _, p := range parts {
		name = appendNetstring(name, p)
	}
	return typ + "--" + uuid.NewSHA1(namespace, name).String()
}

func appendNetstring(dst []byte, s string) []byte {
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	dst = append(dst, ':')
	dst = append(dst, s...)
	return append(dst, ',')
}
