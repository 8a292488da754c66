package stix

import (
	"strings"
	"testing"
)

// Sections 7, 8 and 11 of STIX 2.1: meta objects, markings, extensions, bundles,
// and what is custom.
//
// These sentences cannot be held against the bytes of one object:
//   - §7.1.1: object_modified is that of the object, and contents mirror it: for
//     Together;
//   - §7.2.1.4: that TLP is used through its own definitions is for Mark;
//   - §7.3: an extension has the properties that its schema says, and new objects
//     the common ones in their schema: the schema is somewhere else;
//   - §11.1, §11.2, §11.3: x_ and x- are for who wants to be compatible.

const otherUUID = "9d1c2e3f-4a5b-4c6d-8e7f-0a1b2c3d4e5f"

var languageRules = []ruleCase{
	{"a translation of a relationship", "language-content", `"object_ref":` + refOf("relationship"), ""},
	{"a translation of a bundle", "language-content", `"object_ref":` + refOf("bundle"), "wrong-target /object_ref"},
	{"a translation of nothing", "language-content", `-object_ref `, "missing-property /object_ref"},
	{"a translation without contents", "language-content", `-contents `, "missing-property /contents"},
	{"a translation of lists and dictionaries", "language-content", `"contents":{"fr":{"goals":["a",""],"extensions":{"x-ext":{"a":"b"}}}}`, ""},
	{"a translation into no language", "language-content", `"contents":{"french":{"name":"n"}}`, "invalid-value /contents/french"},
	{"a translation into a language with an underscore", "language-content", `"contents":{"ms_MY":{"name":"n"}}`, "invalid-value /contents/ms_MY"},
	{"a translation that is a text", "language-content", `"contents":{"fr":"n"}`, "wrong-type /contents/fr"},
	{"a translation that is a list", "language-content", `"contents":["fr"]`, "wrong-type /contents"},
	{"a translation of nothing in a language", "language-content", `"contents":{"fr":{}}`, "empty-value /contents/fr"},
	{"a translation at no time", "language-content", `"object_modified":"yesterday"`, "invalid-timestamp /object_modified"},
	{"a translation with a language", "language-content", `"lang":"en"`, "?not-applicable /lang"},
}

func TestLanguageContentIsHeldToItsRules(t *testing.T) { checkRules(t, languageRules) }

func tlpDefinition(id, created, level string) string {
	return `"id":"` + id + `","created":"` + created + `","name":"TLP:` + strings.ToUpper(level) + `","definition_type":"tlp","definition":{"tlp":"` + level + `"}`
}

