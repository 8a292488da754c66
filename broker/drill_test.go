package broker_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestPositionsInExercisesAreOfThoseWhoMayReadThemAndNeverOfRED(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	h.seat("my/feed", policy.Both, stix.Green)
	h.seat("th/out", policy.Publisher, stix.Green)
	h.seat("vn/feed", policy.Both, stix.Green)
	must(t, h.Leave(t.Context(), "drill", "vn"))
	must(t, h.OpenEnrolment("http://127.0.0.1:1/taxii2/"))
	_, err := h.Invite(t.Context(), api.SeatInvite{Name: "ph/feed", Kind: policy.Both, Standing: policy.Organization, Ceiling: stix.Green, Expires: time.Now().Add(time.Hour)})
	must(t, err)
	got, err := h.DrillPositions(t.Context())
	must(t, err)
	var names []string
	for _, s := range got.Seats {
		names = append(names, s.Seat)
		for _, p := range s.Positions {
			if p.Durable || p.Level == stix.Red || !strings.HasPrefix(p.Stream, "CTI_DRILL_") {
				t.Errorf("%s: %+v", s.Seat, p)
			}
		}
	}
	if !slices.Equal(names, []string{"my/feed", "sg/feed"}) || len(got.Seats[0].Positions) != 2 || len(got.Seats[1].Positions) != 4 {
		t.Errorf("%+v", got)
	}

	// Who asks for its streams has positions; exercises of others do not move them.
	_, err = sg.nc.Request(api.SubjectStreams, nil, time.Minute)
	must(t, err)
	r, err := h.Submit(t.Context(), broker.Submission{Account: sg.account, Payload: bundle(indicator(1, stix.Red)), To: []string{"my"}})
	must(t, err)
	if r.Accepted != 1 {
		t.Fatalf("%+v", r)
	}
	got, err = h.DrillPositions(t.Context())
	must(t, err)
	for _, p := range got.Seats[1].Positions {
		if !p.Durable || p.Delivered != 0 {
			t.Errorf("%+v", p)
		}
	}
	b, err := json.Marshal(got)
	must(t, err)
	if strings.Contains(string(b), `"red"`) || strings.Contains(string(b), "_RED") {
		t.Errorf("RED is told: %s", b)
	}
}
