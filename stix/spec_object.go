package stix

// Common properties, STIX 2.1 §3.2, by class of object; and the types that many
// tables use.

// sdo, sro and sco make the table of an object type: the common properties of
// its class, in which positions do not depend on the type, then its own.

func sdo(name, section string, props ...property) *structure {
	return object(domain, name, section, versioned(), props)
}

func sro(name, section string, props ...property) *structure {
	return object(relation, name, section, versioned(), props)
}

func sco(name, section string, props ...property) *structure {
	return object(observable, name, section, unversioned(), props).with(observableID)
}

func object(c class, name, section string, common, props []property) *structure {
	for k := range common {
		common[k].section = "STIX 2.1 §3.2"
	}
	st := table(name, section, append(common, props...)...)
	st.class = c
	return st.with(versionOrder)
}

// Rows of the common properties that the hub reads, in every object's table.
const (
	typeRow = iota
	idRow
	specVersionRow
	createdRow
	modifiedRow
	createdByRow
	revokedRow
	markingsRow
	granularRow
	extensionsRow
)

// versioned is the common properties of domain and relationship objects, the
// rows above first.
func versioned() []property {
	return []property{
		req("type", formed((*checker).typeName)),
		req("id", formed((*checker).identifier)),
		req("spec_version", formed((*checker).specVersion)),
		req("created", formed((*checker).milliseconds)),
		req("modified", formed((*checker).milliseconds)),
		opt("created_by_ref", ref(anyObject)),
		opt("revoked", boolean),
		opt("object_marking_refs", listOf(ref(markingDefinition))),
		opt("granular_markings", listOf(nested(granularMarking))),
		opt("extensions", value{kind: specialKind, form: (*checker).extensions}),
		opt("labels", listOf(text)),
		opt("confidence", between(0, 100, integer)),
		opt("lang", formed((*checker).languageTag)),
		opt("external_references", listOf(nested(externalReference))),
		never("defanged"),
		// Reserved for later versions, STIX 2.1 §3.8.
		never("severity"), never("username"), never("phone_number"), never("action"),
	}
}

// without makes rows of common properties inapplicable.
func without(props []property, names ...string) []property {
	return reset(props, notApplicable, names)
}

func reset(props []property, to presence, names []string) []property {
	for k := range props {
		for _, n := range names {
			if props[k].name == n {
				props[k].presence = to
			}
		}
	}
	return props
}

// unversioned is the common properties of cyber-observables. One that is
// versioned all the same has created and modified (STIX 2.1 §3.6).
func unversioned() []property {
	props := without(versioned(), "created", "modified", "created_by_ref", "revoked", "labels", "confidence", "lang", "external_references")
	props = reset(props, optional, []string{"spec_version", "defanged"})
	for k := range props {
		if props[k].name == "defanged" {
			props[k].value = boolean
		}
	}
	return props
}

var externalReference = table("external-reference", "2.5",
	req("source_name", text),
	opt("description", text),
	opt("url", formed((*checker).url)),
	opt("hashes", hashes),
	opt("external_id", text),
).with(oneOf("description", "url", "external_id"))

var killChainPhase = table("kill-chain-phase", "2.11",
	req("kill_chain_name", formed((*checker).killChainName)),
	req("phase_name", formed((*checker).killChainName)),
)

var granularMarking = table("granular-marking", "7.2.3",
	opt("lang", formed((*checker).languageTag)),
	opt("marking_ref", ref(markingDefinition)),
	req("selectors", listOf(formed((*checker).selector))),
).with(eitherOr("lang", "marking_ref"))
