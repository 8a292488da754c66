// Package stix reads and validates STIX 2.1: it splits bundles, holds objects to
// every rule of the specification, reads their markings, identifiers and
// versions, and knows nothing of NATS or HTTP.
//
// It never re-serialises. An Object's Raw is a slice of the bytes it was read
// from, and stays exactly that on its way through the hub.
//
// [Split] takes one submission apart and says of each object what is wrong with
// it; [Together] says what only shows among the objects of one submission;
// [CheckBundle] looks at the bundle around them; [Reader] takes inputs apart
// that are too large for one submission, and [AppendBundle] puts objects together
// again. [Members] lends the properties of an object that Object has not.
// [Object.Mark] says which TLP an object carries and why, [Lineage] which
// version may follow which, [DeterministicID] which identifier an observable
// should have and [StableID] makes identifiers for what feeds create. Patterns
// are read by package pattern; package values tells which values an object names,
// and package marking changes the markings of objects.
//
// What is wrong is always a [Finding] with a stable code: of one object in its
// Findings, of a whole submission as the error. A broken MUST is an [Error] and
// refuses the object, a broken SHOULD a [Warning].
//
// The specification itself is in tables. spec_sdo.go, spec_sro.go, spec_sco.go,
// spec_ext.go, spec_meta.go and spec_object.go can be held against its property
// tables, vocab.go against its vocabularies, relationships.go against its
// suggestions. validate.go walks them; rules_*.go has, a small function each with
// its section, what a table cannot say.
//
// What enters here is hostile until shown otherwise: time is linear in it but
// for sorting, memory is a small multiple of it, nothing recurses but into the
// tables, and findings are bounded in number and length whatever was sent.
package stix
