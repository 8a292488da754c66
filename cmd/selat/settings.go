package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// setting is one value of broker.Config as an operator meets it. The table of
// them is the single source of flags, environment variables, the file that
// `selat init` writes, and what `selat config show` prints.
type setting struct {
	key   string // as in the file, such as tls.cert
	flag  string // without --; empty: by file and environment only
	kind  kind
	about string
}

// env is the setting's environment variable.
func (s *setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "__"))
}

const envPrefix = "SELAT_"

var settings = []setting{
	{"data", "data", kindPath, "the hub's folder: keys, directory, streams, index"},
	{"name", "name", kindText, "the hub's name towards its members"},
	{"listen", "listen", kindText, "host:port for members; port 0 picks a free one"},
	{"advertise", "advertise", kindText, "URL written into credentials, such as tls://hub.example:4222; empty: made from listen"},
	{"tls.cert", "tls-cert", kindPath, "PEM file of the certificate; required off loopback"},
	{"tls.key", "tls-key", kindPath, "PEM file of its key, mode 0600"},
	{"tls.ca", "tls-ca", kindPath, "PEM file of a private authority, written into credentials so that seats need nothing else"},
	{"http.listen", "http-listen", kindText, "host:port for /metrics, /livez and /readyz; empty turns it off"},
	{"http.token_file", "http-token-file", kindPath, "file of mode 0600 with the bearer token that /metrics asks for"},
	{"http.client_ca", "http-client-ca", kindPath, "PEM file; clients whose certificate it signs may read /metrics"},
	{"taxii.listen", "taxii-listen", kindText, "host:port of the TAXII 2.1 server; empty turns it off"},
	{"taxii.advertise", "taxii-advertise", kindText, "URL of that server written into invitations, such as https://hub.example:7423; empty: made from advertise"},
	{"taxii.title", "", kindText, "the server's name in its discovery resource"},
	{"taxii.description", "", kindText, "what it tells of itself there"},
	{"taxii.contact", "", kindText, "whom it tells people to ask"},
	{"taxii.anonymous", "", kindOnOff, "callers without a seat may read what is CLEAR in communities that are not private"},
	{"taxii.client_ca", "", kindPath, "PEM file; a client certificate it signs stands for the seat that is its common name"},
	{"taxii.max_page", "", kindCount, "objects in one page, 10,000 at most"},
	{"limits.payload_bytes", "", kindSize, "bytes of one submission"},
	{"limits.object_bytes", "", kindSize, "bytes of one object"},
	{"limits.objects", "", kindCount, "objects of one submission"},
	{"limits.depth", "", kindCount, "nesting of JSON"},
	{"limits.submissions_per_second", "", kindRate, "per seat; 0 is no limit"},
	{"limits.objects_per_second", "", kindRate, "per seat; 0 is no limit"},
	{"limits.in_flight_bytes", "", kindSize, "memory for submissions between arrival and receipt, over all seats"},
	{"limits.connections", "", kindCount, "connections of one seat"},
	{"store.message_bytes", "", kindSize, "bytes of objects gathered into one message"},
	{"store.reserve_bytes", "", kindSize, "free disk below which submissions are refused"},
	{"store.encrypt", "", kindOnOff, "keep streams encrypted at rest; cannot change once a folder is prepared"},
	{"store.key_command", "", kindCommand, "prints the encryption key, instead of keys/store.key"},
	{"store.dedupe_window", "", kindDuration, "an hour or more"},
	{"retention", "", kindRetention, "what leaves by age or size: rows of audience, tlp, max_age, max_bytes; without one all is kept"},
	{"cluster.node", "", kindText, "the name of this node, where several are one hub; `selat init --cluster` sets it"},
	{"cluster.listen", "", kindText, "host:port for the other nodes"},
	{"cluster.nodes", "", kindNodes, "all nodes, as NAME=HOST:PORT where the others reach them"},
	{"log.level", "log-level", kindText, "debug, info, warn or error"},
	{"log.format", "log-format", kindText, "text or json, to standard error"},
}

