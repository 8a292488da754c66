package stix

// STIX Meta Objects, STIX 2.1 §7.
var metaObjects = []*structure{
	object(meta, "language-content", "7.1", without(versioned(), "lang"), []property{
		req("object_ref", ref(translatable)),
		opt("object_modified", timestamp),
		req("contents", value{kind: dictionaryKind, keys: (*checker).contentsKey, each: &translation}),
	}),

	object(marking, "marking-definition", "7.2.1", without(versioned(), "modified", "revoked", "labels", "confidence", "lang"), []property{
		opt("name", text),
		opt("definition_type", text),
		opt("definition", anything),
	}).with(defined),

	object(meta, "extension-definition", "7.3", reset(without(versioned(), "confidence", "lang"), required, []string{"created_by_ref"}), []property{
		req("name", text),
		opt("description", text),
		req("schema", text),
		req("version", text),
		req("extension_types", listOf(enum(extensionTypes))),
		opt("extension_properties", listOf(formed((*checker).propertyName))),
	}).with(extended),
}

// translation is the content of language-content in one language: it mirrors
// the object that it translates, and is held against it where that is known.
var translation = value{kind: dictionaryKind}

// Tables that hold an object to what its type says. They are filled at start,
// for the rules of the tables look into them.
var (
	// structures holds the table of every object type by name.
	structures map[string]*structure
	// A type that the specification does not know is held to what every domain
	// object or cyber-observable has (STIX 2.1 §7.3, §11.2).
	customDomain, customObservable *structure
	// bundles is the table of what wraps objects, STIX 2.1 §8.
	bundles *structure
)

func init() {
	customDomain = object(domain, "", "11.2", versioned(), nil)
	customObservable = object(observable, "", "7.3", unversioned(), nil)
	bundles = table("bundle", "8.1",
		req("type", text),
		req("id", formed((*checker).identifier)),
		opt("objects", anything),
	)
	bundles.class = bundle
	structures = make(map[string]*structure)
	for _, tables := range [][]*structure{domainObjects, relationshipObjects, observableObjects, metaObjects, {bundles}} {
		for _, st := range tables {
			structures[st.name] = st
		}
	}
}
