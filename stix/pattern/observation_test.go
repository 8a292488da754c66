package pattern

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const when = `"first_observed":"2024-01-01T10:00:00Z","last_observed":"2024-01-01T10:00:00.5Z"`

func TestObservationsAreReadFromAllFormsOfContent(t *testing.T) {
	lone := `{"type":"observed-data","id":"observed-data--1",` + when + `,"number_observed":3,"object_refs":["mutex--1"]}`
	mutex := `{"type":"mutex","id":"mutex--1","name":"x"}`
	for name, c := range map[string]struct {
		data string
		want string // id, number and objects of each
	}{
		"nothing":                       {"", ""},
		"a lone object":                 {lone, "observed-data--1 3 0"},
		"objects one after another":     {lone + "\n" + mutex, "observed-data--1 3 1"},
		"an object before what refers":  {mutex + lone, "observed-data--1 3 1"},
		"a bundle":                      {`{"type":"bundle","id":"bundle--1","objects":[` + lone + "," + mutex + `]}`, "observed-data--1 3 1"},
		"an envelope":                   {`{"more":false,"objects":[` + lone + "," + mutex + `]}`, "observed-data--1 3 1"},
		"two bundles that refer across": {`[{"type":"bundle","objects":[` + lone + `]},{"type":"bundle","objects":[` + mutex + `]}]`, "observed-data--1 3 1"},
		"a bundle without objects":      {`{"type":"bundle","id":"bundle--1"}`, ""},
		"objects that are not observed": {mutex, ""},
		"the objects of STIX 2.0":       {`{"type":"observed-data",` + when + `,"number_observed":1,"objects":{"0":{"type":"mutex"},"1":{"type":"file"}}}`, " 1 2"},
		"both kinds of objects":         {mutex + `{"type":"observed-data",` + when + `,"number_observed":1.0e1,"objects":{"0":{"type":"file"}},"object_refs":["mutex--1","mutex--1"]}`, " 10 2"},
		"the same version twice":        {lone + lone, "observed-data--1 3 0"},
		"a later version at the first's place": {
			strings.Replace(lone, `"type"`, `"modified":"2024-01-01T00:00:00Z","type"`, 1) +
				`{"type":"observed-data",` + when + `,"number_observed":1,"objects":{}}` +
				strings.Replace(strings.Replace(lone, `:3`, `:4`, 1), `"type"`, `"modified":"2024-01-01T00:00:00.1Z","type"`, 1),
			"observed-data--1 4 0, 1 0"},
	} {
		observed, err := Observations([]byte(c.data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, o := range observed {
			got = append(got, fmt.Sprint(o.ID, " ", o.Number, " ", len(o.objects)))
			if o.Last.Sub(o.First) != time.Second/2 {
				t.Errorf("%s: from %v to %v", name, o.First, o.Last)
			}
		}
		if s := strings.Join(got, ","); s != c.want && s != strings.ReplaceAll(c.want, ", ", ",") {
			t.Errorf("%s: got %q, want %q", name, s, c.want)
		}
	}
}

func TestWhatIsNoObservationIsRefused(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	for name, c := range map[string]struct{ data, want string }{
		"broken JSON":                 {`{"type":`, "not JSON"},
		"text behind":                 {`{"type":"mutex"} x`, "byte 17"},
		"a number":                    {`1`, "neither a STIX object"},
		"null":                        {`null`, "neither a STIX object"},
		"an object without a type":    {`{"id":"x"}`, "neither a STIX object"},
		"a bundle of strings":         {`{"type":"bundle","objects":["x"]}`, "neither a STIX object"},
		"a name twice":                {`{"type":"mutex","type":"mutex"}`, "same name twice"},
		"invalid UTF-8":               {"{\"type\":\"mutex\xff\"}", "not JSON"},
		"a lone surrogate":            {`{"type":"mutex","name":"\ud800"}`, "not JSON"},
		"65 levels":                   {deep, "nested deeper"},
		"a number beyond sense":       {`{"type":"mutex","x":1e99999999999}`, "exponent"},
		"no first_observed":           {`{"type":"observed-data"}`, "first_observed"},
		"no last_observed":            {`{"type":"observed-data","first_observed":"2024-01-01T10:00:00Z"}`, "last_observed"},
		"a time zone":                 {`{"type":"observed-data","first_observed":"2024-01-01T10:00:00+01:00"}`, "first_observed"},
		"an end before the beginning": {`{"type":"observed-data","first_observed":"2024-01-01T10:00:00Z","last_observed":"2024-01-01T09:00:00Z","number_observed":1}`, "before"},
		"no number_observed":          {`{"type":"observed-data","id":"observed-data--7",` + when + `}`, "observed-data--7: number_observed"},
		"none observed":               {`{"type":"observed-data",` + when + `,"number_observed":0}`, "from 1 to"},
		"half observed":               {`{"type":"observed-data",` + when + `,"number_observed":1.5}`, "from 1 to"},
		"minus one observed":          {`{"type":"observed-data",` + when + `,"number_observed":-1}`, "from 1 to"},
		"a billion observed":          {`{"type":"observed-data",` + when + `,"number_observed":1000000000}`, "from 1 to"},
		"one written as text":         {`{"type":"observed-data",` + when + `,"number_observed":"1"}`, "no number"},
		"objects that are none":       {`{"type":"observed-data",` + when + `,"number_observed":1,"objects":{"0":1}}`, "no object"},
		"an id without end":           {`{"type":"observed-data","id":"` + strings.Repeat("é", 5000) + `"}`, "first_observed"},
	} {
		observed, err := Observations([]byte(c.data))
		switch {
		case err == nil || observed != nil:
			t.Errorf("%s: no error, %d observed", name, len(observed))
		case !strings.Contains(err.Error(), c.want) || len(err.Error()) > 200:
			t.Errorf("%s: %v, want it to say %s", name, err, c.want)
		}
	}
}
