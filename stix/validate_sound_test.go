package stix

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// Sound objects of every type, with every property that the specification gives
// them, and a way to make others of them. The tables of rules_*_test.go say what
// each change has to lead to.

const (
	atNoon = `"2025-01-31T12:00:00Z"`
	atOne  = `"2025-01-31T13:00:00Z"`
)

// idOf is the identifier of an object of the type that is somewhere else.
func idOf(typ string) string { return typ + "--" + testUUID }

// refOf is the same as JSON, refsOf a list of one.
func refOf(typ string) string  { return `"` + idOf(typ) + `"` }
func refsOf(typ string) string { return `[` + refOf(typ) + `]` }

// sharedBySDOs is what every domain and relationship object can have.
var sharedBySDOs = `"spec_version":"2.1",` + testTimes + `,"created_by_ref":` + refOf("identity") + `,"revoked":false,"labels":["l"],"confidence":100,"lang":"en",` +
	`"external_references":[{"source_name":"s","description":"d","url":"https://example.com/a?b#c","hashes":{"MD5":"79054025255fb1a26e4bc422aef54eb4"},"external_id":"1"}],` +
	`"object_marking_refs":` + refsOf("marking-definition") + `,"granular_markings":[{"lang":"fr","selectors":["extensions"]},{"marking_ref":` + refOf("marking-definition") + `,"selectors":["object_marking_refs.[0]","extensions"]}],` +
	`"extensions":{"extension-definition--` + testUUID + `":{"extension_type":"property-extension","ext_a":1}}`

// sharedBySCOs is what every cyber-observable can have.
var sharedBySCOs = `"spec_version":"2.1","defanged":true,"object_marking_refs":` + refsOf("marking-definition") +
	`,"granular_markings":[{"lang":"fr","selectors":["object_marking_refs.[0]"]}]`

const killChain = `[{"kill_chain_name":"lockheed-martin-cyber-kill-chain","phase_name":"delivery"}]`

