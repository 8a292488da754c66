package stix

// Codes of findings. They are stable: programs act on them.
const (
	codeMalformedJSON   = "malformed-json"
	codeDuplicateKey    = "duplicate-key"
	codeInvalidUTF8     = "invalid-utf8"
	codeTooDeep         = "too-deep"
	codeNumberRange     = "number-range"
	codeNotAnObject     = "not-an-object"
	codeObjectTooLarge  = "object-too-large"
	codeTooManyObjects  = "too-many-objects"
	codePayloadTooLarge = "payload-too-large"

	codeMissingProperty    = "missing-property"
	codeWrongType          = "wrong-type"
	codeInvalidType        = "invalid-type"
	codeInvalidID          = "invalid-id"
	codeInvalidSpecVersion = "invalid-spec-version"
	codeInvalidTimestamp   = "invalid-timestamp"
	codeInvalidReference   = "invalid-reference"
	codeInvalidMarkingRef  = "invalid-marking-ref"

	codeTLPLookalike      = "tlp-lookalike"
	codeMarkingUnresolved = "marking-unresolved"
)

// maxFindings bounds the findings kept of one object.
const maxFindings = 100
