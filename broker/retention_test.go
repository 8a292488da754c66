package broker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func retained(rows ...broker.Retention) func(*broker.Config) {
	return func(c *broker.Config) { c.Retention = rows }
}

func TestWhatIsPastItsTimeLeavesStreamAndCatalogueTogether(t *testing.T) {
	h := newTestHub(t, retained(broker.Retention{Audience: "asean", TLP: "green", MaxAge: 30 * 24 * time.Hour}))
	sg, my := h.seat("sg/feed", policy.Both, stix.Green), h.seat("my/feed", policy.Subscriber, stix.Green)
	for i := range 3 {
		sg.submit(bundle(indicator(10*i, stix.Green), indicator(10*i+1, stix.Green)), "asean")
		sg.submit(bundle(indicator(10*i+2, stix.Clear)), "asean")
	}
	// Its neighbour is moved to the stream's end, and leaves as well.
	ask[api.Recalled](sg, api.SubjectRecall, api.RecallRequest{ID: "indicator--00000000-0000-4000-8000-000000000000", Reason: "a test"})
	for _, at := range []struct {
		when string
		now  time.Time
		gone int
		left int
	}{
		{"in time", time.Now().Add(29 * 24 * time.Hour), 0, 5},
		{"past it", time.Now().Add(31 * 24 * time.Hour), 3, 0},
		{"again", time.Now().Add(31 * 24 * time.Hour), 0, 0},
	} {
		n, err := h.Expire(t.Context(), at.now)
		must(t, err)
		if n != at.gone {
			t.Errorf("%s: %d messages left, not %d", at.when, n, at.gone)
		}
		if got := h.read(my.account, "asean-green", 2); len(got) != at.left {
			t.Errorf("%s: %d objects can be read, not %d", at.when, len(got), at.left)
		}
		h.agrees()
	}
	if got := h.read(my.account, "asean-clear", 100); len(got) != 3 {
		t.Errorf("%d of what is kept for ever can be read", len(got))
	}
	if got := my.drain()["CTI_ASEAN_GREEN"]; len(got) != 0 {
		t.Errorf("delivered after its time: %q", got)
	}
	// It is forgotten, and may come again; what was recalled may not.
	r := sg.submit(bundle(indicator(0, stix.Green), indicator(1, stix.Green)), "asean")
	if r.Accepted != 1 || r.Refused != 1 || !strings.Contains(r.Objects[0].Findings[0].Code, "recalled") {
		t.Errorf("published again: %+v", r)
	}
	for _, start := range []string{"with the row", "without it", "with the catalogue made anew"} {
		must(t, h.Close())
		switch start {
		case "without it":
			h.cfg.Retention = nil
		case "with the catalogue made anew":
			h.loseIndex()
		}
		h.start()
		if rec := h.Recovered(); rec.Missing != 0 {
			t.Errorf("started %s, %d messages are missing", start, rec.Missing)
		}
		h.agrees()
	}
}

func TestTheOldestLeaveWhereMoreIsHeldThanFits(t *testing.T) {
	h := newTestHub(t, retained(broker.Retention{Audience: "my", TLP: "red", MaxBytes: 1 << 20}))
	sg, my := h.seat("sg/feed", policy.Both, stix.Red), h.seat("my/feed", policy.Subscriber, stix.Red)
	long := strings.Repeat("x", 300<<10)
	for i := range 6 {
		o := indicator(i, stix.Red)
		sg.submit(bundle(o[:len(o)-1]+`,"description":"`+long+`"}`), "my")
	}
	n, err := h.Expire(t.Context(), time.Now())
	must(t, err)
	left := h.read(my.account, "my-red", 100)
	if n != 3 || len(left) != 3 || !strings.Contains(left[0], "000000000003") {
		t.Errorf("%d messages went and %d objects are left", n, len(left))
	}
	h.agrees()
}

func TestARetentionThatCannotBeMeantIsRefused(t *testing.T) {
	day := 24 * time.Hour
	for name, test := range map[string]struct {
		rows []broker.Retention
		want string
	}{
		"without an audience":  {[]broker.Retention{{TLP: "clear", MaxAge: day}}, "name the audience"},
		"of no level":          {[]broker.Retention{{Audience: "asean", TLP: "pink", MaxAge: day}}, "none of clear"},
		"without a bound":      {[]broker.Retention{{Audience: "asean", TLP: "clear"}}, "max_age or max_bytes"},
		"of minutes":           {[]broker.Retention{{Audience: "asean", TLP: "clear", MaxAge: time.Minute}}, "under a day"},
		"of bytes":             {[]broker.Retention{{Audience: "asean", TLP: "clear", MaxBytes: 50}}, "under 1 MiB"},
		"told twice":           {[]broker.Retention{{Audience: "a", TLP: "clear", MaxAge: day}, {Audience: "a", TLP: "clear", MaxAge: day}}, "two rows"},
		"that holds":           {[]broker.Retention{{Audience: "a", TLP: "clear", MaxAge: day}, {Audience: "a", TLP: "green", MaxBytes: 1 << 30}}, ""},
		"below zero":           {[]broker.Retention{{Audience: "a", TLP: "clear", MaxAge: -day}}, "under a day"},
		"of less than nothing": {[]broker.Retention{{Audience: "a", TLP: "clear", MaxBytes: -1}}, "under 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := broker.DefaultConfig()
			cfg.Retention = test.rows
			err := cfg.Check()
			if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}