// soundMembers holds the members of a sound object of each type, all that the
// type has but for the common ones.
var soundMembers = map[string]string{
	"attack-pattern":   `"name":"n","description":"d","aliases":["a"],"kill_chain_phases":` + killChain,
	"campaign":         `"name":"n","description":"d","aliases":["a"],"first_seen":` + atNoon + `,"last_seen":` + atOne + `,"objective":"o"`,
	"course-of-action": `"name":"n","description":"d"`,
	"grouping":         `"name":"n","description":"d","context":"suspicious-activity","object_refs":` + refsOf("indicator"),
	"identity":         `"name":"n","description":"d","roles":["r"],"identity_class":"group","sectors":["defense"],"contact_information":"c"`,
	"incident":         `"name":"n","description":"d"`,
	"indicator": `"name":"n","description":"d","indicator_types":["benign"],"pattern":"[ipv4-addr:value = '198.51.100.1']","pattern_type":"stix","pattern_version":"2.1","valid_from":` + atNoon +
		`,"valid_until":` + atOne + `,"kill_chain_phases":` + killChain,
	"infrastructure": `"name":"n","description":"d","infrastructure_types":["botnet"],"aliases":["a"],"kill_chain_phases":` + killChain + `,"first_seen":` + atNoon + `,"last_seen":` + atOne,
	"intrusion-set": `"name":"n","description":"d","aliases":["a"],"first_seen":` + atNoon + `,"last_seen":` + atOne +
		`,"goals":["g"],"resource_level":"club","primary_motivation":"revenge","secondary_motivations":["coercion"]`,
	"location": `"name":"n","description":"d","latitude":1.35,"longitude":103.82,"precision":100.5,"region":"south-eastern-asia","country":"SG","administrative_area":"SG-01","city":"c","street_address":"s","postal_code":"1"`,
	"malware": `"name":"n","description":"d","malware_types":["worm"],"is_family":true,"aliases":["a"],"kill_chain_phases":` + killChain + `,"first_seen":` + atNoon + `,"last_seen":` + atOne +
		`,"operating_system_refs":` + refsOf("software") + `,"architecture_execution_envs":["x86"],"implementation_languages":["go"],"capabilities":["anti-vm"],"sample_refs":` + refsOf("file"),
	"malware-analysis": `"product":"p","version":"1","host_vm_ref":` + refOf("software") + `,"operating_system_ref":` + refOf("software") + `,"installed_software_refs":` + refsOf("software") +
		`,"configuration_version":"1","modules":["m"],"analysis_engine_version":"1","analysis_definition_version":"1","submitted":` + atNoon + `,"analysis_started":` + atNoon + `,"analysis_ended":` + atOne +
		`,"result_name":"r","result":"malicious","analysis_sco_refs":` + refsOf("url") + `,"sample_ref":` + refOf("artifact"),
	"note":          `"abstract":"a","content":"c","authors":["a"],"object_refs":` + refsOf("note"),
	"observed-data": `"first_observed":` + atNoon + `,"last_observed":` + atOne + `,"number_observed":1,"object_refs":` + refsOf("ipv4-addr"),
	"opinion":       `"explanation":"e","authors":["a"],"opinion":"agree","object_refs":` + refsOf("relationship"),
	"report":        `"name":"n","description":"d","report_types":["malware"],"published":` + atNoon + `,"object_refs":` + refsOf("malware"),
	"threat-actor": `"name":"n","description":"d","threat_actor_types":["spy"],"aliases":["a"],"first_seen":` + atNoon + `,"last_seen":` + atOne + `,"roles":["agent"],"goals":["g"],"sophistication":"expert",` +
		`"resource_level":"government","primary_motivation":"ideology","secondary_motivations":["revenge"],"personal_motivations":["notoriety"]`,
	"tool":          `"name":"n","description":"d","tool_types":["remote-access"],"aliases":["a"],"kill_chain_phases":` + killChain + `,"tool_version":"1"`,
	"vulnerability": `"name":"n","description":"d"`,

	"relationship": `"relationship_type":"uses","description":"d","source_ref":` + refOf("malware") + `,"target_ref":` + refOf("tool") + `,"start_time":` + atNoon + `,"stop_time":` + atOne,
	"sighting": `"description":"d","first_seen":` + atNoon + `,"last_seen":` + atOne + `,"count":3,"sighting_of_ref":` + refOf("malware") + `,"observed_data_refs":` + refsOf("observed-data") +
		`,"where_sighted_refs":[` + refOf("identity") + `,` + refOf("location") + `],"summary":"s"`,

	"language-content":     `"object_ref":` + refOf("campaign") + `,"object_modified":"2025-01-31T12:00:00.000Z","contents":{"ms-MY":{"name":"n"}}`,
	"marking-definition":   `"name":"n","definition_type":"statement","definition":{"statement":"s"}`,
	"extension-definition": `"name":"n","description":"d","schema":"s","version":"1.0.0","extension_types":["toplevel-property-extension"],"extension_properties":["top_a"]`,

	"artifact":          `"mime_type":"image/png","payload_bin":"aGVsbG8=","hashes":{"MD5":"79054025255fb1a26e4bc422aef54eb4"},"encryption_algorithm":"mime-type-indicated","decryption_key":"k"`,
	"autonomous-system": `"number":64500,"name":"n","rir":"APNIC"`,
	"directory":         `"path":"/tmp","path_enc":"UTF-8","ctime":` + atNoon + `,"mtime":` + atNoon + `,"atime":` + atNoon + `,"contains_refs":` + refsOf("file"),
	"domain-name":       `"value":"example.com","resolves_to_refs":` + refsOf("ipv6-addr"),
	"email-addr":        `"value":"user@example.com","display_name":"n","belongs_to_ref":` + refOf("user-account"),
	"email-message": `"is_multipart":false,"date":` + atNoon + `,"content_type":"text/plain","from_ref":` + refOf("email-addr") + `,"sender_ref":` + refOf("email-addr") + `,"to_refs":` + refsOf("email-addr") +
		`,"cc_refs":` + refsOf("email-addr") + `,"bcc_refs":` + refsOf("email-addr") + `,"message_id":"<1@example.com>","subject":"s","received_lines":["from a"],"additional_header_fields":{"reply-to":["a"]},"body":"b",` +
		`"raw_email_ref":` + refOf("artifact"),
	"file": `"hashes":{"SHA-256":"fe90a7e910cb3a4739bed9180e807e93fa70c90f25a8915476f5e4bfbac681db"},"size":5,"name":"n","name_enc":"UTF-8","magic_number_hex":"ffd8","mime_type":"image/jpeg","ctime":` + atNoon +
		`,"mtime":` + atNoon + `,"atime":` + atNoon + `,"parent_directory_ref":` + refOf("directory") + `,"contains_refs":` + refsOf("url") + `,"content_ref":` + refOf("artifact"),
	"ipv4-addr": `"value":"198.51.100.0/24","resolves_to_refs":` + refsOf("mac-addr") + `,"belongs_to_refs":` + refsOf("autonomous-system"),
	"ipv6-addr": `"value":"2001:db8::/32","resolves_to_refs":` + refsOf("mac-addr") + `,"belongs_to_refs":` + refsOf("autonomous-system"),
	"mac-addr":  `"value":"00:00:5e:00:53:01"`,
	"mutex":     `"name":"n"`,
	"network-traffic": `"start":` + atNoon + `,"end":` + atOne + `,"is_active":false,"src_ref":` + refOf("ipv4-addr") + `,"dst_ref":` + refOf("domain-name") + `,"src_port":0,"dst_port":65535,"protocols":["ipv4","tcp"],` +
		`"src_byte_count":1,"dst_byte_count":1,"src_packets":1,"dst_packets":1,"ipfix":{"minimumIpTotalLength":32,"a":"b"},"src_payload_ref":` + refOf("artifact") + `,"dst_payload_ref":` + refOf("artifact") +
		`,"encapsulates_refs":` + refsOf("network-traffic") + `,"encapsulated_by_ref":` + refOf("network-traffic"),
	"process": `"is_hidden":false,"pid":1,"created_time":` + atNoon + `,"cwd":"/","command_line":"c","environment_variables":{"PATH_TO":"v","path_to":"v"},"opened_connection_refs":` + refsOf("network-traffic") +
		`,"creator_user_ref":` + refOf("user-account") + `,"image_ref":` + refOf("file") + `,"parent_ref":` + refOf("process") + `,"child_refs":` + refsOf("process"),
	"software": `"name":"n","cpe":"cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*","swid":"s","languages":["en","ms"],"vendor":"v","version":"1"`,
	"url":      `"value":"https://example.com/a"`,
	"user-account": `"user_id":"1","credential":"c","account_login":"l","account_type":"unix","display_name":"n","is_service_account":false,"is_privileged":false,"can_escalate_privs":true,"is_disabled":false,` +
		`"account_created":` + atNoon + `,"account_expires":` + atNoon + `,"credential_last_changed":` + atNoon + `,"account_first_login":` + atNoon + `,"account_last_login":` + atNoon,
	"windows-registry-key": `"key":"HKEY_LOCAL_MACHINE\\System\\Foo","values":[{"name":"","data":"d","data_type":"REG_SZ"}],"modified_time":` + atNoon + `,"creator_user_ref":` + refOf("user-account") + `,"number_of_subkeys":1`,
	"x509-certificate": `"is_self_signed":false,"hashes":{"SHA-1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"},"version":"3","serial_number":"36:f7","signature_algorithm":"s","issuer":"i","validity_not_before":` + atNoon +
		`,"validity_not_after":` + atNoon + `,"subject":"s","subject_public_key_algorithm":"r","subject_public_key_modulus":"m","subject_public_key_exponent":65537,"x509_v3_extensions":{"basic_constraints":"critical"}`,

	// Of types that an extension or nobody defines.
	"x-thing":   `"x_a":1`,
	"x-new-sdo": `"any_a":1,"extensions":{"extension-definition--` + testUUID + `":{"extension_type":"new-sdo"}}`,
	"x-new-sro": `"any_a":1,"source_ref":` + refOf("malware") + `,"extensions":{"extension-definition--` + testUUID + `":{"extension_type":"new-sro"}}`,
	"x-new-sco": `"any_a":1,"extensions":{"extension-definition--` + testUUID + `":{"extension_type":"new-sco"}}`,
}

