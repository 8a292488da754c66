package stix

import (
	"bytes"
	"strings"

	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/language"
)

// Values that come from the registries of others: languages, countries, media
// types, character sets, CPE.

// commonLanguages are the tags that nearly all objects with a language have.
// Others are looked up, which takes a hundred times longer.
var commonLanguages = words("RFC 5646", "3.2", `
	en en-US en-GB id ms ms-MY th vi fil tl km lo my ta zh zh-CN zh-TW ja ko fr de es it nl pt pt-BR ru ar hi tet`)

func (c *checker) languageTag(i uint32) {
	if !isLanguage(c.s.text(i)) {
		c.refuse(codeInvalidValue, i, "STIX 2.1 §3.2", notALanguage)
	}
}

const notALanguage = "this must be a language tag of RFC 5646, such as \"en\" or \"ms-MY\""

func isLanguage(t []byte) bool {
	if commonLanguages.has(t) {
		return true
	}
	if len(t) > 64 || bytes.IndexByte(t, '_') >= 0 || bytes.EqualFold(t, []byte("root")) {
		return false // root is the library's own
	}
	_, err := language.Parse(string(t))
	return err == nil
}

// contentsKey is a key of language-content's contents, STIX 2.1 §7.1.1.
func (c *checker) contentsKey(i uint32) {
	if !isLanguage(c.s.name(i)) {
		c.refuse(codeInvalidValue, i, "STIX 2.1 §7.1.1", notALanguage)
	}
}

func (c *checker) country(i uint32) {
	t := c.s.text(i)
	if len(t) == 2 && 'A' <= t[0]&^0x20 && t[0]&^0x20 <= 'Z' {
		if r, err := language.ParseRegion(string(t)); err == nil && r.IsCountry() {
			return
		}
	}
	c.warn(codeVocabulary, i, "STIX 2.1 §4.10", "this should be an ISO 3166-1 alpha-2 code, such as \"SG\"")
}

func (c *checker) mimeType(i uint32) {
	if !isMediaType(c.s.text(i)) {
		c.warn(codeVocabulary, i, "STIX 2.1 §6", "this should be a media type of the IANA registry, such as \"application/pdf\"")
	}
}

var mediaTypes = words("media types", "6", `application audio chemical example font haptics image message model multipart text video`)

// isMediaType tells whether t has the form type/subtype (RFC 6838 §4.2) with a
// type that is registered; x- types are in use for what is not.
func isMediaType(t []byte) bool {
	top, sub, ok := bytes.Cut(t, []byte("/"))
	if !ok || len(sub) == 0 || len(sub) > 127 || !mediaTypes.has(bytes.ToLower(top)) && !bytes.HasPrefix(top, []byte("x-")) {
		return false
	}
	for _, b := range sub {
		if !('a' <= b|0x20 && b|0x20 <= 'z' || '0' <= b && b <= '9' || bytes.IndexByte([]byte("!#$&-^_.+"), b) >= 0) {
			return false
		}
	}
	return true
}

func (c *checker) charset(i uint32) {
	t := c.s.text(i)
	if len(t) <= 64 {
		// An error says that the name is unknown; of some known ones there is
		// no encoding, which is no error.
		e, err := ianaindex.IANA.Encoding(string(t))
		if err == nil && e != nil {
			preferred, unnamed := ianaindex.MIME.Name(e)
			if unnamed == nil && !strings.EqualFold(preferred, string(t)) {
				c.refusef(codeInvalidValue, i, "STIX 2.1 §3.9.1", "this character set must be named %q, its preferred MIME name", preferred)
			}
		}
		if err == nil {
			return
		}
	}
	c.refuse(codeInvalidValue, i, "STIX 2.1 §3.9.1", "this must be a name of IANA's registry of character sets, such as \"windows-1252\"")
}

// cpe is a formatted string of CPE 2.3 (NISTIR 7695 §6.2). Whether it is in the
// NVD's dictionary, which changes daily, is not looked at.
func (c *checker) cpe(i uint32) {
	const section = "STIX 2.1 §6.14"
	t := string(c.s.text(i))
	parts, ok := 0, strings.HasPrefix(t, "cpe:2.3:") && len(t) > 9 && strings.IndexByte("aho*-", t[8]) >= 0 && t[9] == ':'
	for k := 0; ok && k < len(t); k++ {
		switch {
		case t[k] == '\\':
			k++
		case t[k] == ':':
			parts++
			ok = k+1 < len(t) && t[k+1] != ':'
		case t[k] <= ' ' || t[k] > '~':
			ok = false
		}
	}
	if !ok || parts != 12 {
		c.refuse(codeInvalidValue, i, section, "this must be a CPE 2.3 formatted string: \"cpe:2.3:\" and eleven parts with colons between them")
	}
}

// priorityClass is windows-process-ext's priority.
func (c *checker) priorityClass(i uint32) {
	if !bytes.HasSuffix(c.s.text(i), []byte("_CLASS")) {
		c.warn(codeVocabulary, i, "STIX 2.1 §6.13.2", "this should be a Windows priority class, such as \"HIGH_PRIORITY_CLASS\"")
	}
}

// headerName is a key of http-request-ext's request_header.
func (c *checker) headerName(k uint32) {
	if name := c.s.name(k); 'a' <= name[0] && name[0] <= 'z' {
		c.warn(codeWordForm, k, "STIX 2.1 §6.12.2", "the name of a header field should be written as usual, such as \"User-Agent\"")
	}
}

var documentInfoKeys = words("document information", "6.7.4", `Title Author Subject Keywords Creator Producer CreationDate ModDate Trapped`)

// documentInfoKey is a key of pdf-ext's document_info_dict.
func (c *checker) documentInfoKey(k uint32) {
	if !documentInfoKeys.has(c.s.name(k)) {
		c.warn(codeVocabulary, k, "STIX 2.1 §6.7.4", "this should be a key of PDF's document information dictionary, such as \"Title\"")
	}
}

// hives are short forms of the roots of the Windows registry.
var hives = []string{"HKLM", "HKCU", "HKCR", "HKU", "HKCC"}

func (c *checker) registryKey(i uint32) {
	t := string(c.s.text(i))
	root, _, _ := strings.Cut(t, `\`)
	for _, h := range hives {
		if strings.EqualFold(root, h) {
			c.refuse(codeInvalidValue, i, "STIX 2.1 §6.17", "the hive must be written in full, such as HKEY_LOCAL_MACHINE")
		}
	}
}

func (c *checker) relationshipType(i uint32) {
	t := c.s.text(i)
	ok := len(t) >= 1 && len(t) <= 250
	for _, b := range t {
		ok = ok && ('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '-')
	}
	if !ok {
		c.refuse(codeInvalidValue, i, "STIX 2.1 §5.1", "a relationship type is 1 to 250 lower-case ASCII letters, digits and hyphens")
	}
}
