package taxii

import (
	"net/http"
	"strings"
)

// endpoint is one kind of resource, and what it answers.
type endpoint struct {
	label   string // of the metrics
	methods map[string]handler
	allow   string
	// params are the query parameters it has when it is read; when deleted, see
	// delete.go.
	params []string
	// every is true where all versions are told unless the query says otherwise;
	// bytes where the objects themselves are.
	every, bytes bool
}

type handler = func(*Server, http.ResponseWriter, *request) *problem

func reads(label string, get handler, params ...string) *endpoint {
	return &endpoint{label: label, methods: map[string]handler{http.MethodGet: get, http.MethodHead: get}, allow: "GET, HEAD", params: params}
}

func (e *endpoint) and(method string, f handler) *endpoint {
	e.methods[method] = f
	e.allow += ", " + method
	return e
}

func (e *endpoint) withBytes() *endpoint { e.bytes = true; return e }
func (e *endpoint) ofEvery() *endpoint   { e.every = true; return e }

// The endpoints (TAXII 2.1 §4, §5), and which filters each has (§3.4.1).
var (
	atDiscovery   = reads("discovery", (*Server).discovery)
	atRoot        = reads("api-root", (*Server).apiRoot)
	atStatus      = reads("status", (*Server).status)
	atCollections = reads("collections", (*Server).collections)
	atCollection  = reads("collection", (*Server).collection)
	atManifest    = reads("manifest", pages(manifestBody), paging(paramID, paramType, paramVersion, paramSpecVersion)...)
	atObjects     = reads("objects", pages(objectsBody), paging(paramID, paramType, paramVersion, paramSpecVersion)...).withBytes().and(http.MethodPost, (*Server).post)
	atObject      = reads("object", pages(objectsBody), paging(paramVersion, paramSpecVersion)...).withBytes().and(http.MethodDelete, (*Server).remove)
	atVersions    = reads("versions", pages(versionsBody), paging(paramSpecVersion)...).ofEvery()
)

func paging(match ...string) []string {
	return append([]string{paramAddedAfter, paramLimit, paramNext}, match...)
}

// route says which endpoint a path is, nil if it is none, and what it names.
func (s *Server) route(path string, r *request) *endpoint {
	if path == "/taxii2/" {
		return atDiscovery
	}
	for i := range s.roots {
		if rest, ok := strings.CutPrefix(path, s.roots[i].path); ok {
			r.root = &s.roots[i]
			return r.within(rest)
		}
	}
	return nil
}

// within routes what follows an API root.
func (r *request) within(rest string) *endpoint {
	if rest == "" {
		return atRoot
	}
	rest, ok := strings.CutSuffix(rest, "/")
	parts := strings.Split(rest, "/")
	for _, p := range parts {
		ok = ok && p != ""
	}
	if !ok {
		return nil
	}
	if parts[0] == "status" && len(parts) == 2 {
		r.id = parts[1]
		return atStatus
	}
	if parts[0] != "collections" || len(parts) > 5 {
		return nil
	}
	if len(parts) == 1 {
		return atCollections
	}
	r.collection = parts[1]
	if len(parts) == 2 {
		return atCollection
	}
	switch kind := parts[2]; {
	case kind == "manifest" && len(parts) == 3:
		return atManifest
	case kind == "objects" && len(parts) == 3:
		return atObjects
	case kind == "objects" && len(parts) == 4:
		r.id = parts[3]
		return atObject
	case kind == "objects" && parts[4] == "versions":
		r.id = parts[3]
		return atVersions
	}
	return nil
}