func settingOf(key string) *setting {
	for i := range settings {
		if settings[i].key == key {
			return &settings[i]
		}
	}
	return nil
}

// kind is how a setting's value is written and read. parse takes what a YAML
// file, an environment variable or a flag gave; show writes it for people.
type kind struct {
	name  string // for the message when it cannot be read
	parse func(raw any) (any, error)
	show  func(v any) string
}

var (
	kindText      = kind{"text", fromString(func(s string) (any, error) { return s, nil }), plain}
	kindPath      = kind{"a path", kindText.parse, plain}
	kindSize      = kind{"a size such as 512MiB", fromString(parseSize), showSize}
	kindCount     = kind{"a whole number", fromString(parseCount), plain}
	kindRate      = kind{"a number", fromString(func(s string) (any, error) { return strconv.ParseFloat(s, 64) }), plain}
	kindDuration  = kind{"a duration such as 2h", fromString(func(s string) (any, error) { return time.ParseDuration(s) }), showDuration}
	kindOnOff     = kind{"true or false", fromString(func(s string) (any, error) { return strconv.ParseBool(s) }), plain}
	kindRetention = kind{"a list of rows with audience, tlp, max_age, max_bytes", parseRetention, showRetention}
	kindNodes     = kind{"a list of nodes, as NAME=HOST:PORT", parseCommand, showCommand}
	kindCommand   = kind{"a list of a program and its arguments", parseCommand, showCommand}
)

// fromString reads what is written the same in YAML and elsewhere.
func fromString(parse func(string) (any, error)) func(any) (any, error) {
	return func(raw any) (any, error) {
		switch raw.(type) {
		case string, bool, int, int64, uint64, float64:
			return parse(fmt.Sprint(raw))
		}
		return nil, fmt.Errorf("a list or a section stands there")
	}
}

// plain shows a value as it is; an empty one as nothing.
func plain(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func parseCount(s string) (any, error) {
	return strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
}

// units are binary only: in a limit, MB would be a guess.
var units = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// parseSize reads bytes: 1048576, 512KiB, 8 MiB, 2GiB.
func parseSize(s string) (any, error) {
	unit := int64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = strings.TrimSpace(number), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
	switch {
	case err != nil:
		return nil, err
	case n < 0 || n > math.MaxInt64/unit:
		return nil, strconv.ErrRange
	}
	return n * unit, nil
}

func showSize(v any) string {
	n, ok := v.(int64)
	if !ok {
		return plain(v)
	}
	for _, u := range units {
		if n >= u.bytes && n%u.bytes == 0 && u.bytes > 1 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.suffix)
		}
	}
	return strconv.FormatInt(n, 10)
}

// showDuration writes 1h, where the standard library writes 1h0m0s.
func showDuration(v any) string {
	s := strings.TrimSuffix(plain(v), "0s")
	switch {
	case s == "":
		return "0s"
	case strings.HasSuffix(s, "h0m"):
		return strings.TrimSuffix(s, "0m")
	case strings.HasSuffix(s, "m") || strings.HasSuffix(s, "h"):
		return s
	}
	return plain(v)
}

// parseCommand reads a YAML list, or words separated by spaces.
func parseCommand(raw any) (any, error) {
	switch v := raw.(type) {
	case nil:
		return []string(nil), nil
	case string:
		return strings.Fields(v), nil
	case []any:
		words := make([]string, len(v))
		for i, w := range v {
			s, ok := w.(string)
			if !ok {
				return nil, fmt.Errorf("word %d is no text", i+1)
			}
			words[i] = s
		}
		return words, nil
	}
	return nil, fmt.Errorf("it is no list")
}

func showCommand(v any) string {
	words, ok := v.([]string)
	if !ok || len(words) == 0 {
		return ""
	}
	return strings.Join(words, " ")
}
