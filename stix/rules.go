package stix

import "strings"

// Rules that several tables have: of time, of presence.

// notBefore: the second time is not before the first.
func notBefore(first, second string) rule {
	message := second + " is before " + first + ": it must be the same time or later"
	return func(c *checker, m *fields) {
		c.order(m, first, second, 0, m.of.section, message)
	}
}

// versionOrder: a version is not older than its object.
func versionOrder(c *checker, m *fields) {
	c.order(m, "created", "modified", 0, "STIX 2.1 §3.6.1", "modified is before created: it must be the same time or later")
}

// after: the second time is later than the first.
func after(first, second string) rule {
	message := second + " must be later than " + first
	return func(c *checker, m *fields) {
		c.order(m, first, second, 1, m.of.section, message)
	}
}

func (c *checker) order(m *fields, first, second string, least int, section, message string) {
	k := m.get(second)
	if k == 0 {
		return
	}
	a, ok := c.moment(m.get(first))
	b, also := c.moment(k)
	if ok && also && compareTimestamps(b, a) < least {
		c.refuse(codeTimeOrder, k, section, message)
	}
}

// oneOf: at least one of the properties is there.
func oneOf(names ...string) rule {
	message := "one of " + strings.Join(names, ", ") + " must be there: add it"
	return func(c *checker, m *fields) {
		for _, n := range names {
			if m.has(n) {
				return
			}
		}
		c.s.noteMissing(Error, m.node, names[0], m.of.section, message)
	}
}

// eitherOr: one of the two properties is there, and not both.
func eitherOr(a, b string) rule {
	neither := oneOf(a, b)
	message := "only one of " + a + " and " + b + " can be there: leave one out"
	return func(c *checker, m *fields) {
		if m.has(a) && m.has(b) {
			c.refuse(codeConflicting, m.get(b), m.of.section, message)
			return
		}
		neither(c, m)
	}
}

// oneOfAny: at least one of the properties that are the structure's own is
// there, or an extension.
func oneOfAny(c *checker, m *fields) {
	for k, p := range m.of.props {
		if m.at[k] != 0 && (p.name == "extensions" && m.of.extensions != nil || !commonNames[p.name] || m.of.class == custom) {
			return
		}
	}
	c.refuse(codeMissingProperty, m.node, m.of.section, "this must have at least one of the properties of its type: add one")
}

// besides: another property than this one is there.
func besides(name string) rule {
	return func(c *checker, m *fields) {
		if m.seen&^(1<<m.of.find([]byte(name))) == 0 {
			c.refuse(codeMissingProperty, m.node, m.of.section, "this must have at least one property besides "+name+": add one")
		}
	}
}

// encoded: the encoding of a property comes with the property itself.
func encoded(name, encoding string) rule {
	return func(c *checker, m *fields) {
		if m.has(encoding) && !m.has(name) {
			c.refuse(codeConflicting, m.get(encoding), "STIX 2.1 §3.9.1", encoding+" must not be there without "+name)
		}
	}
}

// shouldHave: properties that should be there.
func shouldHave(names ...string) rule {
	return func(c *checker, m *fields) {
		for _, n := range names {
			if !m.has(n) {
				c.s.noteMissing(Warning, m.node, n, m.of.section, "this property should be there: add it")
			}
		}
	}
}

// reservedNames holds the names that nothing may use, STIX 2.1 §3.8.
var reservedNames = map[string]bool{"severity": true, "username": true, "phone_number": true, "action": true}

// commonNames holds the names of the common properties, STIX 2.1 §3.2.
var commonNames = func() map[string]bool {
	names := make(map[string]bool)
	for _, n := range strings.Fields(`type id spec_version created modified created_by_ref revoked labels confidence lang
		external_references object_marking_refs granular_markings extensions defanged`) {
		names[n] = true
	}
	return names
}()
