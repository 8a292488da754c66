package stix

// Members calls yield for each member of the JSON object raw, in the order
// written, until yield returns false: with its name, decoded, and with exactly
// the bytes of its value. Both are lent; only a name that was written with
// escapes is allocated. It is for the few who need other properties of an object
// than Object has, and do not want all of them in a map.
//
// It returns false where raw is no JSON object, and does so only when it meets
// what makes it none: members before that were yielded. Unlike Split it does not
// mind repeated names and text that is no Unicode. It reads raw once.
func Members(raw []byte, yield func(name, value []byte) bool) bool {
	s := newScanner(raw, Limits{})
	whole := s.members(yield)
	s.release()
	return whole
}

func (s *scanner) members(yield func(name, value []byte) bool) bool {
	b := s.b
	p := skipSpace(b, 0)
	if p >= len(b) || b[p] != '{' {
		return false
	}
	p = skipSpace(b, p+1)
	for first := true; p < len(b); first = false {
		if b[p] == '}' && first {
			return skipSpace(b, p+1) == len(b)
		}
		if b[p] != '"' {
			return false
		}
		end, flags := lexString(b, p)
		if end < 0 {
			return false
		}
		name := b[p+1 : end-1]
		if flags&hasEscape != 0 {
			name = unescape(nil, name)
		}
		p = skipSpace(b, end)
		if p >= len(b) || b[p] != ':' {
			return false
		}
		p = skipSpace(b, p+1)
		if end = s.skip(p); end < 0 {
			return false
		}
		if !yield(name, b[p:end:end]) {
			return true
		}
		if p = skipSpace(b, end); p >= len(b) {
			return false
		}
		switch b[p] {
		case ',':
			p = skipSpace(b, p+1)
		case '}':
			return skipSpace(b, p+1) == len(b)
		default:
			return false
		}
	}
	return false
}
