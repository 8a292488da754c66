package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/selat-hub/selat/feeds/taxii/taxiitest"
)

type taxiiKey struct{}

// taxiiServer is the TAXII server of a script, someone else's. The first call
// starts it and sets $TAXII; every call changes it:
//
//	user=NAME:PASSWORD  it asks for these
//	page=N              at most N objects on a page
//	put=N               N more objects, numbered on from 1, a second apart
//	twin                the object with the last number again, in other bytes
//	refuse=TEXT         it does not take objects with this text
//	fail=STATUS         it answers so to everything; 0 for not any more
//	failroot=STATUS     its API root answers so, and the rest as before
//	failafter=N         it answers 500 to pages after N more
//	nonext              it gives no next
//	circles             it goes in circles
//	forget              it forgets each next that it gave
//	stop                it ends
func taxiiServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! taxii")
	}
	s, ok := ts.Value(taxiiKey{}).(*scriptTaxii)
	if !ok {
		ts.Fatalf("this script has no place for a TAXII server")
	}
	if s.Server == nil {
		s.Server = taxiitest.New()
		ts.Setenv("TAXII", s.URL)
	}
	for _, a := range args {
		word, value, _ := strings.Cut(a, "=")
		n, err := strconv.Atoi(value)
		if value != "" && word != "user" && word != "refuse" {
			ts.Check(err)
		}
		s.change(ts, word, value, n)
	}
}

type scriptTaxii struct {
	*taxiitest.Server
	put int
}

func (s *scriptTaxii) change(ts *testscript.TestScript, word, value string, n int) {
	switch word {
	case "put":
		for range n {
			s.put++
			s.putLast("")
		}
		return
	case "twin":
		s.putLast(" ")
		return
	case "forget":
		s.ForgetNext()
		return
	case "stop":
		s.Close()
		return
	}
	s.Lock()
	defer s.Unlock()
	switch word {
	case "user":
		s.User, s.Password, _ = strings.Cut(value, ":")
	case "page":
		s.PageMost = n
	case "nonext":
		s.NoNext = true
	case "refuse":
		s.Refuse = func(raw []byte) string {
			if bytes.Contains(raw, []byte(value)) {
				return "not here"
			}
			return ""
		}
	case "fail":
		s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
			if n > 0 {
				taxiitest.Fail(w, n, "Not now")
			}
			return n > 0
		}
	case "failroot":
		s.Before = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/api1/") {
				taxiitest.Fail(w, n, "Not now")
				return true
			}
			return false
		}
	case "failafter":
		s.Before = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/objects/") {
				return false
			}
			if n--; n < 0 {
				taxiitest.Fail(w, http.StatusInternalServerError, "Broken")
			}
			return n < 0
		}
	case "circles":
		s.Before = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/objects/") {
				fmt.Fprint(w, `{"more":true,"next":"round","objects":[{"type":"x","id":"x--1"}]}`)
				return true
			}
			return false
		}
	default:
		ts.Fatalf("taxii does not know %q", word)
	}
}

// putLast puts the object with the last number, with some space at its end.
func (s *scriptTaxii) putLast(space string) {
	s.Put(fmt.Sprintf("{\"type\": \"indicator\",\n\"spec_version\":\"2.1\",\"id\":\"indicator--00000000-0000-4000-8000-%012d\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"2026-01-01T00:00:00.000Z\"%s}", s.put, space),
		time.Date(2026, 1, 2, 3, 4, s.put, 0, time.UTC))
}

func (s *scriptTaxii) end() {
	if s.Server != nil {
		s.Close()
	}
}
