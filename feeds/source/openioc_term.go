package source

import (
	"regexp"
	"strings"

	"github.com/selat-hub/selat/feeds/build"
)

// iocKinds are the terms whose values are of a kind that is read as such when
// they are compared with is.
var iocKinds = map[string]build.Kind{
	"FileItem/Md5sum": build.MD5, "FileItem/Sha1sum": build.SHA1, "FileItem/Sha256sum": build.SHA256,
	"PortItem/remoteIP": build.IP, "DnsEntryItem/Host": build.Domain, "DnsEntryItem/RecordName": build.Domain, "Network/DNS": build.Domain,
	"Network/URI": build.URL, "UrlHistoryItem/URL": build.URL,
}

// iocPaths are the terms that STIX has a place for.
var iocPaths = map[string]string{
	"FileItem/FileName": "file:name", "FileItem/FilePath": "file:parent_directory_ref.path",
	"DnsEntryItem/Host": "domain-name:value", "DnsEntryItem/RecordName": "domain-name:value", "Network/DNS": "domain-name:value",
	"Network/URI": "url:value", "UrlHistoryItem/URL": "url:value",
	"Network/UserAgent": "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'",
	"Email/Subject":     "email-message:subject", "Email/Attachment/Name": "email-message:body_multipart[*].body_raw_ref.name",
	"ProcessItem/name": "process:image_ref.name", "ProcessItem/arguments": "process:command_line",
	"RegistryItem/Path": "windows-registry-key:key", "RegistryItem/KeyPath": "windows-registry-key:key",
	"RegistryItem/ValueName": "windows-registry-key:values[*].name", "RegistryItem/Text": "windows-registry-key:values[*].data",
	"RegistryItem/Value":          "windows-registry-key:values[*].data",
	"ServiceItem/name":            "process:extensions.'windows-service-ext'.service_name",
	"ServiceItem/descriptiveName": "process:extensions.'windows-service-ext'.display_name",
}

// item makes a term of an item.
func (n *iocNode) item() (iocTerm, *Refusal) {
	if strings.Contains(n.search, "User") && !strings.HasSuffix(n.search, "UserAgent") {
		return iocTerm{}, &Refusal{Code: build.PersonalData, Message: "the term is about an account"}
	}
	condition, negated := strings.ToLower(n.condition), n.negated
	if condition == "isnot" || condition == "containsnot" {
		condition, negated = strings.TrimSuffix(condition, "not"), !negated
	}
	path, kind := iocPaths[n.search], iocKinds[n.search]
	text := strings.TrimSpace(n.value)
	var comparison string
	switch {
	case kind != "" && condition == "is":
		v, refused := build.Read(kind, text)
		if refused != nil {
			return iocTerm{}, refused
		}
		comparison = v.Comparison()
	case path == "":
		return iocTerm{}, &Refusal{Code: unsupportedTerm, Message: "STIX has no place for what the term asks of"}
	default:
		v, refused := build.Read(build.FileName, text) // which takes any text
		if refused != nil {
			return iocTerm{}, &Refusal{Code: refused.Code, Message: "the content must be text without control characters"}
		}
		if comparison = compare(path, condition, v.Text); comparison == "" {
			return iocTerm{}, &Refusal{Code: unsupportedTerm, Message: "STIX has no such condition, or its content is no regular expression"}
		}
	}
	object, _, _ := strings.Cut(comparison, ":")
	if negated {
		comparison = negate(comparison)
	}
	return iocTerm{object: object, condition: comparison}, nil
}

// negate puts NOT before the operator, which is the first word after the path:
// no path has a space in it.
func negate(comparison string) string {
	path, rest, _ := strings.Cut(comparison, " ")
	return path + " NOT " + rest
}

// compare writes a comparison, "" of a condition that STIX has not. LIKE has no
// way to say that a character stands for itself (STIX 2.1 §9.6.1).
func compare(path, condition, text string) string {
	before, after := "%", "%"
	switch condition {
	case "is":
		return path + " = " + build.Quote(text)
	case "matches":
		if _, err := regexp.Compile(text); err != nil {
			return ""
		}
		return path + " MATCHES " + build.Quote(text)
	case "contains":
	case "starts-with":
		before = ""
	case "ends-with":
		after = ""
	default:
		return ""
	}
	if strings.ContainsAny(text, "%_") {
		expression := regexp.QuoteMeta(text)
		if before == "" {
			expression = "^" + expression
		}
		if after == "" {
			expression += "$"
		}
		return path + " MATCHES " + build.Quote(expression)
	}
	return path + " LIKE " + build.Quote(before+text+after)
}
