// Package stix reads STIX 2.1 objects: it splits bundles, checks objects,
// reads their markings and identifiers, and knows nothing of NATS or HTTP.
//
// It never re-serialises. An Object's Raw is a slice of the bytes it was read
// from, and stays exactly that on its way through the hub.
//
// [Split] takes one submission apart and says of each object what is wrong with
// it; [Object.Mark] says which TLP it carries; [AppendBundle] puts objects
// together again; [Reader] takes inputs apart that are too large for one
// submission. What is wrong is always a [Finding] with a stable code: of one
// object in its Findings, of a whole submission as the error.
//
// What enters here is hostile until shown otherwise: time is linear in it but
// for sorting, memory is a small multiple of it, nothing recurses, and findings
// are bounded in number and length whatever was sent.
package stix
