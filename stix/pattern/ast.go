package pattern

// Pattern is a parsed pattern: an observation expression.
type Pattern struct {
	Source string // as it was written
	Root   *Observation
}

// Observation is an observation expression (STIX 2.1 §9.4, §9.5): a condition in
// brackets that one observation meets, or several joined by one operator. The
// operators associate to the left, and AND binds closer than OR, OR closer than
// FOLLOWEDBY; runs of the same operator without parentheses are one node.
type Observation struct {
	Op         ObservationOp
	Condition  *Condition     // of Test, else nil
	Operands   []*Observation // of the others, two or more in the order written
	Qualifiers []Qualifier    // in the order written: each qualifies all before it
	Pos        int            // byte offset in Source of the first character
}

// ObservationOp says what an Observation is made of.
type ObservationOp uint8

const (
	Test           ObservationOp = iota // one condition in brackets
	ObservationAnd                      // both are met, by different observations
	ObservationOr                       // one of them is met
	FollowedBy                          // both are met, the left one earlier or at the same time
)

// Condition is a comparison expression (STIX 2.1 §9.6): a comparison, or
// several joined by AND or OR, AND binding closer. Runs of the same operator
// without parentheses are one node.
type Condition struct {
	Op         ConditionOp
	Comparison *Comparison  // of Compare, else nil
	Operands   []*Condition // of the others, two or more in the order written
	Pos        int
}

// ConditionOp says what a Condition is made of.
type ConditionOp uint8

const (
	Compare ConditionOp = iota
	And
	Or
)

// Comparison holds an object path against a constant (STIX 2.1 §9.6, §9.6.1).
type Comparison struct {
	Path   Path
	Op     Operator
	Not    bool    // the operator is negated: NOT =, NOT IN, NOT EXISTS
	Values []Value // one; of In as many as the set has; of Exists none
	Pos    int
}

// Operator is a comparison operator.
type Operator uint8

const (
	Equal Operator = iota
	NotEqual
	Greater
	Less
	GreaterOrEqual
	LessOrEqual
	In
	Like
	Matches
	IsSubset
	IsSuperset
	Exists
)

// Path is an object path (STIX 2.1 §9.7): a type of object and a way through
// its properties, such as file:hashes.'SHA-256' or email-message:to_refs[*].value.
type Path struct {
	Type  string
	Steps []Step // one or more; the first is a Property
	Pos   int
}

// Step is one element of the way: a property or key by name, or an element of a
// list.
type Step struct {
	Kind  StepKind
	Name  string // of Property, unquoted and decoded
	Index int    // of Index, from 0
}

// StepKind tells the kinds of Step apart.
type StepKind uint8

const (
	Property StepKind = iota
	Index             // [3]
	AnyIndex          // [*]
)

// Value is a constant (STIX 2.1 §9.3).
type Value struct {
	Kind ValueKind
	// Text is the value: of String decoded, of Integer and Float the digits as
	// written, of Boolean "true" or "false" in lower case, of Binary the base64
	// and of Hex the digits between the quotes, of Timestamp the text between
	// the quotes.
	Text string
	Pos  int
}

// ValueKind is the type of a constant.
type ValueKind uint8

const (
	String ValueKind = iota
	Integer
	Float
	Boolean
	Binary    // b'...'
	Hex       // h'...'
	Timestamp // t'...'
)

// Qualifier limits when and how often an observation expression is to be met
// (STIX 2.1 §9.5.1).
type Qualifier struct {
	Kind    QualifierKind
	Seconds float64 // of Within, over 0
	Times   int     // of Repeats, 1 or more
	Start   string  // of StartStop: a STIX timestamp
	Stop    string  // of StartStop: where Check has no complaint, later than Start
	Pos     int
}

// QualifierKind is the kind of a Qualifier.
type QualifierKind uint8

const (
	Within    QualifierKind = iota // WITHIN 5 SECONDS
	Repeats                        // REPEATS 5 TIMES
	StartStop                      // START t'...' STOP t'...'
)
