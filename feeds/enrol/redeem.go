package enrol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/invite"
)

// ErrUnreachable says that no hub answered: the code is as good as before.
var ErrUnreachable = errors.New("the hub cannot be reached")

// ErrLost says that the request left and no answer came: the code may be spent.
var ErrLost = errors.New("the answer of the hub was lost, and the invitation may be used up; try again, and if it is refused ask the hub's team for another")

// Seat is what an enrolment ends with.
type Seat struct {
	Name string
	// Creds is the credentials file, its private key included.
	Creds []byte
	// Token is one for HTTP, empty if none was asked for.
	Token string
}

// redeemWithin bounds the whole exchange.
const redeemWithin = time.Minute

// Redeem makes a key, enrols its public half with the hub that made the code, and
// returns the seat's credentials. With token, the seat gets a token too.
//
// Errors wrap ErrUnreachable, ErrLost or invite.ErrOtherHub, are the hub's own
// *api.Error, or say what is wrong with its answer.
func Redeem(ctx context.Context, code invite.Code, token bool) (*Seat, error) {
	ctx, cancel := context.WithTimeout(ctx, redeemWithin)
	defer cancel()
	key, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	defer key.Wipe()
	user, proof, err := code.Prove(key)
	if err != nil {
		return nil, err
	}
	got, err := post(ctx, &code, api.Enrolment{ID: code.ID, Secret: code.Secret, User: user, Proof: proof, Token: token})
	if err != nil {
		return nil, err
	}
	if err := check(got, &code, user, token); err != nil {
		return nil, fmt.Errorf("the hub's answer cannot be used, and the invitation is used up; tell its team: %w", err)
	}
	seed, err := key.Seed()
	if err != nil {
		return nil, fmt.Errorf("reading the new key: %w", err)
	}
	creds, err := invite.Credentials(got.Seat, got.URL, got.JWT, seed, []byte(got.CA))
	if err != nil {
		return nil, err
	}
	if _, err := client.ParseCredentials(creds); err != nil {
		return nil, fmt.Errorf("the hub's answer cannot be used, and the invitation is used up; tell its team: %w", err)
	}
	return &Seat{Name: got.Seat, Creds: creds, Token: got.Token}, nil
}

// check holds an answer against what was asked: it must be about this key and this
// seat, and lead nowhere that others could listen.
func check(got *api.Enrolled, code *invite.Code, user string, token bool) error {
	claims, err := jwt.DecodeUserClaims(got.JWT)
	if err != nil {
		return fmt.Errorf("the user JWT: %w", err)
	}
	first, _, _ := strings.Cut(got.URL, ",")
	u, err := url.Parse(first)
	switch {
	case claims.Subject != user:
		return errors.New("it is for another key than was sent")
	case got.Seat != code.Seat || claims.Name != code.Seat:
		return fmt.Errorf("it is for another seat than %s", code.Seat)
	case err != nil || u.Hostname() == "" || strings.ContainsAny(got.URL, "\r\n"):
		return errors.New("it names no address of the hub")
	case u.Scheme != "tls" && strings.HasPrefix(code.URL, "https:"):
		return fmt.Errorf("the hub has TLS here and none at %s", got.URL)
	case token && got.Token == "" || strings.ContainsAny(got.Token, "\r\n"):
		return errors.New("there is no token in it")
	}
	return nil
}

func post(ctx context.Context, code *invite.Code, q api.Enrolment) (*api.Enrolled, error) {
	at, err := url.Parse(code.URL)
	if err != nil {
		return nil, fmt.Errorf("the invitation code: %w", err)
	}
	// Neither a proxy nor a redirection stands between the two.
	transport := &http.Transport{TLSClientConfig: code.Pin.TLS(at.Hostname()), DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("writing the enrolment: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, code.URL+api.EnrolPath, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking the hub: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	res, err := c.Do(r)
	if err != nil {
		return nil, unanswered(code.URL, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrLost, err)
	}
	return read(res.StatusCode, b)
}

// unanswered tells a request that never left from one that may have arrived.
func unanswered(at string, err error) error {
	var dial *net.OpError
	switch {
	case errors.Is(err, invite.ErrOtherHub):
		return fmt.Errorf("%s: %w", at, invite.ErrOtherHub)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, at, dial)
	}
	return fmt.Errorf("%w (%w)", ErrLost, err)
}

func read(status int, b []byte) (*api.Enrolled, error) {
	var failed failure
	if status != http.StatusOK {
		if err := json.Unmarshal(b, &failed); err == nil && failed.Error != nil && failed.Error.Code != "" {
			return nil, failed.Error
		}
		return nil, fmt.Errorf("what answers there is no hub that takes enrolments: it says %d %s", status, http.StatusText(status))
	}
	out := new(api.Enrolled)
	if err := json.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrLost, err)
	}
	return out, nil
}
