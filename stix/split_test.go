package stix

import "testing"

func TestSmoke(t *testing.T) {
	o, err := Split([]byte(`{"type":"bundle","id":"x","objects":[{"type":"indicator","id":"indicator--1f9a2b34-5c6d-4e7f-8a9b-0c1d2e3f4a5b","spec_version":"2.1","created":"2025-01-31T12:00:00.000Z","modified":"2025-01-31T12:00:00.000Z","object_marking_refs":["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"]},{"a":1,"a":2},{}]}`), Limits{})
	t.Logf("%+v %v", o, err)
	t.Log(o[0].Mark(func(string) (*Definition, bool) { return nil, false }))
}
