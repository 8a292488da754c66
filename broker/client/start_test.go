package client_test

import (
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/client"
)

func TestAStartIsATimeASequenceOrAll(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]client.Start{
		"all":                       {All: true},
		"24h":                       {Time: now.Add(-24 * time.Hour)},
		"90m":                       {Time: now.Add(-90 * time.Minute)},
		"7d":                        {Time: now.Add(-7 * 24 * time.Hour)},
		"2026-01-31":                {Time: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)},
		"2026-01-31T08:00:00.5Z":    {Time: time.Date(2026, 1, 31, 8, 0, 0, 5e8, time.UTC)},
		"17":                        {Sequence: 17},
		"CTI_ASEAN_AMBER-STRICT:17": {Sequence: 17, Stream: "CTI_ASEAN_AMBER-STRICT"},
	} {
		got, err := client.ParseStart(text, now)
		if err != nil || !got.Time.Equal(want.Time) || got.All != want.All || got.Sequence != want.Sequence || got.Stream != want.Stream {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "yesterday", "0", "-3", "-3h", "0s", ":4", "A:", "A:0", "d"} {
		if got, err := client.ParseStart(text, now); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
	if !(client.Start{}).IsZero() || (client.Start{All: true}).IsZero() {
		t.Error("only the zero value is no start")
	}
}

func FuzzParseStart(f *testing.F) {
	for _, s := range []string{"all", "24h", "7d", "2026-01-31", "A:1", "99999999999999999999d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := client.ParseStart(s, time.Unix(1e9, 0))
		if (err == nil) == got.IsZero() {
			t.Errorf("%q is %+v, %v", s, got, err)
		}
	})
}
