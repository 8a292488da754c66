package pattern

// Codes of problems. They are stable: programs act on them.
const (
	codeInvalidPattern = "invalid-pattern"
	codeQualifier      = "pattern-qualifier"
)
