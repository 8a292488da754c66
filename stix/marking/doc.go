// Package marking reads and changes the data markings of one STIX object: the
// object markings in object_marking_refs (STIX 2.1 §7.2.2) and the granular
// markings in granular_markings (§7.2.3).
//
// It is for those who make objects: a publisher who prepares a new version, or
// a person who asks what an object demands. The hub itself never changes an
// object and calls nothing here that does.
//
// [Get], [IsMarked], [Add], [Remove], [Set] and [Clear] are about the object as
// a whole; the functions of the same names with At after them are about the
// parts that selectors name. [Explain] tells which markings apply at a path and
// why, [Levels] how strict the TLP is on each path, [Kind] what a
// marking-definition states.
//
// An object comes and goes as the bytes it is written in. What changes one
// rewrites the members object_marking_refs and granular_markings and leaves
// every other byte as it is: number forms, escapes, the order of members and
// the space between them. A member that is not there yet comes last; one that
// would hold nothing is taken out. The bytes given are never written to, and
// are what comes back where there is nothing to change. In particular modified
// stays, and a changed object under an unchanged version is a conflict to the
// hub: who publishes the result has to give it a later modified first
// (§3.6). A marking-definition and an observable have none.
//
// The markings of an object may be marked too, by selectors that name them by
// their position. A change that would leave such a selector with nothing, or
// with something else at that position, is refused with [ErrInvalidSelector]:
// clear what it is marked with first, and mark it anew afterwards.
//
// Objects are taken to be hostile: time is linear in the object and the
// selectors together but for sorting, memory is a small multiple of them,
// recursion ends at [stix.DefaultLimits]. An object that readers could take in
// two ways (a name used twice, text that is not UTF-8) is refused, and so is
// one whose markings are not of the form that the specification gives them:
// what cannot be understood is not taken for unmarked.
package marking
