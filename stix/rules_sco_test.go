package stix

import (
	"strings"
	"testing"
)

// Section 6 of STIX 2.1: cyber-observables. Their extensions are in
// rules_ext_test.go.
//
// These sentences cannot be held against the bytes of one object:
//   - §6.1.1: the url leads to the content, unencoded;
//   - §6.3.1: path_enc is there if the path is not stored in Unicode;
//   - §6.6, §6.6.2: header fields and bodies are decoded: a text may read like an
//     encoded one and be none;
//   - §6.6.1: the received_lines are in the order of the message;
//   - §6.12.1: the protocols go from the outer to the inner; the ipfix keys are in
//     the registry, which grows;
//   - §6.13.1, §6.13.2, §6.7.5: keys keep the case of the original;
//   - §6.14.1: the cpe is in the NVD's dictionary, which changes daily;
//   - §6.17.1: all values of the key are in values; §6.17.2: the default value has
//     an empty name;
//   - §6.18.2: name_constraints is about the certificates that follow.

var observableRules = []ruleCase{
	// §2.9, §3.6
	{"an identifier made of the properties", "mutex", `"id":"mutex--c13f8b2e-5a0d-5e3a-a1d5-6a4ae5a9b4c7"`, "?sco-id /id"},
	{"a random identifier", "mutex", `"id":` + refOf("mutex"), "?sco-id /id"},
	{"a random identifier where nothing contributes", "email-message", `-from_ref -subject -body "id":` + refOf("email-message"), ""},
	{"a made identifier where nothing contributes", "email-message", `-from_ref -subject -body "id":"email-message--1f9a2b34-5c6d-5e7f-8a9b-0c1d2e3f4a5b"`, "invalid-id /id"},
	{"a process with a made identifier", "process", `"id":"process--1f9a2b34-5c6d-5e7f-8a9b-0c1d2e3f4a5b"`, "invalid-id /id"},
	{"a versioned observable with the identifier of its properties", "mutex", testTimes, "invalid-id /id, ?not-applicable /created, ?not-applicable /modified"},
	{"a versioned observable with one of its own", "mutex", `"id":` + refOf("mutex") + `,` + testTimes, "?not-applicable /created, ?not-applicable /modified, ?sco-id /id"},
	{"an observable of STIX 2.0", "mutex", `"spec_version":"2.0"`, "invalid-spec-version /spec_version"},
	{"an observable without its version", "mutex", `-spec_version `, ""},
	{"an observable with labels", "mutex", `"labels":["l"]`, "?not-applicable /labels"},
	{"an observable that is defanged", "url", `"defanged":true`, ""},
	// §6.1
	{"an artifact by its url", "artifact", `-payload_bin "url":"https://example.com/a"`, ""},
	{"an artifact of nothing", "artifact", `-payload_bin `, "missing-property /payload_bin"},
	{"an artifact in both places", "artifact", `"url":"https://example.com/a"`, "conflicting-properties /url"},
	{"an artifact by its url without hashes", "artifact", `-payload_bin -hashes "url":"https://example.com/a"`, "missing-property /hashes"},
	{"an artifact at no url", "artifact", `-payload_bin "url":"a b"`, "invalid-value /url"},
	{"an artifact with a cipher of its own", "artifact", `"encryption_algorithm":"ROT13"`, "vocabulary /encryption_algorithm"},
	{"an artifact with a key to nothing", "artifact", `-encryption_algorithm `, "conflicting-properties /decryption_key"},
	{"an artifact of no media type", "artifact", `"mime_type":"jpeg"`, "?vocabulary /mime_type"},
	{"an artifact of a private media type", "artifact", `"mime_type":"application/x-foo"`, ""},
	// §6.3
	{"a directory without a path", "directory", `-path `, "missing-property /path, conflicting-properties /path_enc"},
	{"a directory in an alias of an encoding", "directory", `"path_enc":"utf8"`, "invalid-value /path_enc"},
	// §6.4
	{"a domain in upper case", "domain-name", `"value":"Example.COM."`, ""},
	{"a domain with an underscore", "domain-name", `"value":"_dmarc.example.com"`, ""},
	{"a domain in another script", "domain-name", `"value":"例え.jp"`, ""},
	{"a domain with an empty label", "domain-name", `"value":"a..com"`, "invalid-value /value"},
	{"a domain with a label of 63", "domain-name", `"value":"` + strings.Repeat("a", 63) + `.com"`, ""},
	{"a domain with a label of 64", "domain-name", `"value":"` + strings.Repeat("a", 64) + `.com"`, "invalid-value /value"},
	{"a domain of 254", "domain-name", `"value":"` + strings.Repeat("a.", 126) + `ab"`, "invalid-value /value"},
	{"a domain with a scheme", "domain-name", `"value":"http://example.com"`, "invalid-value /value"},
	{"a domain that is defanged", "domain-name", `"value":"example[.]com"`, "invalid-value /value"},
	{"a domain of nothing", "domain-name", `"value":""`, "invalid-value /value"},
	// §6.5
	{"an address with a quoted name", "email-addr", `"value":"\"a b\"@example.com"`, ""},
	{"an address in another script", "email-addr", `"value":"用户@example.com"`, ""},
	{"an address with a display name", "email-addr", `"value":"User <user@example.com>"`, "invalid-value /value"},
	{"an address without a host", "email-addr", `"value":"user@"`, "invalid-value /value"},
	{"an address without an at sign", "email-addr", `"value":"user"`, "invalid-value /value"},
	// §6.6
	{"a message of several parts", "email-message", `-body "is_multipart":true,"body_multipart":[{"body":"b","content_type":"text/plain","content_disposition":"inline"},{"body_raw_ref":` + refOf("file") + `}]`, ""},
	{"a message of several parts with a body", "email-message", `"is_multipart":true`, "conflicting-properties /body"},
	{"a message of one part with several", "email-message", `-body "body_multipart":[{"body":"b"}]`, "conflicting-properties /body_multipart"},
	{"a part without a body", "email-message", `-body "is_multipart":true,"body_multipart":[{"content_type":"text/plain"}]`, "missing-property /body_multipart/0/body"},
	{"a part that is an address", "email-message", `-body "is_multipart":true,"body_multipart":[{"body_raw_ref":` + refOf("email-addr") + `}]`, "wrong-target /body_multipart/0/body_raw_ref"},
	{"a message that does not say", "email-message", `-is_multipart `, "missing-property /is_multipart"},
	{"a header field that is no list", "email-message", `"additional_header_fields":{"reply-to":"a"}`, "wrong-type /additional_header_fields/reply-to"},
	{"a header field that is a list of numbers", "email-message", `"additional_header_fields":{"reply-to":[5]}`, "wrong-type /additional_header_fields/reply-to/0"},
	// §6.7
	{"a file by its name", "file", `-hashes `, ""},
	{"a file by its hashes", "file", `-name -name_enc `, ""},
	{"a file by neither", "file", `-hashes -name -name_enc `, "missing-property /hashes"},
	{"a file of no size", "file", `"size":0`, ""},
	{"a file of less", "file", `"size":-1`, "out-of-range /size"},
	// §6.8, §6.9, §6.10
	{"a single IPv4 address", "ipv4-addr", `"value":"198.51.100.3"`, ""},
	{"an IPv4 network with bits to spare", "ipv4-addr", `"value":"10.2.4.5/24"`, ""},
	{"an IPv4 network of 33 bits", "ipv4-addr", `"value":"198.51.100.3/33"`, "invalid-value /value"},
	{"an IPv4 address of 256", "ipv4-addr", `"value":"198.51.100.256"`, "invalid-value /value"},
	{"an IPv4 address of three parts", "ipv4-addr", `"value":"198.51.100"`, "invalid-value /value"},
	{"an IPv4 address with a port", "ipv4-addr", `"value":"198.51.100.3:80"`, "invalid-value /value"},
	{"an IPv6 address as IPv4", "ipv4-addr", `"value":"2001:db8::1"`, "invalid-value /value"},
	{"a single IPv6 address", "ipv6-addr", `"value":"2001:db8::1"`, ""},
	{"an IPv6 address in full", "ipv6-addr", `"value":"2001:0DB8:0000:0000:0000:0000:0000:0001/128"`, ""},
	{"an IPv6 network of 129 bits", "ipv6-addr", `"value":"2001:db8::/129"`, "invalid-value /value"},
	{"an IPv6 address with a zone", "ipv6-addr", `"value":"fe80::1%eth0"`, "invalid-value /value"},
	{"an IPv4 address as IPv6", "ipv6-addr", `"value":"198.51.100.3"`, "invalid-value /value"},
	{"a MAC address in upper case", "mac-addr", `"value":"00:00:5E:00:53:01"`, "invalid-value /value"},
	{"a MAC address with hyphens", "mac-addr", `"value":"00-00-5e-00-53-01"`, "invalid-value /value"},
	{"a MAC address without leading zeros", "mac-addr", `"value":"0:0:5e:0:53:1"`, "invalid-value /value"},
	{"a MAC address of eight octets", "mac-addr", `"value":"00:00:5e:00:53:01:02:03"`, "invalid-value /value"},
	// §6.12
	{"traffic to somewhere", "network-traffic", `-src_ref `, ""},
	{"traffic from somewhere", "network-traffic", `-dst_ref `, ""},
	{"traffic from nowhere to nowhere", "network-traffic", `-src_ref -dst_ref `, "missing-property /src_ref"},
	{"traffic without protocols", "network-traffic", `-protocols `, "missing-property /protocols"},
	{"traffic without ports", "network-traffic", `-src_port -dst_port `, "?missing-property /src_port, ?missing-property /dst_port"},
	{"traffic that ended before it began", "network-traffic", `"start":` + atOne + `,"end":` + atNoon, "time-order /end"},
	{"traffic that is over in no time", "network-traffic", `"end":` + atNoon, ""},
	{"traffic that is active", "network-traffic", `-end "is_active":true`, ""},
	{"traffic that is active and has ended", "network-traffic", `"is_active":true`, "conflicting-properties /end"},
	{"a port of 65536", "network-traffic", `"src_port":65536`, "out-of-range /src_port"},
	{"a port of -1", "network-traffic", `"dst_port":-1`, "out-of-range /dst_port"},
	{"a port in words", "network-traffic", `"dst_port":"https"`, "wrong-type /dst_port"},
	{"bytes less than none", "network-traffic", `"src_byte_count":-1`, "out-of-range /src_byte_count"},
	{"an ipfix that is true", "network-traffic", `"ipfix":{"a":true}`, "wrong-type /ipfix/a"},
	// §6.13
	{"a process that has nothing", "process", `-* `, "missing-property "},
	{"a process that has an id and a version only", "process", `-* "defanged":true`, "missing-property "},
	{"a process by its extension", "process", `-* "extensions":{"windows-process-ext":{"aslr_enabled":true}}`, ""},
	{"an environment variable that is a number", "process", `"environment_variables":{"N":1}`, "wrong-type /environment_variables/N"},
	// §6.14
	{"a CPE 2.2", "software", `"cpe":"cpe:/a:microsoft:word:2000"`, "invalid-value /cpe"},
	{"a CPE of ten parts", "software", `"cpe":"cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*"`, "invalid-value /cpe"},
	{"a CPE with a colon that is escaped", "software", `"cpe":"cpe:2.3:a:a\\:b:word:2000:*:*:*:*:*:*:*"`, ""},
	{"a CPE of no part", "software", `"cpe":"cpe:2.3:x:microsoft:word:2000:*:*:*:*:*:*:*"`, "invalid-value /cpe"},
	{"a language of the program", "software", `"languages":["en","c++"]`, "invalid-value /languages/1"},
	// §6.15
	{"a url with everything", "url", `"value":"ftp://u:p@[2001:db8::1]:21/a;b/%7Ec?d=/?#e/?"`, ""},
	{"a url without a scheme", "url", `"value":"www.example.com/a"`, "invalid-value /value"},
	{"a url with a space", "url", `"value":"https://example.com/a b"`, "invalid-value /value"},
	{"a url in another script", "url", `"value":"https://example.com/日本"`, "invalid-value /value"},
	{"a url with half of an escape", "url", `"value":"https://example.com/%7"`, "invalid-value /value"},
	{"a url with a port in words", "url", `"value":"https://example.com:http/"`, "invalid-value /value"},
	{"a url with a bracket in its path", "url", `"value":"https://example.com/[a]"`, "invalid-value /value"},
	{"a url that is defanged", "url", `"value":"hxxp://example[.]com"`, "invalid-value /value"},
	// §6.16, §6.17, §6.18
	{"an account that has nothing", "user-account", `-* `, "missing-property "},
	{"an account of a kind of its own", "user-account", `"account_type":"github"`, "?vocabulary /account_type"},
	{"a registry key that has nothing", "windows-registry-key", `-* `, "missing-property "},
	{"a registry key with a short hive", "windows-registry-key", `"key":"HKLM\\System"`, "invalid-value /key"},
	{"a registry key with a short hive in lower case", "windows-registry-key", `"key":"hkcu\\Software"`, "invalid-value /key"},
	{"a registry key that is a hive", "windows-registry-key", `"key":"HKEY_CURRENT_USER"`, ""},
	{"a registry value that has nothing but its name", "windows-registry-key", `"values":[{"name":"n"}]`, ""},
	{"a registry value of nothing", "windows-registry-key", `"values":[{}]`, "empty-value /values/0, missing-property /values/0"},
	{"a registry value of a type of its own", "windows-registry-key", `"values":[{"data_type":"REG_TEXT"}]`, "vocabulary /values/0/data_type"},
	{"a certificate that has nothing", "x509-certificate", `-* `, "missing-property "},
	{"extensions of a certificate that have nothing", "x509-certificate", `"x509_v3_extensions":{"x_a":1}`, "missing-property /x509_v3_extensions, ?custom-property /x509_v3_extensions/x_a"},
	{"extensions of a certificate with a period", "x509-certificate", `"x509_v3_extensions":{"private_key_usage_period_not_before":"2025"}`, "invalid-timestamp /x509_v3_extensions/private_key_usage_period_not_before"},
}

func TestObservablesAreHeldToTheirRules(t *testing.T) { checkRules(t, observableRules) }
