package stix

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Every row of every table: what is required, which type of value, and what a
// reference may point to. The expectations are written down apart from the
// tables, or follow from a property's kind alone.

// requiredProperties are those that the specification marks as required, but for
// type, id, and what the class of the object demands.
var requiredProperties = map[string]string{
	"attack-pattern": "name", "campaign": "name", "course-of-action": "name", "grouping": "name context object_refs", "identity": "name", "incident": "name",
	"indicator": "pattern pattern_type valid_from", "infrastructure": "name", "intrusion-set": "name", "location": "", "malware": "", "malware-analysis": "product",
	"note": "content object_refs", "observed-data": "first_observed last_observed number_observed", "opinion": "opinion object_refs", "report": "name published object_refs",
	"threat-actor": "name", "tool": "name", "vulnerability": "name", "relationship": "relationship_type source_ref target_ref", "sighting": "sighting_of_ref",
	"language-content": "object_ref contents", "marking-definition": "", "extension-definition": "created_by_ref name schema version extension_types",
	"artifact": "", "autonomous-system": "number", "directory": "path", "domain-name": "value", "email-addr": "value", "email-message": "is_multipart", "file": "",
	"ipv4-addr": "value", "ipv6-addr": "value", "mac-addr": "value", "mutex": "name", "network-traffic": "protocols", "process": "", "software": "name", "url": "value",
	"user-account": "", "windows-registry-key": "", "x509-certificate": "", "x-thing": "", "x-new-sdo": "", "x-new-sro": "", "x-new-sco": "",
}

func TestAPropertyIsMissedIfAndOnlyIfItIsRequired(t *testing.T) {
	// Properties without which another one that is there is wrong, or of which
	// one has to be there; they are in the tables of rules.
	depending := strings.Fields(`marking-definition.definition_type marking-definition.definition artifact.payload_bin
		location.latitude location.longitude malware.name indicator.name indicator.description observed-data.object_refs
		network-traffic.src_port network-traffic.dst_port extension-definition.extension_properties extension-definition.description`)
	for typ, own := range requiredProperties {
		if soundMembers[typ] == "" {
			t.Fatalf("there is no sound %s", typ)
		}
		required := append(strings.Fields(own), "type", "id")
		switch class := classByName([]byte(typ)); {
		case class == observable || typ == "x-new-sco":
		case class == marking:
			required = append(required, "spec_version", "created")
		default:
			required = append(required, "spec_version", "created", "modified")
		}
		members, _ := membersOf(t, made(t, typ, ""))
		for name := range members {
			if slices.Contains(depending, typ+"."+name) || name == "type" {
				continue
			}
			missed := strings.Contains(told(findingsIn(t, made(t, typ, "-"+name+" "))), "missing-property /"+name)
			if missed != slices.Contains(required, name) {
				t.Errorf("%s without %s: %s", typ, name, told(findingsIn(t, made(t, typ, "-"+name+" "))))
			}
		}
		for _, name := range required {
			if members[name] == "" {
				t.Errorf("the sound %s lacks %s", typ, name)
			}
		}
	}
}

// samples are one value of each type of JSON.
var samples = map[string]string{"text": `"qq qq"`, "number": "7.5", "true": "true", "list": `[["qq"]]`, "object": `{"qq":"qq"}`}

// takenBy tells which samples a kind of value takes, or passes over.
func takenBy(k kind) string {
	switch k {
	case textKind, openKind:
		return "text"
	case booleanKind:
		return "true"
	case floatKind:
		return "number"
	case dictionaryKind, hashesKind:
		return "object"
	}
	return ""
}

func TestEveryPropertyIsHeldToItsType(t *testing.T) {
	rows := 0
	for typ, st := range structures {
		if st.class == bundle {
			continue
		}
		for i := range st.props {
			p := &st.props[i]
			if p.presence == forbidden || p.value.kind == specialKind && p.value.form == nil {
				continue
			}
			rows++
			for sample, value := range samples {
				inside := p.value.kind == nestedKind || p.value.kind == specialKind || p.value.each != nil
				if sample == "object" && inside || sample == "text" && (p.value.form != nil || p.name == "pattern") {
					continue // it has rules of its own
				}
				path := "/" + p.name
				if p.value.list {
					value, path = "["+value+"]", path+"/0"
				}
				got := told(findingsIn(t, made(t, typ, `"`+p.name+`":`+value)))
				errs := codes(findingsIn(t, made(t, typ, `"`+p.name+`":`+value)))
				refused := slices.ContainsFunc(errs, func(e string) bool { return strings.HasSuffix(e, " "+path) })
				if taken := takenBy(p.value.kind) == sample && p.value.vocab == nil || p.value.kind == openKind && sample == "text"; taken == refused {
					t.Errorf("%s.%s as %s: %s", typ, p.name, value, got)
				}
			}
			if p.value.list {
				single := told(findingsIn(t, made(t, typ, `"`+p.name+`":"qq"`)))
				if !strings.Contains(single, "wrong-type /"+p.name) {
					t.Errorf("%s.%s is no list: %s", typ, p.name, single)
				}
			}
		}
	}
	if rows < 700 {
		t.Errorf("only %d properties were looked at", rows)
	}
}

const (
	anySDOs = `attack-pattern campaign course-of-action grouping identity incident indicator infrastructure intrusion-set location malware
		malware-analysis note observed-data opinion report threat-actor tool vulnerability x-thing `
	anySCOs = `artifact autonomous-system directory domain-name email-addr email-message file ipv4-addr ipv6-addr mac-addr mutex
		network-traffic process software url user-account windows-registry-key x509-certificate x-thing `
	anySROs    = `relationship sighting `
	anyObjects = anySDOs + anySCOs + anySROs + `language-content marking-definition extension-definition`
)

