// Package build makes new STIX 2.1 objects for feeds: what a row of a list, an
// attribute of an event or a click on "seen" becomes.
//
// A [Maker] knows what all objects of one feed have in common (who makes them,
// under which TLP, for how long) and turns each description of an object into a
// [Draft]: its id, and a function that writes its bytes once publishing has
// decided on its version. [Read] and [Detect] turn what a list calls a value
// into a [Value] that has a pattern and an observable, or say why it is nothing
// to share.
//
// The ids are stable and nobody else's: they are made of the feed's publisher,
// its name, the type and the entry's key (stix.StableID), so that reading a list
// twice makes nothing new and two members that publish one list never claim one
// object. The bytes of a draft follow from what it was made of and its version,
// and from nothing else.
//
// Objects are made by the constructors of TcM1911/stix2, one at a time, and
// every one is held to package stix before it is handed out. Nothing is ever
// parsed or passed on with that library. What it cannot say is said here: a TLP
// 2.0 marking is a plain reference, a confidence of 0 and the word of an opinion
// are put in afterwards, and cyber-observables are written by hand, since it claims of each that it is not
// defanged and of a certificate that it is not self-signed, which no list says.
package build
