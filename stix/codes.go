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

	codeNull             = "null"
	codeEmptyValue       = "empty-value"
	codeReservedProperty = "reserved-property"
	codePropertyName     = "property-name"
	codeDictionaryKey    = "dictionary-key"
	codeInvalidValue     = "invalid-value"
	codeOutOfRange       = "out-of-range"
	codeInvalidHash      = "invalid-hash"
	codeInvalidExtension = "invalid-extension"
	codeWrongTarget      = "wrong-target"
	codeTimeOrder        = "time-order"
	codeConflicting      = "conflicting-properties"
	codeInvalidSelector  = "invalid-selector"
	codeInvalidMarking   = "invalid-marking"

	// Of warnings.
	codeCustomProperty = "custom-property"
	codeCustomObject   = "custom-object"
	codeNotApplicable  = "not-applicable"
	codeDeprecated     = "deprecated"
	codeVocabulary     = "vocabulary"
	codeWordForm       = "word-form"
	codeSCOID          = "sco-id"
	codeRelationship   = "relationship-type"

	codeTLPLookalike      = "tlp-lookalike"
	codeMarkingUnresolved = "marking-unresolved"
)

// maxFindings bounds the findings kept of one object.
const maxFindings = 100

// maxTold bounds those kept of one payload: of the objects after so many each
// keeps its first only, or what is told of a submission would be many times as
// large as itself.
const maxTold = 20_000
