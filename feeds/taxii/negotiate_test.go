package taxii

import (
	"net/http"
	"strings"
	"testing"
)

func TestWhatAClientAcceptsDecidesWhetherItIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		accept []string
		want   bool
	}{
		"no header":                        {nil, true},
		"an empty header":                  {[]string{""}, true},
		"anything":                         {[]string{"*/*"}, true},
		"any application":                  {[]string{"application/*"}, true},
		"TAXII of any version":             {[]string{"application/taxii+json"}, true},
		"TAXII 2.1":                        {[]string{"application/taxii+json;version=2.1"}, true},
		"TAXII 2.1 with a space":           {[]string{"application/taxii+json; version=2.1"}, true},
		"TAXII 2.1 quoted":                 {[]string{`application/taxii+json;version="2.1"`}, true},
		"TAXII 2.1 with a charset":         {[]string{"application/taxii+json;version=2.1;charset=utf-8"}, true},
		"upper case":                       {[]string{"Application/TAXII+JSON;Version=2.1"}, true},
		"TAXII 2.0":                        {[]string{"application/taxii+json;version=2.0"}, false},
		"the media type of TAXII 2.0":      {[]string{"application/vnd.oasis.taxii+json"}, false},
		"plain JSON":                       {[]string{"application/json"}, false},
		"STIX":                             {[]string{"application/stix+json;version=2.1"}, false},
		"one of several":                   {[]string{"text/html, application/taxii+json;q=0.1"}, true},
		"one of several lines":             {[]string{"text/html", "application/taxii+json"}, true},
		"none of several lines":            {[]string{"text/html", "image/png"}, false},
		"refused by weight":                {[]string{"application/taxii+json;q=0"}, false},
		"refused in particular":            {[]string{"*/*, application/taxii+json;q=0"}, false},
		"refused but for this version":     {[]string{"application/taxii+json;version=2.1, application/taxii+json;q=0"}, true},
		"everything refused but this":      {[]string{"*/*;q=0, application/*;q=0.2"}, true},
		"a weight that is none":            {[]string{"application/taxii+json;q=x"}, false},
		"a comma inside quotes":            {[]string{`text/html;x="a,b", */*`}, true},
		"nonsense":                         {[]string{";;;"}, false},
		"more alternatives than are read":  {[]string{strings.Repeat("text/html,", maxRanges) + "*/*"}, false},
		"a version that another range has": {[]string{"*/*;version=2.1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for _, v := range c.accept {
				h.Add("Accept", v)
			}
			if got := accepts(h); got != c.want {
				t.Errorf("Accept %q: %v, want %v", c.accept, got, c.want)
			}
		})
	}
}

func TestABodyMustBeTAXII(t *testing.T) {
	for given, want := range map[string]bool{
		"application/taxii+json;version=2.1": true, "application/taxii+json": true, "application/taxii+json; version=2.1; charset=utf-8": true,
		"": false, "application/json": false, "application/taxii+json;version=2.0": false, "application/stix+json;version=2.1": false, "x": false,
	} {
		h := http.Header{}
		if given != "" {
			h.Set("Content-Type", given)
		}
		if got := isTAXII(h); got != want {
			t.Errorf("%q: %v, want %v", given, got, want)
		}
	}
	if isTAXII(http.Header{"Content-Type": {mediaTAXII, mediaTAXII}}) {
		t.Error("two types of one body")
	}
}

func TestTheCodingThatIsWantedMostIsUsed(t *testing.T) {
	for given, want := range map[string]string{
		"": codingNone, "gzip": codingGzip, "zstd": codingZstd, "gzip, zstd": codingZstd, "gzip;q=1, zstd;q=0.5": codingGzip,
		"gzip;q=0": codingNone, "*": codingZstd, "*;q=0.5, zstd;q=0": codingGzip, "br, deflate": codingNone, "identity": codingNone,
		"identity, gzip;q=0.5": codingNone, "GZIP": codingGzip, "x-gzip": codingGzip, "gzip;q=2": codingNone, "gzip;level=9": codingNone,
	} {
		h := http.Header{}
		if given != "" {
			h.Set("Accept-Encoding", given)
		}
		if got := chooseCoding(h); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}
