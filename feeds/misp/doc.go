// Package misp knows the events of MISP: their JSON, what the types of their
// attributes ask for as STIX patterns, and which attribute a pattern is.
//
// [ReadEvents] and [ReadManifest] take what MISP, its feeds and the tools around
// it write, which agree on little: numbers come as strings and as numbers, an
// event comes alone, in a list or in a response. They are strict in that nothing
// is guessed: what is not of the form is refused, an attribute by itself and not
// with its neighbours.
//
// [Attribute.Pattern] and [FromPattern] are each other's inverse, so that what one
// hub writes as a MISP feed another reads as the same indicators. Which objects
// are made of an event is decided in package source, and how a feed's folder is
// laid out in package sink.
package misp
