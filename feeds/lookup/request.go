package lookup

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/selat-hub/selat/broker/api"
)

// maxBody is the longest body, in bytes, as it is for a seat that asks over NATS.
const maxBody = 512 << 10

// readQuery reads the question in the query of a URL. A name that is not known is
// refused: what a mistyped one was to say must not be left out unsaid.
func readQuery(_ http.ResponseWriter, r *http.Request) (q api.LookupRequest, p *problem) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, badRequest("the query cannot be read: percent-encode what has a meaning in URLs, such as & and +")
	}
	for name, given := range query {
		if name == "value" {
			q.Values = given
			continue
		}
		if len(given) > 1 {
			return q, badRequest("only value may be given more than once")
		}
		var ok bool
		switch name {
		case "subdomains":
			q.Subdomains, ok = readBool(given[0])
		case "drill":
			q.Drill, ok = readBool(given[0])
		case "limit":
			q.Limit, err = strconv.Atoi(given[0])
			ok = err == nil
		default:
			return q, badRequest("the query can have value, subdomains, drill and limit, and nothing else")
		}
		if !ok {
			return q, badRequest("%s is true or false, or of limit a number", name)
		}
	}
	return q, nil
}

func readBool(s string) (value, ok bool) { return s == "true", s == "true" || s == "false" }

// readBody reads the question in the body of a request.
func readBody(w http.ResponseWriter, r *http.Request) (q api.LookupRequest, p *problem) {
	if r.URL.RawQuery != "" {
		return q, badRequest("a POST says all in its body: leave the query out")
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	switch {
	case err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8"):
		return q, newProblem(http.StatusUnsupportedMediaType, "media-type", "send application/json in UTF-8")
	case r.Header.Get("Content-Encoding") != "":
		return q, newProblem(http.StatusUnsupportedMediaType, "content-encoding", "send the body as it is, without a Content-Encoding")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return q, newProblem(http.StatusRequestEntityTooLarge, "payload-too-large", "the body has more than %d bytes: ask for fewer values at a time", maxBody)
	case err != nil:
		return q, badRequest("the body ended before its end")
	}
	if err := jsonv2.Unmarshal(body, &q, jsonv2.RejectUnknownMembers(true)); err != nil {
		return q, badRequest(`the body is not JSON as described, such as {"values":["192.0.2.1"]}; %s has all of it`, pathOpenAPI)
	}
	return q, nil
}
