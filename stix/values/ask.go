package values

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/selat-hub/selat/stix/pattern"
)

// ErrNoValue is what Ask says of a text that is nothing it could look up.
var ErrNoValue = errors.New("this is nothing that can be looked up")

// Errors of Ask. They repeat nothing of what was asked.
var (
	errAsk = askError("it can be an address (192.0.2.1, 2001:db8::1), a network (192.0.2.0/24), a domain with a dot in it (example.com), " +
		"a URL (https://example.com/a), an e-mail address, a MAC address, or a hash: 32, 40, 56, 64, 96 or 128 hex digits, SSDEEP or TLSH")
	errHex      = askError("a hash in hex has 32, 40, 56, 64, 96 or 128 digits: is all of it there?")
	errScheme   = askError("a URL begins with its scheme: put https:// or http:// before it")
	errOneLabel = askError("a domain has a dot in it: put one at the end of a name without one, as in com.")
	errEncoding = askError("it is not valid UTF-8")
)

type askError string

func (e askError) Error() string { return ErrNoValue.Error() + ": " + string(e) }
func (e askError) Unwrap() error { return ErrNoValue }

// Ask returns the keys that a person may mean by a text, the likeliest first:
// an address of either family, a network in CIDR notation, a domain, a URL, an
// e-mail address, a hash, a MAC address. Space around it does not count, nor does
// case where it says nothing; [.], (.), {.}, [dot], (dot), [:], [://], [@], [at]
// and (at) are read as what they stand for, and so is hxxp. There is more than
// one key where a text can be read in several ways or a value is stored as it
// was written: a URL with and without the slash after its host, and with the
// host in lower case.
//
// Ask(k.String()) has k among its keys, unless k is of a value of over 512 bytes.
// The error wraps ErrNoValue and says what else a text can be.
func Ask(text string) ([]Key, error) {
	if !utf8.ValidString(text) {
		return nil, errEncoding
	}
	text = strings.TrimSpace(text)
	meant := refang(text)
	a := asking{}
	a.read(meant)
	if meant != text {
		a.read(text) // for what was stored defanged
	}
	if len(a.keys) == 0 {
		return nil, advice(meant)
	}
	return a.keys, nil
}

func advice(text string) error {
	switch {
	case len(text) > 8 && strings.Trim(text, "0123456789abcdefABCDEF") == "":
		return errHex
	case strings.ContainsRune(text, '/') && !strings.Contains(text, "://") && !strings.ContainsAny(text, " \t\n"):
		host, _, _ := strings.Cut(text, "/")
		if _, ok := readName(host); ok && strings.ContainsRune(host, '.') {
			return errScheme
		}
	default:
		if _, ok := readName(text); ok {
			return errOneLabel
		}
	}
	return errAsk
}

// asking is the keys that were found.
type asking struct{ keys []Key }

// read takes a text for everything it may be.
func (a *asking) read(text string) {
	switch {
	case a.readAt(ipv4Path, text), a.readAt(ipv6Path, text):
		return
	case isHash(text):
		a.add([]byte(strings.ToLower(text)), Hash)
		return
	case a.readAt(tlshPath, text), a.readAt(ssdeepPath, text):
		return
	}
	if a.readAt(emailPath, text) {
		a.readAt(emailPath, strings.ToLower(text))
		return
	}
	a.readAt(macPath, text) // 0000.5e00.53ab is a domain as well
	if name, ok := readName(text); ok {
		if strings.ContainsRune(text, '.') {
			a.add(appendDomain(nil, name), Domain)
		}
		return
	}
	for _, spelling := range spellings(text) {
		a.readAt(urlPath, spelling)
	}
}

func (a *asking) readAt(path pattern.Path, text string) bool {
	kind, algorithm, canonical := pattern.Read(path, pattern.Value{Text: text})
	key, k := appendKey(nil, kind, algorithm, canonical)
	if k != 0 {
		a.add(key, k)
	}
	return k != 0
}

func (a *asking) add(key []byte, kind Kind) {
	for _, k := range a.keys {
		if k.Kind == kind && bytes.Equal(k.Bytes, key) {
			return
		}
	}
	a.keys = append(a.keys, Key{Kind: kind, Bytes: key})
}

// spellings returns the ways in which a URL may have been written that a person
// does not tell apart: its own, then with the scheme and the host in lower case,
// and each with or without the slash that is its whole path.
func spellings(text string) []string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return nil
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	user := strings.LastIndexByte(rest[:end], '@') + 1
	lower := strings.ToLower(scheme) + "://" + rest[:user] + strings.ToLower(rest[user:end]) + rest[end:]
	all := []string{text, lower}
	switch rest[end:] {
	case "":
		return append(all, text+"/", lower+"/")
	case "/":
		return append(all, strings.TrimSuffix(text, "/"), strings.TrimSuffix(lower, "/"))
	}
	return all
}
