// Package stix reads STIX 2.1 objects: it splits bundles, checks objects,
// reads their markings and identifiers, and knows nothing of NATS or HTTP.
//
// It never re-serialises. An Object's Raw is a slice of the bytes it was read
// from, and stays exactly that on its way through the hub.
package stix
