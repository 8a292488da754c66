// Package pattern reads STIX patterns (STIX 2.1 §9): what an indicator says is
// to be looked for.
//
// [Parse] turns a pattern into a tree, [Pattern.String] writes the tree in one
// canonical spelling, and [Check] says of a pattern what is wrong with it
// without building anything that outlives the call.
//
// [Pattern.Match] tells whether a pattern is met by [Observations], and by which.
// [Pattern.Normalise] brings a pattern into a normal form, and [Equivalent] tells
// whether two ask for the same. Both take addresses and registry keys for what
// they denote, as the published algorithm does, where matching compares their
// text: a normal form is for telling duplicates, not for matching. [Values] lists
// the observable values that a pattern names, each with the operator that binds
// it; [Decisive] only those of which each alone meets the pattern, and [Networks]
// those of whose addresses each does, for lists that block. [Scan] gives what
// Values gives without keeping it, and [Read] reads one value without a pattern.
//
// The language is that of STIX 2.1 errata 01: keywords in capitals, true and
// false in lower case, START and STOP with timestamps, EXISTS and NOT EXISTS.
// Three things that its grammar can spell are refused all the same, for they
// have no meaning in §9: an index below 0, WITHIN 0 SECONDS and REPEATS 0 TIMES.
//
// Patterns come from strangers. Time and memory are linear in the length of a
// pattern, which is at most [MaxLength]; parentheses nest at most [MaxNesting]
// deep; and no message is longer than 300 bytes.
package pattern
