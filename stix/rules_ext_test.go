package stix

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// The predefined extensions of section 6 of STIX 2.1 and the types inside of
// them. soundExtensions holds each with every property it has.
var soundExtensions = map[string]struct{ typ, members string }{
	"archive-ext":      {"file", `"contains_refs":[` + refOf("file") + `,` + refOf("directory") + `]`},
	"ntfs-ext":         {"file", `"sid":"S-1","alternate_data_streams":[{"name":"n","hashes":{"MD5":"79054025255fb1a26e4bc422aef54eb4"},"size":1}]`},
	"pdf-ext":          {"file", `"version":"1.7","is_optimized":false,"document_info_dict":{"Title":"t"},"pdfid0":"a","pdfid1":"b"`},
	"raster-image-ext": {"file", `"image_height":1,"image_width":2,"bits_per_pixel":3,"exif_tags":{"XResolution":72,"Make":"m"}`},
	"windows-pebinary-ext": {"file", `"pe_type":"dll","imphash":"i","machine_hex":"014c","number_of_sections":4,"time_date_stamp":"2016-01-22T12:31:12Z","pointer_to_symbol_table_hex":"74726144",` +
		`"number_of_symbols":1,"size_of_optional_header":224,"characteristics_hex":"818f","file_header_hashes":{"MD5":"79054025255fb1a26e4bc422aef54eb4"},"optional_header":` + soundPEHeader +
		`,"sections":[{"name":"CODE","size":1,"entropy":0.061089,"hashes":{"MD5":"79054025255fb1a26e4bc422aef54eb4"}}]`},
	"http-request-ext":    {"network-traffic", `"request_method":"get","request_value":"/a","request_version":"http/1.1","request_header":{"User-Agent":["a","b"]},"message_body_length":1,"message_body_data_ref":` + refOf("artifact")},
	"icmp-ext":            {"network-traffic", `"icmp_type_hex":"08","icmp_code_hex":"00"`},
	"socket-ext":          {"network-traffic", `"address_family":"AF_INET","is_blocking":true,"is_listening":true,"options":{"SO_BROADCAST":1},"socket_type":"SOCK_STREAM","socket_descriptor":1,"socket_handle":2`},
	"tcp-ext":             {"network-traffic", `"src_flags_hex":"02","dst_flags_hex":"12"`},
	"windows-process-ext": {"process", `"aslr_enabled":true,"dep_enabled":true,"priority":"HIGH_PRIORITY_CLASS","owner_sid":"S-1","windows_title":"t","startup_info":{"a":1,"b":[true]},"integrity_level":"high"`},
	"windows-service-ext": {"process", `"service_name":"n","descriptions":["d"],"display_name":"n","group_name":"g","start_type":"SERVICE_AUTO_START","service_dll_refs":` + refsOf("file") +
		`,"service_type":"SERVICE_WIN32_OWN_PROCESS","service_status":"SERVICE_RUNNING"`},
	"unix-account-ext": {"user-account", `"gid":1,"groups":["g"],"home_dir":"/","shell":"/bin/sh"`},
}

const soundPEHeader = `{"magic_hex":"010b","major_linker_version":2,"minor_linker_version":25,"size_of_code":512,"size_of_initialized_data":283648,"size_of_uninitialized_data":0,"address_of_entry_point":4096,` +
	`"base_of_code":4096,"base_of_data":8192,"image_base":14548992,"section_alignment":4096,"file_alignment":4096,"major_os_version":1,"minor_os_version":0,"major_image_version":0,"minor_image_version":0,` +
	`"major_subsystem_version":4,"minor_subsystem_version":0,"win32_version_value_hex":"00","size_of_image":299008,"size_of_headers":4096,"checksum_hex":"00","subsystem_hex":"03","dll_characteristics_hex":"00",` +
	`"size_of_stack_reserve":100000,"size_of_stack_commit":8192,"size_of_heap_reserve":100000,"size_of_heap_commit":4096,"loader_flags_hex":"abdbffde","number_of_rva_and_sizes":16,"hashes":{"x_foo":"a"}}`

// extendedBy returns a sound object with the extension after changes to it, of
// the kind that made takes.
func extendedBy(t testing.TB, key, changes string) []byte {
	t.Helper()
	e := soundExtensions[key]
	return made(t, e.typ, `"extensions":{"`+key+`":`+string(changed(t, []byte("{"+e.members+"}"), changes))+`}`)
}

