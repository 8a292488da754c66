package drill

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/stix"
)

// tlpMarking is TLP 2.0's marking of each level that an exercise may have.
var tlpMarking = map[stix.Level]string{
	stix.Clear: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", stix.Green: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	stix.Amber: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", stix.AmberStrict: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
}

// object is what an inject that is no file says, as STIX: an indicator or a note.
type object struct {
	Type        string   `json:"type"`
	SpecVersion string   `json:"spec_version"`
	ID          string   `json:"id"`
	Created     string   `json:"created"`
	Modified    string   `json:"modified"`
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	PatternType string   `json:"pattern_type,omitempty"`
	ValidFrom   string   `json:"valid_from,omitempty"`
	Abstract    string   `json:"abstract,omitempty"`
	Content     string   `json:"content,omitempty"`
	ObjectRefs  []string `json:"object_refs,omitempty"`
	Labels      []string `json:"labels"`
	Markings    []string `json:"object_marking_refs"`
}

// Label is on every object that a script words.
const Label = "exercise"

// make words an inject as an object. A note is about the indicator before it, or
// where there is none about its own marking.
func (in *Inject) make(drill, about string, now time.Time) (payload []byte, id string, err error) {
	at := now.UTC().Format("2006-01-02T15:04:05.000Z")
	o := object{SpecVersion: "2.1", Created: at, Modified: at, Labels: []string{Label, Label + ":" + drill}, Markings: []string{tlpMarking[in.TLP]}}
	title := "EXERCISE " + drill + ": " + in.Name
	if in.Indicator != "" {
		o.Type, o.Name, o.Description = "indicator", title, "EXERCISE, not real. "+in.Text
		o.Pattern, o.PatternType, o.ValidFrom = in.Indicator, "stix", at
	} else {
		o.Type, o.Abstract, o.Content = "note", title, "EXERCISE, not real. "+in.Text
		if o.ObjectRefs = []string{about}; about == "" {
			o.ObjectRefs = o.Markings
		}
	}
	o.ID = o.Type + "--" + uuid.NewString()
	payload, err = json.Marshal(o)
	return payload, o.ID, err
}
