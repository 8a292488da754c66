package misp

import (
	"strings"

	"github.com/selat-hub/selat/feeds/build"
)

// simple are the types of one value.
var simple = map[Text]build.Kind{
	"ip-src": build.IP, "ip-dst": build.IP, "domain": build.Domain, "hostname": build.Domain, "url": build.URL, "uri": build.URL,
	"md5": build.MD5, "sha1": build.SHA1, "sha224": build.SHA224, "sha256": build.SHA256, "sha384": build.SHA384, "sha512": build.SHA512,
	"sha3-256": build.SHA3256, "sha3-512": build.SHA3512, "ssdeep": build.SSDEEP, "tlsh": build.TLSH,
	"x509-fingerprint-md5": build.CertMD5, "x509-fingerprint-sha1": build.CertSHA1, "x509-fingerprint-sha256": build.CertSHA2,
	"filename": build.FileName, "mutex": build.Mutex, "regkey": build.Registry, "AS": build.ASN, "user-agent": build.UserAgent,
	"mac-address": build.MAC, "email-src": build.Email, "email": build.Email, "email-reply-to": build.Email,
}

// paths are the types of one value that is any text, and where it stands.
var paths = map[Text]string{
	"email-subject":    "email-message:subject",
	"email-attachment": "email-message:body_multipart[*].body_raw_ref.name",
	"email-x-mailer":   "email-message:additional_header_fields.'X-Mailer'",
}

// persons are the types that name a person, an account or who was attacked.
var persons = func() map[Text]bool {
	m := map[Text]bool{}
	for _, t := range strings.Fields(`
		target-user target-email target-machine target-org target-location target-external
		whois-registrant-email whois-registrant-phone whois-registrant-name whois-registrant-org
		email-dst email-dst-display-name email-src-display-name email-body email-header
		first-name middle-name last-name full-name date-of-birth place-of-birth gender nationality
		passport-number passport-country passport-expiration redress-number visa-number issue-date-of-the-visa
		primary-residence country-of-residence special-service-request frequent-flyer-number travel-details
		payment-details place-port-of-original-embarkation place-port-of-clearance
		place-port-of-onward-foreign-destination passenger-name-record-locator-number
		identity-card-number phone-number iban bic bank-account-nr aba-rtn bin cc-number prtn
		github-username github-organisation jabber-id twitter-id eppn kusto-account dkim-signature`) {
		m[Text(t)] = true
	}
	return m
}()

// personalCategories are the categories whose attributes are about persons,
// accounts or the attacked, whatever their type.
var personalCategories = map[Text]bool{"Person": true, "Targeting data": true, "Social network": true, "Financial fraud": true}

// personalObjects are the templates that are about a person or an account.
var personalObjects = func() map[Text]bool {
	m := map[Text]bool{}
	for _, t := range strings.Fields(`
		person credential user-account bank-account phone victim employee identity legal-entity organization
		facebook-account facebook-post twitter-account twitter-post telegram-account instagram-account github-user
		gitlab-user reddit-account linkedin-account youtube-channel skype-account social-media-group parler-account
		reddit-comment identity-card passport transaction coin-address payment-card target-system annotation
		personification interpol-notice meme-image narrative stix2-identity windows-user unix-user`) {
		m[Text(t)] = true
	}
	return m
}()

// Personal tells whether the object is about a person or an account.
func (o *Object) Personal() bool { return personalObjects[o.Name] }

// Personal tells whether the attribute is about a person or an account, or about
// who was attacked. An e-mail address is not where it is to be looked for as that
// of an attacker.
func (a *Attribute) Personal() bool {
	switch a.Type {
	case "email-src", "email", "email-reply-to":
		return personalCategories[a.Category] || !bool(a.ToIDS)
	}
	switch a.Relation {
	case "username", "password", "account-name", "to", "cc", "bcc":
		return true
	}
	return persons[a.Type] || personalCategories[a.Category] && simple[a.Type] == ""
}

// Asked is what an attribute asks for.
type Asked struct {
	// Comparison is a comparison expression without brackets (STIX 2.1 §9.6).
	Comparison string
	// Title says it for people.
	Title string
	// Values are the values in it: of filename|sha256 two.
	Values []build.Value
}