// allowedTargets says what each property may refer to. created_by_ref, which the
// specification describes as an identity and does not demand to be one, and the
// markings are left out.
var allowedTargets = map[string]string{
	"grouping.object_refs": anyObjects, "note.object_refs": anyObjects, "opinion.object_refs": anyObjects, "report.object_refs": anyObjects,
	"malware.operating_system_refs": "software", "malware.sample_refs": "file artifact",
	"malware-analysis.host_vm_ref": "software", "malware-analysis.operating_system_ref": "software", "malware-analysis.installed_software_refs": "software",
	"malware-analysis.analysis_sco_refs": anySCOs, "malware-analysis.sample_ref": "file artifact network-traffic",
	"observed-data.object_refs": anySCOs + anySROs,
	"relationship.source_ref":   anySDOs + anySCOs, "relationship.target_ref": anySDOs + anySCOs,
	"sighting.sighting_of_ref": anySDOs, "sighting.observed_data_refs": "observed-data", "sighting.where_sighted_refs": "identity location",
	"language-content.object_ref": strings.Replace(anyObjects, "language-content", "", 1),
	"directory.contains_refs":     "file directory", "domain-name.resolves_to_refs": "ipv4-addr ipv6-addr domain-name", "email-addr.belongs_to_ref": "user-account",
	"email-message.from_ref": "email-addr", "email-message.sender_ref": "email-addr", "email-message.to_refs": "email-addr", "email-message.cc_refs": "email-addr",
	"email-message.bcc_refs": "email-addr", "email-message.raw_email_ref": "artifact",
	"file.parent_directory_ref": "directory", "file.contains_refs": anySCOs, "file.content_ref": "artifact",
	"ipv4-addr.resolves_to_refs": "mac-addr", "ipv4-addr.belongs_to_refs": "autonomous-system", "ipv6-addr.resolves_to_refs": "mac-addr", "ipv6-addr.belongs_to_refs": "autonomous-system",
	"network-traffic.src_ref": "ipv4-addr ipv6-addr mac-addr domain-name", "network-traffic.dst_ref": "ipv4-addr ipv6-addr mac-addr domain-name",
	"network-traffic.src_payload_ref": "artifact", "network-traffic.dst_payload_ref": "artifact",
	"network-traffic.encapsulates_refs": "network-traffic", "network-traffic.encapsulated_by_ref": "network-traffic",
	"process.opened_connection_refs": "network-traffic", "process.creator_user_ref": "user-account", "process.image_ref": "file", "process.parent_ref": "process", "process.child_refs": "process",
	"windows-registry-key.creator_user_ref": "user-account",
}

func TestEveryReferencePointsToTheTypesOfItsProperty(t *testing.T) {
	seen := map[string]bool{}
	all := append(slices.Sorted(maps.Keys(structures)), "x-thing")
	for typ, st := range structures {
		for i := range st.props {
			p := &st.props[i]
			name := typ + "." + p.name
			if p.value.kind != identifierKind || p.name == "created_by_ref" || p.name == "object_marking_refs" {
				continue
			}
			allowed, known := allowedTargets[name]
			if !known {
				t.Errorf("%s is not known to refer to anything", name)
			}
			seen[name] = true
			for _, target := range all {
				value, path := refOf(target), "/"+p.name
				if p.value.list {
					value, path = "["+value+"]", path+"/0"
				}
				got := told(findingsIn(t, made(t, typ, `"`+p.name+`":`+value)))
				if refused := strings.Contains(got, "wrong-target "+path); refused == slices.Contains(strings.Fields(allowed), target) {
					t.Errorf("%s to %s: %q", name, target, got)
				}
			}
		}
	}
	for name := range allowedTargets {
		if !seen[name] {
			t.Errorf("%s is in no table", name)
		}
	}
}

func TestReservedNamesAreRefusedInEveryType(t *testing.T) {
	for typ := range soundMembers {
		for _, name := range []string{"severity", "username", "phone_number", "action"} {
			if got := told(findingsIn(t, made(t, typ, `"`+name+`":"v"`))); !strings.Contains(got, "reserved-property /"+name) {
				t.Errorf("%s.%s: %q", typ, name, got)
			}
		}
		sco := typ == "x-new-sco" || classByName([]byte(typ)) == observable
		if got := told(findingsIn(t, made(t, typ, `"defanged":true`))); strings.Contains(got, "reserved-property /defanged") == sco {
			t.Errorf("%s.defanged: %q", typ, got)
		}
	}
}

func TestClosedVocabulariesRefuseAndOpenOnesTell(t *testing.T) {
	for typ, st := range structures {
		for i := range st.props {
			p := &st.props[i]
			if p.value.vocab == nil {
				continue
			}
			want := "?vocabulary /" + p.name
			if strings.HasSuffix(p.value.vocab.name, "-enum") {
				want = "vocabulary /" + p.name
			}
			value := `"qq-qq"`
			if p.value.list {
				value, want = "["+value+"]", want+"/0"
			}
			if got := strings.Split(told(findingsIn(t, made(t, typ, `"`+p.name+`":`+value))), ", "); !slices.Contains(got, want) {
				t.Errorf("%s.%s: %q", typ, p.name, got)
			}
			for word := range p.value.vocab.words {
				if value = `"` + word + `"`; p.value.list {
					value = "[" + value + "]"
				}
				if got := told(findingsIn(t, made(t, typ, `"`+p.name+`":`+value))); strings.Contains(got, "vocabulary") {
					t.Errorf("%s.%s of %s: %q", typ, p.name, word, got)
				}
			}
		}
	}
}
