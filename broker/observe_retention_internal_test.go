package broker

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func TestRetentionOvertakesWhoIsSlow(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	// A hundred messages of a kilobyte, evenly over the day before.
	state := jetstream.StreamState{Msgs: 100, Bytes: 100 << 10, FirstSeq: 1001, LastSeq: 1100, FirstTime: now.Add(-day), LastTime: now}
	for name, c := range map[string]struct {
		config        jetstream.StreamConfig
		floor, behind uint64
		want          time.Duration // from now; 0 is never
	}{
		"a stream that keeps everything overtakes nobody":                    {jetstream.StreamConfig{}, 1000, 100, 0},
		"who has everything is not overtaken":                                {jetstream.StreamConfig{MaxAge: day}, 1100, 0, 0},
		"by age, who has nothing yet":                                        {jetstream.StreamConfig{MaxAge: 2 * day}, 1000, 100, day},
		"by age, who is half through":                                        {jetstream.StreamConfig{MaxAge: 2 * day}, 1049, 51, day + day*49/99},
		"by age, who lost some already, counts from what is left":            {jetstream.StreamConfig{MaxAge: 2 * day}, 10, 100, day},
		"by number, with room for as many again":                             {jetstream.StreamConfig{MaxMsgs: 200}, 1000, 100, day},
		"by number, with room for none, who is half through":                 {jetstream.StreamConfig{MaxMsgs: 100}, 1050, 50, day / 2},
		"by bytes, with room for as many again":                              {jetstream.StreamConfig{MaxBytes: 200 << 10}, 1000, 100, day},
		"what comes first counts":                                            {jetstream.StreamConfig{MaxAge: 30 * day, MaxMsgs: 200}, 1000, 100, day},
		"a full stream that refuses what is new removes nothing":             {jetstream.StreamConfig{MaxMsgs: 100, Discard: jetstream.DiscardNew}, 1000, 100, 0},
		"what ends after a century is not told beyond it, and not backwards": {jetstream.StreamConfig{MaxMsgs: 1 << 60}, 1000, 100, 100 * 365 * day},
	} {
		t.Run(name, func(t *testing.T) {
			at := overtaken(&jetstream.StreamInfo{Config: c.config, State: state},
				&jetstream.ConsumerInfo{AckFloor: jetstream.SequenceInfo{Stream: c.floor}, NumPending: c.behind}, now)
			switch {
			case c.want == 0 && !at.IsZero():
				t.Errorf("overtaken at %s", at)
			case c.want != 0 && (at.Sub(now)-c.want).Abs() > time.Second:
				t.Errorf("overtaken in %s, want %s", at.Sub(now), c.want)
			}
		})
	}
}

func TestRetentionOfAStreamWithOneMessageOrNone(t *testing.T) {
	now := time.Now()
	slow := &jetstream.ConsumerInfo{NumPending: 1}
	one := &jetstream.StreamInfo{Config: jetstream.StreamConfig{MaxAge: time.Hour}, State: jetstream.StreamState{Msgs: 1, FirstSeq: 7, LastSeq: 7, FirstTime: now, LastTime: now}}
	if at := overtaken(one, slow, now); !at.Equal(now.Add(time.Hour)) {
		t.Errorf("overtaken at %s", at)
	}
	none := &jetstream.StreamInfo{Config: one.Config, State: jetstream.StreamState{FirstSeq: 8, LastSeq: 7}}
	if at := overtaken(none, slow, now); !at.IsZero() {
		t.Errorf("an empty stream overtakes at %s", at)
	}
}
