package broker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// Metrics are the hub's own counters; package ops serves them and adds what is
// read from the store when asked. Every label value comes from a closed set or
// from the directory: members, seats, levels, known STIX types, codes. The
// recipients of RED are never told; its audience is "red".
type Metrics struct {
	Submissions   *prometheus.CounterVec // origin, outcome
	Objects       *prometheus.CounterVec // origin, tlp, type, outcome
	Refusals      *prometheus.CounterVec // code
	TLPDenials    *prometheus.CounterVec // origin, code
	EngineDenied  *prometheus.CounterVec // kind
	SeatRequests  *prometheus.CounterVec // request
	AdminRequests *prometheus.CounterVec // request, outcome
	AuthDenials   *prometheus.CounterVec // reason
	Enrolments    *prometheus.CounterVec // outcome
	Warnings      *prometheus.CounterVec
	Recalls       *prometheus.CounterVec // origin, by
	Feedback      *prometheus.CounterVec // origin, type
	// FlowObjects and FlowBytes count each accepted object once for a submission,
	// however many members a RED one names.
	FlowObjects    *prometheus.CounterVec // origin, audience, tlp
	FlowBytes      *prometheus.CounterVec // origin, audience, tlp
	ReceiptSeconds prometheus.Histogram
	// DeliverySeconds is from receipt to delivery, sampled from
	// acknowledgements.
	DeliverySeconds prometheus.Histogram
	WriteSeconds    prometheus.Histogram
	BatchObjects    prometheus.Histogram
	BatchMessages   prometheus.Histogram
	WriteRetries    prometheus.Counter

	lastPublished *prometheus.GaugeVec // origin
}

// Histograms are told in both forms: in the buckets named, and in native ones, of
// which the factor says how fine and the others how many.
const (
	nativeFactor  = 1.1
	nativeBuckets = 160
	nativeReset   = time.Hour
)

func newMetrics() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets,
			NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets, NativeHistogramMinResetDuration: nativeReset})
	}
	latency := prometheus.ExponentialBuckets(0.0001, 2, 18) // 0.1 ms to 13 s
	m := &Metrics{
		Submissions:     counter("selat_submissions_total", "Submissions answered, by origin and outcome (accepted, partly, refused).", "origin", "outcome"),
		Objects:         counter("selat_objects_total", "Objects answered, by origin, TLP, STIX type and outcome.", "origin", "tlp", "type", "outcome"),
		Refusals:        counter("selat_refusals_total", "Refusals of objects and submissions, by code.", "code"),
		TLPDenials:      counter("selat_tlp_denials_total", "Refusals that a TLP or audience rule made, by origin and code.", "origin", "code"),
		EngineDenied:    counter("selat_engine_denials_total", "What the engine denied: subjects to publish or subscribe to, logins, limits.", "kind"),
		SeatRequests:    counter("selat_seat_requests_total", "Questions of seats answered, by request.", "request"),
		AdminRequests:   counter("selat_admin_requests_total", "Administrative acts, by request and outcome.", "request", "outcome"),
		AuthDenials:     counter("selat_auth_denials_total", "Tokens and certificates of seats denied over HTTP, by reason (bad-credentials, expired, seat, locked, busy).", "reason"),
		Enrolments:      counter("selat_enrolments_total", "Invitations that somebody tried to redeem, by outcome (enrolled, refused, locked, failed).", "outcome"),
		Warnings:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "selat_object_warnings_total", Help: "Places where accepted objects break a SHOULD of STIX, once for each object stored, by origin and code."}, []string{"origin", "code"}),
		Recalls:         counter("selat_recalls_total", "Recalls carried out, by origin of the object and who ordered it (seat, administrator, narrowing).", "origin", "by"),
		Feedback:        counter("selat_feedback_total", "Sightings and opinions accepted, by origin and type.", "origin", "type"),
		FlowObjects:     counter("selat_flow_objects_total", "Objects accepted, by origin, audience (a community's token, or red) and TLP.", "origin", "audience", "tlp"),
		FlowBytes:       counter("selat_flow_bytes_total", "Bytes of the objects accepted, as published, by origin, audience (a community's token, or red) and TLP.", "origin", "audience", "tlp"),
		ReceiptSeconds:  histogram("selat_receipt_seconds", "Time from a submission's arrival to its receipt.", latency),
		DeliverySeconds: histogram("selat_delivery_seconds", "Time from storing a message to delivering it, sampled from acknowledgements.", latency),
		WriteSeconds:    histogram("selat_write_seconds", "Time of one group commit, its fsyncs included.", latency),
		BatchObjects:    histogram("selat_batch_objects", "Objects in one group commit.", prometheus.ExponentialBuckets(1, 2, 14)),
		BatchMessages:   histogram("selat_batch_messages", "Messages in one group commit.", prometheus.ExponentialBuckets(1, 2, 10)),
		WriteRetries:    prometheus.NewCounter(prometheus.CounterOpts{Name: "selat_write_retries_total", Help: "Group commits tried again after an unclear answer."}),
		lastPublished:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "selat_member_last_publication_timestamp_seconds", Help: "When a member's last accepted object was stored."}, []string{"origin"}),
	}
	for _, outcome := range []string{"enrolled", "refused", "locked", "failed"} {
		m.Enrolments.WithLabelValues(outcome) // told from the start, so that a first one is a rise
	}
	return m
}

