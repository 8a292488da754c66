package stix

// The specification as tables. A structure is one property table of STIX 2.1:
// an object type, an extension or a type such as external-reference. It is
// written down as the document has it, in spec_*.go, and walked by validate.go.
// What a table cannot say is a rule: a small function with its section, in
// rules_*.go.

// structure is one property table.
type structure struct {
	name    string // as in the document
	section string // "STIX 2.1 §4.7"
	class   class  // of object types
	props   []property
	rules   []rule
	// extensions holds the predefined extensions of an object type by key.
	extensions map[string]*structure

	required uint64     // the props that must be there, a bit each
	index    [256]uint8 // position in props plus one, by hash of the name
}

// property is a row of a table.
type property struct {
	name     string
	presence presence
	value    value
	section  string // of the table, or of the common properties
}

type presence uint8

const (
	optional presence = iota
	required
	// notApplicable is a common property that the type does not have. Its
	// value is still held to its type, for the hub reads it.
	notApplicable
	// forbidden is a property that nothing may have: reserved for later
	// versions of the specification, or for other types only.
	forbidden
	// deprecated is optional, and told.
	deprecated
)

// value says what the value of a property, an element of a list or an entry of
// a dictionary has to be.
type value struct {
	kind kind
	list bool // a list of one or more such values

	lo, hi float64     // of integers and floats; both 0 for no bound
	vocab  *vocabulary // of open and closed vocabularies
	refs   *targets    // of identifiers
	inner  *structure  // of nested structures
	each   *value      // of the entries of a dictionary, nil for anything
	keys   func(c *checker, i uint32)
	form   func(c *checker, i uint32) // of texts that have a form, held to it
}

// kind is one of the common data types (STIX 2.1 §2).
type kind uint8

const (
	textKind kind = iota
	booleanKind
	integerKind
	floatKind
	timestampKind
	identifierKind
	hexKind
	binaryKind
	hashesKind
	dictionaryKind
	enumKind
	openKind
	nestedKind
	specialKind // form looks at the value whatever it is
)

// A rule looks at the properties of one structure together.
type rule func(c *checker, m *fields)

// fields is where the properties of one structure are on the tape.
type fields struct {
	of   *structure
	node uint32     // the structure itself
	seen uint64     // the props that are there, a bit each
	at   [64]uint32 // their nodes, by position in of.props
}

// resolve finds the row of the table that each member of the object at node i
// is, in the order written, -1 for none, and adds them to rows. The fields it
// returns are the scanner's own: rules get a pointer to them, and new ones for
// each structure would be most of the memory that validation takes. They are
// given back by lowering lent.
func (s *scanner) resolve(st *structure, i uint32) *fields {
	if s.lent == len(s.fields) {
		s.fields = append(s.fields, new(fields))
	}
	m := s.fields[s.lent]
	s.lent++
	m.of, m.node, m.seen = st, i, 0
	clear(m.at[:len(st.props)])
	// Objects come in rows of alike: where one had a property the next has it
	// too, and what is left of the one before in rows says which to try first.
	before := s.rows[len(s.rows):cap(s.rows)]
	for k, n := i+1, 0; k < s.nodes[i].next; k, n = s.nodes[k].next, n+1 {
		name, p := s.name(k), -1
		if n < len(before) {
			if guess := before[n]; guess >= 0 && int(guess) < len(st.props) && st.props[guess].name == string(name) {
				p = int(guess)
			}
		}
		if p < 0 {
			p = st.find(name)
		}
		s.rows = append(s.rows, int8(p))
		if p >= 0 && m.at[p] == 0 {
			m.at[p] = k
			m.seen |= 1 << p
		}
	}
	return m
}

// get returns the node of a property, 0 where it is absent.
func (m *fields) get(name string) uint32 {
	k := m.of.find([]byte(name))
	if k < 0 {
		return 0
	}
	return m.at[k]
}

func (m *fields) has(name string) bool { return m.get(name) != 0 }

// find returns the position of a name in props, -1 if it is not one of them.
func (st *structure) find(name []byte) int {
	if len(name) == 0 {
		return -1
	}
	for h := hashName(name); ; h++ {
		k := st.index[h]
		if k == 0 {
			return -1
		}
		if p := &st.props[k-1]; p.name == string(name) {
			return int(k - 1)
		}
	}
}

// hashName spreads the names of a table over its index; collisions are walked.
func hashName(name []byte) uint8 {
	n := len(name)
	return uint8(n*37 + int(name[0])*7 + int(name[n/2])*31 + int(name[n-1])*13)
}

// table finishes a structure. A table has at most 64 properties.
func table(name, section string, props ...property) *structure {
	st := &structure{name: name, section: "STIX 2.1 §" + section, props: props}
	for k, p := range props {
		if props[k].section == "" {
			props[k].section = st.section
		}
		if p.presence == required {
			st.required |= 1 << k
		}
		h := hashName([]byte(p.name))
		for st.index[h] != 0 {
			h++
		}
		st.index[h] = uint8(k + 1)
	}
	return st
}

// with adds rules to a table.
func (st *structure) with(rules ...rule) *structure {
	st.rules = append(st.rules, rules...)
	return st
}

// extendedBy adds the predefined extensions of an object type.
func (st *structure) extendedBy(extensions map[string]*structure) *structure {
	st.extensions = extensions
	return st
}

// Rows of a table.

func opt(name string, v value) property { return property{name: name, presence: optional, value: v} }
func req(name string, v value) property { return property{name: name, presence: required, value: v} }
func old(name string, v value) property { return property{name: name, presence: deprecated, value: v} }
func never(name string) property        { return property{name: name, presence: forbidden, value: anything} }

// Values of a row.

var (
	text        = value{kind: textKind}
	boolean     = value{kind: booleanKind}
	integer     = value{kind: integerKind}
	float       = value{kind: floatKind}
	timestamp   = value{kind: timestampKind}
	hexadecimal = value{kind: hexKind}
	base64Text  = value{kind: binaryKind}
	hashes      = value{kind: hashesKind}
	anything    = value{kind: specialKind}
)

func listOf(v value) value                  { v.list = true; return v }
func enum(v *vocabulary) value              { return value{kind: enumKind, vocab: v} }
func open(v *vocabulary) value              { return value{kind: openKind, vocab: v} }
func nested(st *structure) value            { return value{kind: nestedKind, inner: st} }
func between(lo, hi float64, v value) value { v.lo, v.hi = lo, hi; return v }
func atLeast(lo float64) value              { return between(lo, maxInteger, integer) }

// formed is a text with a form of its own.
func formed(form func(c *checker, i uint32)) value { return value{kind: textKind, form: form} }

// dictionary is a dictionary with entries of one kind, or of any with nil.
func dictionary(each *value) value { return value{kind: dictionaryKind, each: each} }

// maxInteger is the largest integer of STIX 2.1 §2.10.
const maxInteger = 1<<53 - 1
