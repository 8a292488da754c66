package taxii

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/selat-hub/selat/broker/policy"
)

// caller is who asks: a seat, or without one anybody.
type caller struct {
	seat *policy.Seat
	// key is what bounds are counted by: the account, or the address.
	key string
}

func (c caller) account() string {
	if c.seat == nil {
		return ""
	}
	return c.seat.Account
}

func (c caller) member() string {
	if c.seat == nil {
		return ""
	}
	return c.seat.Member
}

// authenticate finds out who asks: by token, else by the certificate of the
// connection, else it is anybody, where the hub lets anybody ask. A token that is
// given must be right, also where none is needed.
func (s *Server) authenticate(r *http.Request) (caller, *problem) {
	user, token, given := credentials(r)
	switch {
	case given && token == "":
		s.metrics.deny(reasonBadCredentials)
		return caller{}, unauthorized()
	case given:
		seat, err := s.hub.Authenticate(r.Context(), user, token, r.RemoteAddr)
		return s.known(seat, err)
	case r.TLS != nil && len(r.TLS.VerifiedChains) > 0:
		seat, err := s.hub.AuthenticateCertificate(r.TLS.VerifiedChains[0][0].Subject.CommonName)
		return s.known(seat, err)
	case s.anonymous:
		return caller{key: addressKey(r.RemoteAddr)}, nil
	}
	s.metrics.deny(reasonNoCredentials)
	return caller{}, unauthorized()
}

func (s *Server) known(seat *policy.Seat, err error) (caller, *problem) {
	if err == nil {
		return caller{seat: seat, key: seat.Account}, nil
	}
	p := fromError(err)
	switch p.ErrorCode {
	case "unauthorized":
		s.metrics.deny(reasonBadCredentials)
		return caller{}, unauthorized()
	case "locked":
		s.metrics.deny(reasonLocked)
	case "busy":
		s.metrics.deny(reasonBusy)
	}
	return caller{}, p
}

func unauthorized() *problem {
	return newProblem(http.StatusUnauthorized, "unauthorized",
		"send the seat's token: as a bearer token, or by HTTP Basic with the seat's name as the user and the token as the password")
}

// credentials reads the Authorization header. given is true if there is one,
// whether or not it can be read.
func credentials(r *http.Request) (user, token string, given bool) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", "", false
	}
	if len(values) > 1 {
		return "", "", true
	}
	if user, token, ok := r.BasicAuth(); ok {
		if user == "" {
			// Without a name it would pass for a bearer token.
			return "", "", true
		}
		return user, token, true
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	if strings.EqualFold(scheme, "Bearer") {
		return "", strings.TrimSpace(rest), true
	}
	return "", "", true
}

// addressKey is what one anonymous client cannot have many of.
func addressKey(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