// Register adds the metrics to a registry.
func (m *Metrics) Register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.Submissions, m.Objects, m.Refusals, m.TLPDenials, m.EngineDenied, m.SeatRequests, m.AdminRequests, m.AuthDenials, m.Enrolments, m.Warnings, m.Recalls, m.Feedback, m.FlowObjects, m.FlowBytes,
		m.ReceiptSeconds, m.DeliverySeconds, m.WriteSeconds, m.BatchObjects, m.BatchMessages, m.WriteRetries, m.lastPublished} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (m *Metrics) recalled(o *order) {
	by := o.By
	if by != byAdministrator && by != byNarrowing {
		by = "seat"
	}
	m.Recalls.WithLabelValues(o.Origin, by).Inc()
}

func (m *Metrics) submissionRefused(origin, code string) {
	m.Submissions.WithLabelValues(origin, "refused").Inc()
	m.refusal(origin, code)
}

func (m *Metrics) refusal(origin, code string) {
	m.Refusals.WithLabelValues(code).Inc()
	if tlpCode(code) {
		m.TLPDenials.WithLabelValues(origin, code).Inc()
	}
}

// tlpCode reports whether a refusal was about who may receive or publish what.
func tlpCode(code string) bool {
	switch code {
	case "tlp-missing", "tlp-unknown", "tlp-lookalike", "marking-unresolved", "level-conflict", "foreign-identity",
		"audience-missing", "audience-unknown", "audience-many", "audience-member", "audience-red-community",
		"receive-only", "seat-kind", "suspended", "revoked":
		return true
	}
	return false
}

// submission counts a receipt that is sent.
func (m *Metrics) submission(r *receipt, took time.Duration) {
	m.ReceiptSeconds.Observe(took.Seconds())
	type label struct {
		level   stix.Level
		typ     string
		outcome api.Outcome
	}
	counts := map[label]int{}
	stored, refused := 0, 0
	warnings := map[string]int{}
	flow := flows{}
	warned := -1 // the last object whose warnings are counted; RED has several lines
	for i := range r.lines {
		l := &r.lines[i]
		o := &r.sub.objects[l.object]
		counts[label{o.level, boundedType(o.Type), l.outcome}]++
		if l.outcome == api.Refused {
			refused++
			for _, f := range l.findings {
				m.refusal(r.sub.seat.Member, f.Code)
			}
			continue
		}
		stored++
		if l.outcome == api.Accepted && l.stream >= 0 {
			flow.add(o.streams[l.stream], l.object, len(o.Raw))
		}
		if l.outcome != api.Accepted || l.object == warned {
			continue
		}
		warned = l.object
		for i := range o.warnings {
			warnings[o.warnings[i].Code]++
		}
		if o.Type == "sighting" || o.Type == "opinion" {
			// Not what it is about, nor what it says: that may be above CLEAR.
			m.Feedback.WithLabelValues(r.sub.seat.Member, o.Type).Inc()
		}
	}
	origin := r.sub.seat.Member
	for l, n := range counts {
		m.Objects.WithLabelValues(origin, l.level.String(), l.typ, string(l.outcome)).Add(float64(n))
	}
	for code, n := range warnings {
		m.Warnings.WithLabelValues(origin, code).Add(float64(n))
	}
	m.flow(r.h, origin, flow)
	outcome := "accepted"
	switch {
	case stored == 0:
		outcome = "refused"
	case refused > 0:
		outcome = "partly"
	}
	m.Submissions.WithLabelValues(origin, outcome).Inc()
	if stored > 0 {
		m.lastPublished.WithLabelValues(origin).SetToCurrentTime()
	}
}

// boundedType keeps the label's values to the types of STIX 2.1.
func boundedType(t string) string {
	if stix.KnownType(t) {
		return t
	}
	return "custom"
}