// Pattern is what the attribute asks for, as a STIX pattern.
func (a Asked) Pattern() string { return "[" + a.Comparison + "]" }

// Ask tells what the attribute asks for.
func (a *Attribute) Ask() (Asked, *build.Refusal) { return ask(a.Type, string(a.Value)) }

func ask(typ Text, value string) (Asked, *build.Refusal) {
	if kind, ok := simple[typ]; ok {
		v, refused := build.Read(kind, value)
		if refused != nil {
			return Asked{}, refused
		}
		return Asked{v.Comparison(), v.Title(), []build.Value{v}}, nil
	}
	if path, ok := paths[typ]; ok {
		v, refused := build.Read(build.FileName, value) // which takes any text
		if refused != nil {
			return Asked{}, &build.Refusal{Code: refused.Code, Message: "it must be text without control characters"}
		}
		return Asked{Comparison: path + " = " + build.Quote(v.Text), Title: string(typ)}, nil
	}
	left, right, composite := strings.Cut(string(typ), "|")
	if !composite {
		return Asked{}, unsupported()
	}
	first, second, both := strings.Cut(value, "|")
	if !both && right == "port" { // as it was written before MISP 2.4
		if i := strings.LastIndexByte(value, ':'); i > 0 && strings.Count(value, ":") == 1 {
			first, second, both = value[:i], value[i+1:], true
		}
	}
	if !both {
		return Asked{}, &build.Refusal{Code: build.InvalidValue, Message: "the value of a composite type must have two parts with | between them"}
	}
	return askBoth(Text(left), Text(right), first, second)
}

func askBoth(left, right Text, first, second string) (Asked, *build.Refusal) {
	switch {
	case (left == "ip-dst" || left == "ip-src") && right == "port":
		v, refused := build.Endpoint(first, second)
		a := Asked{Comparison: v.Comparison(), Title: v.Title(), Values: []build.Value{v}}
		if left == "ip-src" {
			a.Comparison = strings.ReplaceAll(a.Comparison, "network-traffic:dst_", "network-traffic:src_")
		}
		return a, refused
	case left == "hostname" && right == "port":
		v, refused := build.Read(build.Domain, first)
		if refused != nil {
			return Asked{}, refused
		}
		// Any address will do to have the port read.
		p, refused := build.Endpoint("192.0.2.1", second)
		if refused != nil {
			return Asked{}, refused
		}
		port := p.String()[strings.LastIndexByte(p.String(), ':')+1:]
		return Asked{"network-traffic:dst_ref.value = " + build.Quote(v.Text) + " AND network-traffic:dst_port = " + port,
			v.Title() + ":" + port, []build.Value{v}}, nil
	case left == "domain" && right == "ip":
		return pair(build.Domain, build.IP, first, second, func(_, ip build.Value) string {
			return "domain-name:resolves_to_refs[*].value = " + build.Quote(ip.Text)
		})
	case left == "filename" && simple[right] != "" && strings.HasPrefix(simpleForm(right), "file:hashes."):
		return pair(build.FileName, simple[right], first, second, func(_, hash build.Value) string { return hash.Comparison() })
	case left == "regkey" && right == "value":
		return pair(build.Registry, build.FileName, first, second, func(_, data build.Value) string {
			return "windows-registry-key:values[*].data = " + build.Quote(data.Text)
		})
	}
	return Asked{}, unsupported()
}

// simpleForm is how the comparisons of a type of hash begin.
func simpleForm(typ Text) string {
	return build.Value{Kind: simple[typ]}.Comparison()
}

func pair(left, right build.Kind, first, second string, rest func(a, b build.Value) string) (Asked, *build.Refusal) {
	a, refused := build.Read(left, first)
	if refused != nil {
		return Asked{}, refused
	}
	b, refused := build.Read(right, second)
	if refused != nil {
		return Asked{}, refused
	}
	if b.Network {
		return Asked{}, &build.Refusal{Code: build.InvalidValue, Message: "a name resolves to an address, not to a network"}
	}
	return Asked{a.Comparison() + " AND " + rest(a, b), a.Title(), []build.Value{a, b}}, nil
}

func unsupported() *build.Refusal {
	return &build.Refusal{Code: build.UnsupportedType, Message: "no STIX pattern asks for what this type of attribute has"}
}
