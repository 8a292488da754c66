package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// The walls between accounts, written out. A change of this file is a change
// of who can reach what: testdata/accounts.golden must be read, not only
// renewed (SELAT_GOLDEN=write go test -run Walls ./broker).
func TestTheWallsBetweenAccountsAreTheseAndNoOthers(t *testing.T) {
	k := &keyring{}
	for _, kp := range []*nkeys.KeyPair{&k.sys, &k.hub, &k.own, &k.seats} {
		var err error
		if *kp, err = nkeys.CreateAccount(); err != nil {
			t.Fatal(err)
		}
	}
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{public(k.hub), "<HUB>", public(k.sys), "<SYS>", public(k.own), "<HUB SIGNING>", public(k.seats), "<SEAT SIGNING>", public(account), "<SEAT>"}
	var b strings.Builder
	for _, c := range []*jwt.AccountClaims{hubClaims(k), sysClaims(k)} {
		describe(&b, c)
	}
	for _, kind := range []policy.Kind{policy.Publisher, policy.Subscriber, policy.Both} {
		seat := &policy.Seat{Name: "my/" + string(kind), Member: "my", Account: public(account), Kind: kind, Standing: policy.Organization, Ceiling: stix.Red}
		c := seatClaims(k, seat, 64)
		describe(&b, c)
		var v jwt.ValidationResults
		c.Validate(&v)
		if errs := v.Errors(); len(errs) > 0 {
			t.Errorf("the account of a %s does not hold: %v", kind, errs)
		}
		for _, i := range c.Imports {
			if n := strings.Count(string(i.Subject), seat.Account); n != 1 {
				t.Errorf("a %s imports %s, which names its own account %d times", kind, i.Subject, n)
			}
		}
	}
	got := strings.NewReplacer(names...).Replace(b.String())
	golden := filepath.Join("testdata", "accounts.golden")
	if os.Getenv("SELAT_GOLDEN") == "write" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the walls have changed (-were +are):\n%s", diff)
	}
}

func describe(b *strings.Builder, c *jwt.AccountClaims) {
	fmt.Fprintf(b, "account %s (%s)\n", c.Name, c.Subject)
	l := c.Limits
	fmt.Fprintf(b, "  limits: connections %d, leaf nodes %d, imports %d, exports %d, wildcard exports %v, no bearer tokens %v, jetstream streams %d memory %d disk %d\n",
		l.Conn, l.LeafNodeConn, l.Imports, l.Exports, l.WildcardExports, l.DisallowBearer, l.Streams, l.MemoryStorage, l.DiskStorage)
	for _, e := range c.Exports {
		fmt.Fprintf(b, "  export %s %s, the importer's key at token %d, answers %s, traced %v\n", e.Type, e.Subject, e.AccountTokenPosition, e.ResponseType, e.AllowTrace)
	}
	for _, i := range c.Imports {
		fmt.Fprintf(b, "  import %s %s from %s as %q, traced %v\n", i.Type, i.Subject, i.Account, i.LocalSubject, i.AllowTrace)
	}
	keys := make([]string, 0, len(c.SigningKeys))
	for key := range c.SigningKeys {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		scope, scoped := c.SigningKeys[key].(*jwt.UserScope)
		if !scoped {
			fmt.Fprintf(b, "  users signed by %s, unscoped\n", key)
			continue
		}
		p := scope.Template
		fmt.Fprintf(b, "  users signed by %s, scoped: %d subscriptions, payload %d, allowed responses %v\n", key, p.Subs, p.Payload, p.Resp)
		for _, s := range []struct {
			what string
			list jwt.StringList
		}{{"publish", p.Pub.Allow}, {"not publish", p.Pub.Deny}, {"subscribe", p.Sub.Allow}, {"not subscribe", p.Sub.Deny}} {
			for _, subject := range s.list {
				fmt.Fprintf(b, "    %s %s\n", s.what, subject)
			}
		}
	}
}