// commonMembers is the common members of a sound object of the type.
func commonMembers(typ string) string {
	switch typ {
	case "language-content":
		return `"spec_version":"2.1",` + testTimes + `,"created_by_ref":` + refOf("identity") + `,"revoked":false,"labels":["l"],"confidence":1`
	case "marking-definition":
		return `"spec_version":"2.1","created":"2025-01-31T12:00:00.000Z","created_by_ref":` + refOf("identity")
	case "extension-definition":
		return `"spec_version":"2.1",` + testTimes + `,"created_by_ref":` + refOf("identity") + `,"revoked":false,"labels":["l"]`
	case "x-new-sdo", "x-new-sro":
		return `"spec_version":"2.1",` + testTimes
	case "x-new-sco":
		return `"spec_version":"2.1"`
	}
	if classByName([]byte(typ)) == observable {
		return sharedBySCOs
	}
	return sharedBySDOs
}

// made returns a sound object of the type after changes: first the names of
// members to leave out, with a hyphen before each, then JSON members to put in,
// each in the place of the one of its name. -* leaves out all that is the type's
// own.
func made(t testing.TB, typ, changes string) []byte {
	t.Helper()
	own := "," + soundMembers[typ]
	if rest, bare := strings.CutPrefix(changes, "-* "); bare {
		own, changes = "", rest
	}
	return changed(t, []byte(`{"type":"`+typ+`","id":"`+idOf(typ)+`",`+commonMembers(typ)+own+`}`), changes)
}

