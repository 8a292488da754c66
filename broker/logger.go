package broker

import (
	"fmt"
	"log/slog"
	"strings"
)

// engineLog carries the embedded server's log into ours and counts what its
// lines say about attacks: a denied subject or a failed login is never just
// text in a file. A stream that failed to write (the disk filled beneath the
// reserve, or broke) takes nothing more until the engine starts anew, and says
// so here only: publishing to it goes unanswered.
type engineLog struct {
	log     *slog.Logger
	metrics *Metrics
	broken  func()
}

func (l engineLog) Noticef(f string, a ...any) { l.log.Debug("engine: " + fmt.Sprintf(f, a...)) }
func (l engineLog) Debugf(f string, a ...any)  {}
func (l engineLog) Tracef(f string, a ...any)  {}

func (l engineLog) Warnf(f string, a ...any) {
	s := fmt.Sprintf(f, a...)
	if strings.Contains(s, "generally discouraged") {
		return // about large payloads, which are what the hub is for
	}
	l.count(s)
	l.log.Warn("engine: " + s)
}

func (l engineLog) Errorf(f string, a ...any) {
	s := fmt.Sprintf(f, a...)
	l.count(s)
	// By how the engine's own lines begin: a client's name stands in others.
	if strings.HasPrefix(f, "JetStream stream '") && strings.Contains(f, "critical write error") ||
		strings.HasPrefix(f, "Filestore [") && strings.Contains(f, "] Critical write error") {
		l.broken()
	}
	l.log.Error("engine: " + s)
}

func (l engineLog) Fatalf(f string, a ...any) { l.log.Error("engine: " + fmt.Sprintf(f, a...)) }

func (l engineLog) count(line string) {
	switch {
	case strings.Contains(line, "Publish Violation"):
		l.metrics.EngineDenied.WithLabelValues("publish").Inc()
	case strings.Contains(line, "Subscription Violation"):
		l.metrics.EngineDenied.WithLabelValues("subscribe").Inc()
	case strings.Contains(line, "uthentication error"), strings.Contains(line, "uthorization"), strings.Contains(line, "revoked"):
		l.metrics.EngineDenied.WithLabelValues("login").Inc()
	case strings.Contains(line, "maximum"), strings.Contains(line, "Maximum Payload"), strings.Contains(line, "Slow Consumer"), strings.Contains(line, "timeout"):
		l.metrics.EngineDenied.WithLabelValues("limit").Inc()
	}
}
