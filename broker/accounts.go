package broker

import (
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// How seats are tied to the hub. The HUB account owns every stream and exports
// exactly four doors, once for all seats; each has the importing account's key
// at a fixed token, so a seat can only ever name itself:
//
//	$JS.API.CONSUMER.MSG.NEXT.<stream>.<key>   pull from its own durable
//	$JS.API.CONSUMER.INFO.<stream>.<key>       look at its own durable
//	$JS.ACK.<stream>.<key>...                  acknowledge its own deliveries
//	seat.<key>.<verb>                          ask the hub (submit, whoami, ...)
//
// CONSUMER.CREATE is not among them and must never be: every form of it lets a
// seat choose what it reads.
const (
	exportNext  = "$JS.API.CONSUMER.MSG.NEXT.*.*"
	exportInfo  = "$JS.API.CONSUMER.INFO.*.*"
	exportAckV1 = "$JS.ACK.*.*.*.*.*.*.*"
	exportAckV2 = "$JS.ACK.*.*.*.*.*.*.*.*.*"
	exportSeat  = "seat.*.*"
)

func hubClaims(k *keyring) *jwt.AccountClaims {
	c := jwt.NewAccountClaims(public(k.hub))
	c.Name = "HUB"
	c.SigningKeys.Add(public(k.own))
	c.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit, MaxAckPending: jwt.NoLimit}
	export := func(name, subject string, position uint, response jwt.ResponseType) {
		c.Exports.Add(&jwt.Export{Name: name, Subject: jwt.Subject(subject), Type: jwt.Service, ResponseType: response, AccountTokenPosition: position})
	}
	export("pull", exportNext, 7, jwt.ResponseTypeStream)
	export("info", exportInfo, 6, jwt.ResponseTypeSingleton)
	export("ack", exportAckV1, 4, jwt.ResponseTypeSingleton)
	export("ack-v2", exportAckV2, 6, jwt.ResponseTypeSingleton)
	export("hub", exportSeat, 2, jwt.ResponseTypeSingleton)
	return c
}

func sysClaims(k *keyring) *jwt.AccountClaims {
	c := jwt.NewAccountClaims(public(k.sys))
	c.Name = "SYS"
	c.SigningKeys.Add(public(k.own))
	return c
}

// seatClaims is the account of one seat: no JetStream, no exports, and only
// its own end of the four doors. Users are signed by one scoped key, so what a
// credential may do is decided here and not in the credential.
func seatClaims(k *keyring, seat *policy.Seat, connections int64) *jwt.AccountClaims {
	key, hub := seat.Account, public(k.hub)
	c := jwt.NewAccountClaims(key)
	c.Name = seat.Name
	c.Limits.AccountLimits = jwt.AccountLimits{Imports: jwt.NoLimit, Exports: 0, Conn: connections, LeafNodeConn: 0, DisallowBearer: true}
	c.Limits.JetStreamLimits = jwt.JetStreamLimits{}
	add := func(name, remote, local string) {
		c.Imports.Add(&jwt.Import{Name: name, Account: hub, Subject: jwt.Subject(remote), LocalSubject: jwt.RenamingSubject(local), Type: jwt.Service})
	}
	if seat.Reads() {
		add("pull", "$JS.API.CONSUMER.MSG.NEXT.*."+key, api.APIPrefix+".CONSUMER.MSG.NEXT.$1."+key)
		add("info", "$JS.API.CONSUMER.INFO.*."+key, api.APIPrefix+".CONSUMER.INFO.$1."+key)
		add("ack", "$JS.ACK.*."+key+".*.*.*.*.*", "")
		add("ack-v2", "$JS.ACK.*.*.*."+key+".*.*.*.*.*", "")
	}
	for _, verb := range seatVerbs {
		add(verb.local, "seat."+key+"."+verb.name, verb.local)
	}
	scope := jwt.NewUserScope()
	scope.Key, scope.Role = public(k.seats), "seat"
	scope.Template = jwt.UserPermissionLimits{
		Permissions: seatPermissions(seat),
		Limits:      jwt.Limits{NatsLimits: jwt.NatsLimits{Subs: 4096, Data: jwt.NoLimit, Payload: jwt.NoLimit}},
	}
	c.SigningKeys.AddScopedSigner(scope)
	return c
}

// accountOf is the account of a seat as the directory says it stands now: with
// every credential revoked, or only those that rotation retired.
func (h *Hub) accountOf(r *policy.Region, seat *policy.Seat) *jwt.AccountClaims {
	c := seatClaims(h.keys, seat, h.cfg.Limits.Connections)
	// The revocation holds for whatever was issued until now; a user key is
	// never issued twice.
	now := time.Now().Add(time.Second)
	if !r.MayConnect(seat) {
		c.RevokeAt(jwt.All, now)
	}
	for _, user := range seat.Retired {
		c.RevokeAt(user, now)
	}
	return c
}

func seatPermissions(seat *policy.Seat) jwt.Permissions {
	key := seat.Account
	var p jwt.Permissions
	for _, verb := range seatVerbs {
		p.Pub.Allow.Add(verb.local)
	}
	if seat.Reads() {
		p.Pub.Allow.Add(
			api.APIPrefix+".CONSUMER.MSG.NEXT.*."+key,
			api.APIPrefix+".CONSUMER.INFO.*."+key,
			"$JS.ACK.*."+key+".>",
			"$JS.ACK.*.*.*."+key+".>",
		)
	}
	p.Sub.Allow.Add("_INBOX.>")
	return p
}

// newUser signs a fresh user of a seat and returns its JWT and seed.
func newUser(k *keyring, seat *policy.Seat) (token string, seed []byte, err error) {
	kp, err := nkeys.CreateUser()
	if err != nil {
		return "", nil, fmt.Errorf("making a user key: %w", err)
	}
	uc := jwt.NewUserClaims(public(kp))
	uc.Name = seat.Name
	uc.IssuerAccount = seat.Account
	// A scoped user carries no permissions of its own.
	uc.UserPermissionLimits = jwt.UserPermissionLimits{}
	if token, err = uc.Encode(k.seats); err != nil {
		return "", nil, fmt.Errorf("signing a user of seat %s: %w", seat.Name, err)
	}
	seed, err = kp.Seed()
	return token, seed, err
}

// ownUser signs a fresh user of the HUB or system account. Such users live as
// long as the process, except the administrator's.
func ownUser(k *keyring, account nkeys.KeyPair, name string, perm jwt.Permissions) (token string, kp nkeys.KeyPair, err error) {
	if kp, err = nkeys.CreateUser(); err != nil {
		return "", nil, fmt.Errorf("making a user key: %w", err)
	}
	uc := jwt.NewUserClaims(public(kp))
	uc.Name = name
	uc.IssuerAccount = public(account)
	uc.Permissions = perm
	token, err = uc.Encode(k.own)
	return token, kp, err
}

// userOption authenticates a connection of the hub itself.
func userOption(token string, kp nkeys.KeyPair) nats.Option {
	return nats.UserJWT(func() (string, error) { return token, nil }, kp.Sign)
}
