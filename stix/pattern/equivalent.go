package pattern

// Equivalent reports whether a and b match the same observations by the rules
// of Normalise: true is certain. False may be given for patterns that are
// equivalent for other reasons, such as [a = 1 OR a = 2] and [a = 1] OR [a = 2]
// or a regular expression written another way; and for patterns beyond the
// bounds of Normalise unless they differ only in order, duplicates, nesting and
// the spelling of constants. Both are what Parse returned.
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