// changed makes the changes to an object. A cyber-observable gets the
// identifier of what it then is, unless the id is among the changes.
func changed(t testing.TB, object []byte, changes string) []byte {
	t.Helper()
	members, order := membersOf(t, object)
	for strings.HasPrefix(changes, "-") {
		var name string
		name, changes, _ = strings.Cut(changes[1:], " ")
		if _, there := members[name]; !there {
			t.Fatalf("there is no %s to leave out", name)
		}
		delete(members, name)
	}
	put, added := membersOf(t, []byte("{"+changes+"}"))
	for _, name := range added {
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
		members[name] = put[name]
	}
	write := func() []byte {
		var b bytes.Buffer
		for _, name := range order {
			if v, there := members[name]; there {
				fmt.Fprintf(&b, ",%q:%s", name, v)
			}
		}
		return append(append([]byte("{"), bytes.TrimPrefix(b.Bytes(), []byte(","))...), '}')
	}
	_, set := put["id"]
	if _, there := members["id"]; there && !set {
		if id, ok, err := DeterministicID(write()); ok && err == nil {
			members["id"] = `"` + id + `"`
		}
	}
	return write()
}

func membersOf(t testing.TB, object []byte) (members map[string]string, order []string) {
	t.Helper()
	members = map[string]string{}
	d := jsontext.NewDecoder(bytes.NewReader(object), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadToken(); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			t.Fatalf("%s: %v", object, err)
		}
		key := name.String() // before it is read over
		value, err := d.ReadValue()
		if err != nil {
			t.Fatalf("%s: %v", object, err)
		}
		members[key], order = string(value), append(order, key)
	}
	return members, order
}

// told lists the findings as "code path", with a "?" before warnings.
func told(fs []Finding) string {
	var all []string
	for _, f := range fs {
		mark := ""
		if f.Severity == Warning {
			mark = "?"
		}
		all = append(all, mark+f.Code+" "+f.Path)
	}
	return strings.Join(all, ", ")
}

// findingsIn splits a payload of one object and returns what is wrong with it.
func findingsIn(t testing.TB, payload []byte) []Finding {
	t.Helper()
	objects, err := Split(payload, largeLimits)
	if err != nil || len(objects) != 1 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	return objects[0].Findings
}

// ruleCase is a change to a sound object of a type, and what is found then, as
// told writes it: "" where the rule is kept.
type ruleCase struct{ name, typ, changes, want string }

// checkRules makes each change and looks at the findings.
func checkRules(t *testing.T, cases []ruleCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			object := made(t, c.typ, c.changes)
			fs := findingsIn(t, object)
			if got := told(fs); got != c.want {
				t.Errorf("%s\n got %s\nwant %s", object, got, c.want)
			}
			for _, f := range fs {
				if f.Message == "" || f.Section == "" {
					t.Errorf("nothing is said or no section named: %+v", f)
				}
			}
		})
	}
}

func TestASoundObjectOfEveryTypeIsTakenWithoutAWord(t *testing.T) {
	for _, typ := range slices.Sorted(maps.Keys(soundMembers)) {
		t.Run(typ, func(t *testing.T) {
			want := map[string]string{"x-thing": "?custom-object /type"}[typ]
			if got := told(findingsIn(t, made(t, typ, ""))); got != want {
				t.Errorf("got %s, want %q", got, want)
			}
		})
	}
	for typ, st := range structures {
		if st.class != bundle && soundMembers[typ] == "" {
			t.Errorf("there is no sound %s", typ)
		}
	}
}

func TestTheSoundObjectsHaveEveryPropertyOfTheirType(t *testing.T) {
	// In the place of another one, or deprecated.
	elsewhere := map[string]bool{"observed-data.objects": true, "artifact.url": true, "email-message.body_multipart": true}
	for typ, st := range structures {
		if st.class == bundle {
			continue
		}
		members, _ := membersOf(t, made(t, typ, ""))
		for i := range st.props {
			p := &st.props[i]
			if _, there := members[p.name]; !there && !commonNames[p.name] && p.presence != forbidden && !elsewhere[typ+"."+p.name] {
				t.Errorf("the sound %s has no %s", typ, p.name)
			}
		}
	}
}