func TestEveryPredefinedExtensionIsTakenWithoutAWord(t *testing.T) {
	for _, key := range slices.Sorted(maps.Keys(soundExtensions)) {
		if got := told(findingsIn(t, extendedBy(t, key, ""))); got != "" {
			t.Errorf("%s: %s", key, got)
		}
	}
	for key, typ := range predefinedExtensions {
		if soundExtensions[key].typ != typ {
			t.Errorf("there is no sound %s of %s", key, typ)
		}
	}
}

func TestAPredefinedExtensionIsForObjectsOfOneType(t *testing.T) {
	for key, e := range soundExtensions {
		for _, typ := range slices.Sorted(maps.Keys(soundMembers)) {
			object := made(t, typ, `"extensions":{"`+key+`":{`+e.members+`}}`)
			refused := strings.Contains(told(findingsIn(t, object)), "invalid-extension /extensions/"+key)
			if refused == (typ == e.typ) {
				t.Errorf("%s of %s: %s", key, typ, told(findingsIn(t, object)))
			}
		}
	}
}

// extensionCase is a change to a predefined extension; the paths in want are
// from the extension.
type extensionCase struct{ name, key, changes, want string }

var predefinedRules = []extensionCase{
	{"an archive of nothing", "archive-ext", `"contains_refs":[]`, "empty-value /contains_refs"},
	{"an archive that does not say", "archive-ext", `-contains_refs "x_a":1`, "missing-property /contains_refs, ?custom-property /x_a"},
	{"an archive of urls", "archive-ext", `"contains_refs":` + refsOf("url"), "wrong-target /contains_refs/0"},
	{"NTFS by its sid", "ntfs-ext", `-alternate_data_streams `, ""},
	{"NTFS with nothing of it", "ntfs-ext", `-sid -alternate_data_streams "x_a":1`, "missing-property , ?custom-property /x_a"},
	{"a stream without a name", "ntfs-ext", `"alternate_data_streams":[{"size":1}]`, "missing-property /alternate_data_streams/0/name"},
	{"a stream of less than nothing", "ntfs-ext", `"alternate_data_streams":[{"name":"n","size":-1}]`, "out-of-range /alternate_data_streams/0/size"},
	{"PDF with nothing of it", "pdf-ext", `-version -is_optimized -document_info_dict -pdfid0 -pdfid1 "x_a":1`, "missing-property , ?custom-property /x_a"},
	{"PDF with a title that is a number", "pdf-ext", `"document_info_dict":{"Title":1}`, "wrong-type /document_info_dict/Title"},
	{"PDF with a key of its own", "pdf-ext", `"document_info_dict":{"title":"t"}`, "?vocabulary /document_info_dict/title"},
	{"an image with nothing of it", "raster-image-ext", `-image_height -image_width -bits_per_pixel -exif_tags "x_a":1`, "missing-property , ?custom-property /x_a"},
	{"an image with a tag that is a list", "raster-image-ext", `"exif_tags":{"Make":["m"]}`, "wrong-type /exif_tags/Make"},
	{"an image with a tag that has a fraction", "raster-image-ext", `"exif_tags":{"XResolution":72.5}`, "wrong-type /exif_tags/XResolution"},
	{"PE with its type only", "windows-pebinary-ext", `-imphash -machine_hex -number_of_sections -time_date_stamp -pointer_to_symbol_table_hex -number_of_symbols ` +
		`-size_of_optional_header -characteristics_hex -file_header_hashes -optional_header -sections `, "missing-property "},
	{"PE without its type", "windows-pebinary-ext", `-pe_type `, "missing-property /pe_type"},
	{"PE of a type of its own", "windows-pebinary-ext", `"pe_type":"ocx"`, "?vocabulary /pe_type"},
	{"PE stamped to the millisecond", "windows-pebinary-ext", `"time_date_stamp":"2016-01-22T12:31:12.001Z"`, "invalid-timestamp /time_date_stamp"},
	{"PE with a header of less than nothing", "windows-pebinary-ext", `"size_of_optional_header":-1`, "out-of-range /size_of_optional_header"},
	{"PE with a header hash that is short", "windows-pebinary-ext", `"file_header_hashes":{"MD5":"1"}`, "invalid-hash /file_header_hashes/MD5"},
	{"PE with a header that has nothing", "windows-pebinary-ext", `"optional_header":{"x_a":1}`, "missing-property /optional_header, ?custom-property /optional_header/x_a"},
	{"PE with negative sizes", "windows-pebinary-ext", `"optional_header":{"size_of_code":-1,"size_of_initialized_data":-1,"size_of_uninitialized_data":-1,"size_of_image":-1,"size_of_headers":-1,` +
		`"size_of_stack_reserve":-1,"size_of_stack_commit":-1,"size_of_heap_reserve":-1,"size_of_heap_commit":-1}`,
		"out-of-range /optional_header/size_of_code, out-of-range /optional_header/size_of_initialized_data, out-of-range /optional_header/size_of_uninitialized_data, " +
			"out-of-range /optional_header/size_of_image, out-of-range /optional_header/size_of_headers, out-of-range /optional_header/size_of_stack_reserve, " +
			"out-of-range /optional_header/size_of_stack_commit, out-of-range /optional_header/size_of_heap_reserve, out-of-range /optional_header/size_of_heap_commit"},
	{"PE with a section of less than nothing", "windows-pebinary-ext", `"sections":[{"name":"n","size":-1}]`, "out-of-range /sections/0/size"},
	{"PE with a section without a name", "windows-pebinary-ext", `"sections":[{"size":1}]`, "missing-property /sections/0/name"},
	{"HTTP without its method and value", "http-request-ext", `-request_method -request_value `, "missing-property /request_method, missing-property /request_value"},
	{"HTTP with a field that is no list", "http-request-ext", `"request_header":{"User-Agent":"a"}`, "wrong-type /request_header/User-Agent"},
	{"HTTP with a field in lower case", "http-request-ext", `"request_header":{"user-agent":["a"]}`, "?word-form /request_header/user-agent"},
	{"HTTP with a body that is a file", "http-request-ext", `"message_body_data_ref":` + refOf("file"), "wrong-target /message_body_data_ref"},
	{"ICMP without its code", "icmp-ext", `-icmp_code_hex `, "missing-property /icmp_code_hex"},
	{"ICMP of a type of one digit", "icmp-ext", `"icmp_type_hex":"8"`, "invalid-value /icmp_type_hex"},
	{"a socket without a family", "socket-ext", `-address_family `, "missing-property /address_family"},
	{"a socket of a family of its own", "socket-ext", `"address_family":"AF_UNIX"`, "vocabulary /address_family"},
	{"a socket of a type of its own", "socket-ext", `"socket_type":"SOCK_ANY"`, "vocabulary /socket_type"},
	{"a socket with an option in words", "socket-ext", `"options":{"SO_BROADCAST":"on"}`, "wrong-type /options/SO_BROADCAST"},
	{"TCP with nothing of it", "tcp-ext", `-src_flags_hex -dst_flags_hex "x_a":1`, "missing-property , ?custom-property /x_a"},
	{"a Windows process with nothing of it", "windows-process-ext", `-aslr_enabled -dep_enabled -priority -owner_sid -windows_title -startup_info -integrity_level "x_a":1`, "missing-property , ?custom-property /x_a"},
	{"a Windows process with a level of its own", "windows-process-ext", `"integrity_level":"untrusted"`, "vocabulary /integrity_level"},
	{"a Windows process with a priority of its own", "windows-process-ext", `"priority":"high"`, "?vocabulary /priority"},
	{"a service with nothing of it", "windows-service-ext", `-service_name -descriptions -display_name -group_name -start_type -service_dll_refs -service_type -service_status "x_a":1`, "missing-property , ?custom-property /x_a"},
	{"a service with values of its own", "windows-service-ext", `"start_type":"auto","service_type":"x","service_status":"up"`, "vocabulary /start_type, vocabulary /service_type, vocabulary /service_status"},
	{"a service whose DLL is a process", "windows-service-ext", `"service_dll_refs":` + refsOf("process"), "wrong-target /service_dll_refs/0"},
	{"a UNIX account with nothing of it", "unix-account-ext", `-gid -groups -home_dir -shell "x_a":1`, "missing-property , ?custom-property /x_a"},
	{"a UNIX account with a group in words", "unix-account-ext", `"gid":"wheel"`, "wrong-type /gid"},
}

func TestPredefinedExtensionsAreHeldToTheirRules(t *testing.T) {
	for _, c := range predefinedRules {
		t.Run(c.name, func(t *testing.T) {
			object := extendedBy(t, c.key, c.changes)
			if got := strings.ReplaceAll(told(findingsIn(t, object)), "/extensions/"+c.key, ""); got != c.want {
				t.Errorf("%s\n got %s\nwant %s", object, got, c.want)
			}
		})
	}
}
