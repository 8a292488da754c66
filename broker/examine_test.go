package broker_test

import (
	"strings"
	"testing"
	"time"
)

func TestAnExaminationTellsWhichSettingOfWhichStreamIsWrong(t *testing.T) {
	h := newTestHub(t)
	well, err := h.Examine(t.Context())
	must(t, err)
	for _, f := range well.Findings {
		if len(f.Wrong) > 0 {
			t.Errorf("of a new hub: %+v", f)
		}
	}
	if well.Streams < 30 || time.Since(well.At) > time.Minute {
		t.Errorf("%+v", well)
	}
	s, err := h.Stores().Stream(t.Context(), "CTI_ASEAN_AMBER")
	must(t, err)
	c := s.CachedInfo().Config
	c.MaxAge = time.Hour
	c.DenyPurge = true
	_, err = h.Stores().UpdateStream(t.Context(), c)
	must(t, err)
	must(t, h.Stores().DeleteStream(t.Context(), "CTI_ASEAN_GREEN"))
	ill, err := h.Examine(t.Context())
	must(t, err)
	var wrong []string
	for _, f := range ill.Findings {
		wrong = append(wrong, f.Wrong...)
	}
	told := strings.Join(wrong, "\n")
	if len(wrong) != 2 || !strings.Contains(told, "CTI_ASEAN_AMBER: max_age is 3600000000000 and must be") || !strings.Contains(told, "CTI_ASEAN_GREEN is not there") {
		t.Errorf("%s", told)
	}
}
