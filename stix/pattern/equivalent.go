package pattern

// Equivalent reports whether a and b ask for the same by the rules of Normalise.
// Addresses and registry keys behind = and IN are held to be the same if they
// denote the same, as in the published algorithm, though Match compares their
// text: [ipv4-addr:value = '192.0.2.1/32'] and the same without /32 are
// equivalent, and an object with the one value does not match the other. Where
// a and b have no two spellings of one of these, true is certain: they match the
// same observations. False may be given for patterns that are equivalent for
// other reasons, such as [a = 1 OR a = 2] and [a = 1] OR [a = 2] or a regular
// expression written another way; and for patterns beyond the bounds of Normalise
// unless they differ only in order, duplicates, nesting and the spelling of
// constants. Both are what Parse returned.
func Equivalent(a, b *Pattern) bool {
	n := newNormaliser()
	flatA, flatB := n.flatObservation(a.Root), n.flatObservation(b.Root)
	if flatA == flatB {
		return true
	}
	normalA, okA := n.distribute(flatA)
	n.bytes, n.steps = maxDistributed, maxAbsorptionSteps
	normalB, okB := n.distribute(flatB)
	return okA && normalA == flatB || okB && normalB == flatA || okA && okB && normalA == normalB
}
