package source

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/selat-hub/selat/feeds/build"
)

// cveRecord is what is read of a record (CVE record format 5.1). Who found and
// who reported it stays out.
type cveRecord struct {
	Type     string `json:"dataType"`
	Version  string `json:"dataVersion"`
	Metadata struct {
		ID        string `json:"cveId"`
		State     string `json:"state"`
		Published string `json:"datePublished"`
		Updated   string `json:"dateUpdated"`
	} `json:"cveMetadata"`
	Containers struct {
		CNA cveContainer   `json:"cna"`
		ADP []cveContainer `json:"adp"`
	} `json:"containers"`
}

// cveContainer is what the authority that assigned the identifier says, or another
// that adds to it.
type cveContainer struct {
	Title        string `json:"title"`
	Descriptions []struct {
		Lang  string `json:"lang"`
		Value string `json:"value"`
	} `json:"descriptions"`
	Affected []struct {
		Vendor  string `json:"vendor"`
		Product string `json:"product"`
	} `json:"affected"`
	Problems []struct {
		Descriptions []struct {
			CWE  string `json:"cweId"`
			Text string `json:"description"`
		} `json:"descriptions"`
	} `json:"problemTypes"`
	References []struct {
		URL string `json:"url"`
	} `json:"references"`
	Metrics []struct {
		V4  *cvss `json:"cvssV4_0"`
		V31 *cvss `json:"cvssV3_1"`
		V30 *cvss `json:"cvssV3_0"`
		V2  *cvss `json:"cvssV2_0"`
	} `json:"metrics"`
}

type cvss struct {
	Vector   string  `json:"vectorString"`
	Score    float64 `json:"baseScore"`
	Severity string  `json:"baseSeverity"`
}

func (s *cve5) read(raw []byte, position string) Row {
	var r cveRecord
	if json.Unmarshal(raw, &r) != nil || r.Type != "CVE_RECORD" || !strings.HasPrefix(r.Version, "5.") {
		return refuse(position, build.InvalidRow, "it is no record of CVE in format 5")
	}
	key := strings.ToUpper(strings.TrimSpace(r.Metadata.ID))
	if !cveID.MatchString(key) {
		return refuse(position, build.InvalidValue, "cveId is no identifier of CVE")
	}
	switch r.Metadata.State {
	case "PUBLISHED":
	case "REJECTED":
		row := refuse(key, rejectedRecord, "CVE rejected the record")
		row.Withdrawn = true
		return row
	default:
		return refuse(key, unpublishedRecord, "the record is not published")
	}
	v := build.Vulnerability{Name: key, Description: r.description()}
	v.Key, v.References = key, r.references(key)
	var ok bool
	if v.Created, ok = readTime(r.Metadata.Published); !ok {
		return refuse(key, build.InvalidTime, "datePublished is no time")
	}
	if v.Modified, ok = readTime(r.Metadata.Updated); !ok {
		return refuse(key, build.InvalidTime, "dateUpdated is no time")
	}
	return Row{Key: key, Objects: []Draft{s.maker.Vulnerability(v)}}
}

// maxProducts is how many products a description names.
const maxProducts = 20

// description is the title, what is affected, and the text in English.
func (r *cveRecord) description() string {
	c := &r.Containers.CNA
	var parts, products []string
	if c.Title != "" {
		parts = append(parts, c.Title)
	}
	for _, a := range c.Affected {
		words := slices.DeleteFunc(build.Words(a.Vendor, a.Product), func(w string) bool { return strings.EqualFold(w, "n/a") })
		if name := strings.Join(words, " "); name != "" && !slices.Contains(products, name) {
			products = append(products, name)
		}
	}
	if more := len(products) - maxProducts; more > 0 {
		products = append(products[:maxProducts], fmt.Sprintf("and %d more", more))
	}
	if len(products) > 0 {
		parts = append(parts, "Affected: "+strings.Join(products, ", "))
	}
	for _, d := range c.Descriptions {
		if strings.HasPrefix(strings.ToLower(d.Lang), "en") {
			parts = append(parts, d.Value)
			break
		}
	}
	return strings.Join(parts, "\n\n")
}

// references name the record, the weaknesses, the scores, and what tells more. STIX
// has no property for a score, and those of single products are read by these
// alone; so it is an external reference, with the vector for its identifier.
func (r *cveRecord) references(key string) []build.Reference {
	list := []build.Reference{{Source: "cve", ID: key, URL: "https://www.cve.org/CVERecord?id=" + key}}
	add := func(ref build.Reference) {
		if len(list) < maxReferences && !slices.Contains(list, ref) {
			list = append(list, ref)
		}
	}
	containers := append([]cveContainer{r.Containers.CNA}, r.Containers.ADP...)
	for _, c := range containers {
		for _, p := range c.Problems {
			for _, d := range p.Descriptions {
				if cwe := cweOf(d.CWE, d.Text); cwe != "" {
					add(build.Reference{Source: "cwe", ID: cwe})
				}
			}
		}
		for _, m := range c.Metrics {
			for _, score := range []*cvss{m.V4, m.V31, m.V30, m.V2} {
				if ref, ok := score.reference(); ok {
					add(ref)
				}
			}
		}
	}
	for _, c := range containers {
		for _, ref := range c.References {
			add(build.Reference{Source: "reference", URL: ref.URL})
		}
	}
	return list
}

// cweOf reads an identifier of a weakness, which older records have only at the
// beginning of its name.
func cweOf(id, text string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	for _, s := range []string{id, strings.TrimSuffix(first, ":")} {
		if s = strings.ToUpper(strings.TrimSpace(s)); cweID.MatchString(s) {
			return s
		}
	}
	return ""
}

var (
	cvssVector   = regexp.MustCompile(`^(?:CVSS:([0-9.]{1,4})/)?[A-Za-z]{1,4}:[A-Za-z]{1,7}(?:/[A-Za-z]{1,4}:[A-Za-z]{1,7}){0,40}$`)
	cvssSeverity = map[string]bool{"NONE": true, "LOW": true, "MEDIUM": true, "HIGH": true, "CRITICAL": true}
)

func (c *cvss) reference() (build.Reference, bool) {
	if c == nil || c.Score < 0 || c.Score > 10 {
		return build.Reference{}, false
	}
	m := cvssVector.FindStringSubmatch(c.Vector)
	if m == nil {
		return build.Reference{}, false
	}
	text := "CVSS " + cmp.Or(m[1], "2.0") + ": " + strconv.FormatFloat(c.Score, 'f', 1, 64)
	if word := strings.ToUpper(c.Severity); cvssSeverity[word] {
		text += " " + word
	}
	return build.Reference{Source: "cvss", ID: c.Vector, Description: text}, true
}