var markingRules = []ruleCase{
	// §7.2.1
	{"a marking by an extension", "marking-definition", `-definition_type -definition "extensions":{"extension-definition--` + testUUID + `":{"extension_type":"property-extension","rule_a":1}}`, ""},
	{"a marking of nothing", "marking-definition", `-definition_type -definition `, "missing-property /definition_type, missing-property /definition"},
	{"a marking without its type", "marking-definition", `-definition_type `, "missing-property /definition_type"},
	{"a marking without its definition", "marking-definition", `-definition `, "missing-property /definition"},
	{"a marking that is a text", "marking-definition", `"definition":"s"`, "wrong-type /definition"},
	{"a statement that says nothing", "marking-definition", `"definition":{"text":"s"}`, "missing-property /definition/statement"},
	{"a statement that is a number", "marking-definition", `"definition":{"statement":1}`, "wrong-type /definition/statement"},
	{"a marking of a type of its own", "marking-definition", `"definition_type":"x-own","definition":{"a":1}`, ""},
	{"a marking that is versioned", "marking-definition", `"modified":"2025-01-31T12:00:00.000Z","revoked":true`, "?not-applicable /modified, ?not-applicable /revoked"},
	{"a marking without created", "marking-definition", `-created `, "missing-property /created"},
	// §3.2
	{"a marking that marks itself", "marking-definition", `"object_marking_refs":` + refsOf("marking-definition"), "invalid-marking /object_marking_refs/0"},
	{"a marking that marks itself in part", "marking-definition", `"granular_markings":[{"marking_ref":` + refOf("marking-definition") + `,"selectors":["name"]}]`, "invalid-marking /granular_markings/0/marking_ref"},
	{"a marking that another marks", "marking-definition", `"object_marking_refs":["marking-definition--` + otherUUID + `"]`, ""},
	// §7.2.1.4
	{"TLP white as printed", "marking-definition", tlpDefinition("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "2017-01-20T00:00:00.000Z", "white"), ""},
	{"TLP green as printed", "marking-definition", tlpDefinition("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "2017-01-20T00:00:00.000Z", "green"), ""},
	{"TLP amber as printed", "marking-definition", tlpDefinition("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "2017-01-20T00:00:00.000Z", "amber"), ""},
	{"TLP red as printed", "marking-definition", tlpDefinition("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "2017-01-20T00:00:00.000Z", "red"), ""},
	{"TLP red that says white", "marking-definition", tlpDefinition("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "2017-01-20T00:00:00.000Z", "white"), "tlp-lookalike "},
	{"TLP red of another day", "marking-definition", tlpDefinition("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "2017-01-20T00:00:00.001Z", "red"), "invalid-marking /created"},
	{"TLP under an identifier of its own", "marking-definition", tlpDefinition(idOf("marking-definition"), "2017-01-20T00:00:00.000Z", "red"), "tlp-lookalike "},
	{"TLP of a level of its own", "marking-definition", tlpDefinition(idOf("marking-definition"), "2017-01-20T00:00:00.000Z", "purple"), "tlp-lookalike "},
	// §7.2.3
	{"a part marked with a language", "campaign", `"granular_markings":[{"lang":"fr","selectors":["name"]}]`, ""},
	{"a part marked with no language", "campaign", `"granular_markings":[{"lang":"french","selectors":["name"]}]`, "invalid-value /granular_markings/0/lang"},
	{"a part marked with both", "campaign", `"granular_markings":[{"lang":"fr","marking_ref":` + refOf("marking-definition") + `,"selectors":["name"]}]`, "conflicting-properties /granular_markings/0/marking_ref"},
	{"a part marked with neither", "campaign", `"granular_markings":[{"selectors":["name"]}]`, "missing-property /granular_markings/0/lang"},
	{"a marking of no part", "campaign", `"granular_markings":[{"lang":"fr"}]`, "missing-property /granular_markings/0/selectors"},
	{"a marking of an empty list of parts", "campaign", `"granular_markings":[{"lang":"fr","selectors":[]}]`, "empty-value /granular_markings/0/selectors"},
	{"a part marked with an identity", "campaign", `"granular_markings":[{"marking_ref":` + refOf("identity") + `,"selectors":["name"]}]`, "invalid-marking-ref /granular_markings/0/marking_ref"},
	{"a marking of a number", "campaign", `"granular_markings":[{"lang":"fr","selectors":[5]}]`, "wrong-type /granular_markings/0/selectors/0"},
	// §7.2.3.1
	{"an element of a list", "campaign", selecting("aliases.[0]"), ""},
	{"a property of an element", "campaign", selecting("external_references.[0].url"), ""},
	{"an entry of a dictionary", "campaign", selecting("external_references.[0].hashes.MD5"), ""},
	{"an extension", "campaign", selecting("extensions.extension-definition--" + testUUID + ".ext_a"), ""},
	{"the identifier", "campaign", selecting("id"), ""},
	{"the marking itself", "campaign", selecting("granular_markings.[0].selectors.[0]"), ""},
	{"a property that is not there", "campaign", selecting("goals"), "invalid-selector /granular_markings/0/selectors/0"},
	{"an element that is not there", "campaign", selecting("aliases.[1]"), "invalid-selector /granular_markings/0/selectors/0"},
	{"an element of what is no list", "campaign", selecting("name.[0]"), "invalid-selector /granular_markings/0/selectors/0"},
	{"an entry of what is a list", "campaign", selecting("aliases.name"), "invalid-selector /granular_markings/0/selectors/0"},
	{"a part of a text", "campaign", selecting("name.first"), "invalid-selector /granular_markings/0/selectors/0"},
	{"a position without brackets", "campaign", selecting("aliases.0"), "invalid-selector /granular_markings/0/selectors/0"},
	{"a position without a dot", "campaign", selecting("aliases[0]"), "invalid-selector /granular_markings/0/selectors/0"},
	{"a position with a leading zero", "campaign", selecting("aliases.[00]"), "invalid-selector /granular_markings/0/selectors/0"},
	{"a position below zero", "campaign", selecting("aliases.[-1]"), "invalid-selector /granular_markings/0/selectors/0"},
	{"every position", "campaign", selecting("aliases.[*]"), "invalid-selector /granular_markings/0/selectors/0"},
	{"a selector in upper case", "campaign", selecting("Name"), "invalid-selector /granular_markings/0/selectors/0"},
	{"a selector that ends in a dot", "campaign", selecting("aliases."), "invalid-selector /granular_markings/0/selectors/0"},
	{"a selector that begins with a position", "campaign", selecting("[0]"), "invalid-selector /granular_markings/0/selectors/0"},
	{"a selector of nothing", "campaign", selecting(""), "invalid-selector /granular_markings/0/selectors/0"},
	{"a selector with a dollar", "campaign", selecting("$.name"), "invalid-selector /granular_markings/0/selectors/0"},
}

func selecting(selector string) string {
	return `"granular_markings":[{"lang":"fr","selectors":["` + selector + `"]}]`
}

func TestMarkingsAreHeldToTheirRules(t *testing.T) { checkRules(t, markingRules) }

func extending(key, content string) string { return `"extensions":{"` + key + `":{` + content + `}}` }

var extensionRules = []ruleCase{
	// §7.3
	{"an extension of properties", "campaign", extending(idOf("extension-definition"), `"extension_type":"property-extension","ext_a":{"any-Key":[1]}`), "?dictionary-key /extensions/" + idOf("extension-definition") + "/ext_a/any-Key"},
	{"an extension of the top level", "campaign", extending(idOf("extension-definition"), `"extension_type":"toplevel-property-extension"`) + `,"top_a":1`, ""},
	{"an extension of the top level in an observable", "mutex", extending(idOf("extension-definition"), `"extension_type":"toplevel-property-extension"`) + `,"top_a":1`, ""},
	{"a property that no extension adds", "campaign", extending(idOf("extension-definition"), `"extension_type":"property-extension","ext_a":1`) + `,"top_a":1`, "?custom-property /top_a"},
	{"an extension without its type", "campaign", extending(idOf("extension-definition"), `"ext_a":1`), "missing-property /extensions/" + idOf("extension-definition") + "/extension_type"},
	{"an extension of a type of its own", "campaign", extending(idOf("extension-definition"), `"extension_type":"new-thing"`), "vocabulary /extensions/" + idOf("extension-definition") + "/extension_type"},
	{"an extension whose type has an underscore", "campaign", extending(idOf("extension-definition"), `"extension_type":"property_extension"`), "vocabulary /extensions/" + idOf("extension-definition") + "/extension_type"},
	{"an extension whose type is a number", "campaign", extending(idOf("extension-definition"), `"extension_type":1`), "wrong-type /extensions/" + idOf("extension-definition") + "/extension_type"},
	{"an extension of no UUID", "campaign", extending("extension-definition--a", `"extension_type":"property-extension","ext_a":1`), "invalid-extension /extensions/extension-definition--a"},
	{"an extension under an identifier of another type", "campaign", extending(idOf("identity"), `"extension_type":"property-extension","ext_a":1`), "invalid-extension /extensions/" + idOf("identity")},
	{"an extension that is a text", "campaign", `"extensions":{"` + idOf("extension-definition") + `":"x"}`, "wrong-type /extensions/" + idOf("extension-definition")},
	{"extensions that are a list", "campaign", `"extensions":["x"]`, "wrong-type /extensions"},
	{"extensions of nothing", "campaign", `"granular_markings":[{"lang":"fr","selectors":["name"]}],"extensions":{}`, "empty-value /extensions"},
	// §7.3.2
	{"an extension with a property in camel case", "campaign", extending(idOf("extension-definition"), `"extension_type":"property-extension","extA":1`),
		"property-name /extensions/" + idOf("extension-definition") + "/extA, ?dictionary-key /extensions/" + idOf("extension-definition") + "/extA"},
	{"an extension with a property of two letters", "campaign", extending(idOf("extension-definition"), `"extension_type":"property-extension","ea":1`), "property-name /extensions/" + idOf("extension-definition") + "/ea"},
	{"an extension with a property of 251 letters", "campaign", extending(idOf("extension-definition"), `"extension_type":"property-extension","`+strings.Repeat("e", 251)+`":1`),
		"property-name /extensions/" + idOf("extension-definition") + ", dictionary-key /extensions/" + idOf("extension-definition")},
	// §7.3.3
	{"a new domain object without created", "x-new-sdo", `-created `, "missing-property /created"},
	{"a new relationship without modified", "x-new-sro", `-modified `, "missing-property /modified"},
	{"a new relationship without a version", "x-new-sro", `-spec_version `, "missing-property /spec_version"},
	{"a new domain object that uses lang for a number", "x-new-sdo", `"lang":5`, "wrong-type /lang"},
	{"a new observable without a version", "x-new-sco", `-spec_version `, ""},
	{"a new observable without an identifier", "x-new-sco", `-id `, "missing-property /id"},
	{"a new domain object with a property in camel case", "x-new-sdo", `"someThing":1`, "property-name /someThing"},
	{"a new observable with a property of two letters", "x-new-sco", `"xa":1`, "property-name /xa"},
	{"a new domain object with an identifier of another type", "x-new-sdo", `"id":` + refOf("campaign"), "invalid-id /id"},
	// §7.3.1
	{"a definition without its creator", "extension-definition", `-created_by_ref `, "missing-property /created_by_ref"},
	{"a definition without its name, schema and version", "extension-definition", `-name -schema -version `, "missing-property /name, missing-property /schema, missing-property /version"},
	{"a definition without types", "extension-definition", `-extension_types -extension_properties `, "missing-property /extension_types"},
	{"a definition of a type of its own", "extension-definition", `"extension_types":["toplevel-property-extension","new-thing"]`, "vocabulary /extension_types/1"},
	{"a definition of all types", "extension-definition", `"extension_types":["new-sdo","new-sco","new-sro","property-extension","toplevel-property-extension"]`, ""},
	{"a definition with properties and no top level", "extension-definition", `"extension_types":["property-extension"]`, "conflicting-properties /extension_properties"},
	{"a definition of the top level without its properties", "extension-definition", `-extension_properties `, "?missing-property /extension_properties"},
	{"a definition without a description", "extension-definition", `-description `, "?missing-property /description"},
	{"a definition of properties in camel case", "extension-definition", `"extension_properties":["topA"]`, "property-name /extension_properties/0"},
	{"a definition of a property of the specification", "extension-definition", `"extension_properties":["confidence"]`, "invalid-extension /extension_properties/0"},
	// §11.1
	{"a custom property", "campaign", `"x_a":1`, "?custom-property /x_a"},
	{"a custom property without the prefix", "campaign", `"rating":1`, "?custom-property /rating"},
	{"a custom property in another script", "campaign", `"x_größe":1`, "property-name /x_größe"},
	// §11.2
	{"an unknown type without its times", "x-thing", `-modified `, "missing-property /modified, ?custom-object /type"},
	{"an unknown type that is an observable", "x-thing", `-* -spec_version -created -modified -created_by_ref -revoked -labels -confidence -lang -external_references "x_a":1`, "?custom-object /type"},
	{"an unknown type with a property in camel case", "x-thing", `"someThing":1`, "property-name /someThing, ?custom-object /type"},
	{"an unknown type in upper case", "campaign", `"type":"X-Thing","id":"X-Thing--` + testUUID + `"`, "invalid-type /type, ?custom-object /type"},
	{"an unknown type with two hyphens", "campaign", `"type":"x--thing","id":"x--thing--` + testUUID + `"`, "invalid-type /type, ?custom-object /type"},
	{"an unknown type of two letters", "campaign", `"type":"xt","id":"xt--` + testUUID + `"`, "invalid-type /type, ?custom-object /type"},
	{"an unknown type of 250 letters", "campaign", `"type":"` + strings.Repeat("x", 250) + `","id":"` + strings.Repeat("x", 250) + `--` + testUUID + `"`, "?custom-object /type"},
	{"an unknown type of 251 letters", "campaign", `"type":"` + strings.Repeat("x", 251) + `","id":"` + strings.Repeat("x", 251) + `--` + testUUID + `"`, "invalid-type /type, ?custom-object /type"},
	// §11.3
	{"a custom extension", "campaign", extending("x-own-ext", `"any_a":1`), "?custom-property /extensions/x-own-ext"},
	{"a custom extension of nothing", "campaign", extending("x-own-ext", ``), "empty-value /extensions/x-own-ext, ?custom-property /extensions/x-own-ext"},
	{"a custom extension that does not end in -ext", "campaign", extending("x-own", `"any_a":1`), "invalid-extension /extensions/x-own"},
	{"a custom extension in upper case", "campaign", extending("X-Own-ext", `"any_a":1`), "invalid-extension /extensions/X-Own-ext"},
	{"a custom extension with an underscore", "campaign", extending("x_own-ext", `"any_a":1`), "invalid-extension /extensions/x_own-ext"},
	{"a custom extension of 251 letters", "campaign", extending(strings.Repeat("x", 247)+"-ext", `"any_a":1`), "invalid-extension /extensions"},
}

func TestExtensionsAndCustomContentAreHeldToTheirRules(t *testing.T) {
	checkRules(t, extensionRules)
}
