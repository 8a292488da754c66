package source

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/feeds/build"
)

// kev reads CISA's catalogue of vulnerabilities that are exploited, in JSON or in
// CSV: the first character tells. Both give the same objects.
type kev struct{ maker build.Maker }

func newKEV(c Config) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	return &kev{c.Maker}, nil
}

// maxKEV bounds the catalogue, in bytes; it is forty times what it was in 2025.
// What is longer is truncated.
const maxKEV = 64 << 20

// kevEntry is one entry of the catalogue. What the United States order their own
// agencies to do about it, and until when, is not passed on.
type kevEntry struct {
	CVE         string   `json:"cveID"`
	Vendor      string   `json:"vendorProject"`
	Product     string   `json:"product"`
	Name        string   `json:"vulnerabilityName"`
	Added       string   `json:"dateAdded"`
	Description string   `json:"shortDescription"`
	Ransomware  string   `json:"knownRansomwareCampaignUse"`
	Notes       string   `json:"notes"`
	CWEs        []string `json:"cwes"`
}

func (s *kev) Read(ctx context.Context, in Input, emit func(Row) error) error {
	buffered := bufio.NewReaderSize(io.LimitReader(in, maxKEV), 64<<10)
	head, _ := buffered.Peek(64)
	in.Reader = buffered
	if bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n"), []byte("{")) {
		return s.readJSON(ctx, in, buffered, emit)
	}
	t := table{comma: ',', folded: true, ended: true, header: []string{"cveid", "vulnerabilityname", "dateadded"}}
	return t.read(ctx, in, emit, func(r *record) Row {
		return s.row(&kevEntry{
			CVE: r.get("cveid"), Vendor: r.get("vendorproject"), Product: r.get("product"), Name: r.get("vulnerabilityname"),
			Added: r.get("dateadded"), Description: r.get("shortdescription"), Ransomware: r.get("knownransomwarecampaignuse"),
			Notes: r.get("notes"), CWEs: splitTags(r.get("cwes")),
		})
	})
}

// readJSON reads the catalogue an entry at a time. One that ends early, or has
// another number of entries than it says, is truncated.
func (s *kev) readJSON(ctx context.Context, in Input, r *bufio.Reader, emit func(Row) error) error {
	if bom, _ := r.Peek(3); string(bom) == "\xef\xbb\xbf" {
		r.Discard(3)
	}
	d := jsontext.NewDecoder(r)
	broken := func(err error) error { return brokenJSON(in.Name, d, err) }
	if _, err := d.ReadToken(); err != nil {
		return broken(err)
	}
	rows, said, found := 0, -1, false
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return broken(err)
		}
		switch key := name.String(); {
		case key == "count" && d.PeekKind() == '0':
			t, err := d.ReadToken()
			if err != nil {
				return broken(err)
			}
			n, _ := t.Int()
			said = int(n)
		case key == "vulnerabilities" && d.PeekKind() == '[':
			found = true
			var emitErr error
			if rows, emitErr, err = s.readEntries(ctx, d, emit); emitErr != nil {
				return emitErr
			}
			if err != nil {
				return broken(err)
			}
		default:
			if err := d.SkipValue(); err != nil {
				return broken(err)
			}
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return broken(err)
	}
	switch {
	case !found:
		return fmt.Errorf("reading %s: it has no vulnerabilities: this is another format", in.Name)
	case said >= 0 && said != rows:
		return fmt.Errorf("reading %s: it has %d entries and says it has %d: %w", in.Name, rows, said, ErrTruncated)
	}
	return nil
}

func (s *kev) readEntries(ctx context.Context, d *jsontext.Decoder, emit func(Row) error) (rows int, emitErr, err error) {
	if _, err := d.ReadToken(); err != nil {
		return 0, nil, err
	}
	for d.PeekKind() != ']' {
		raw, err := d.ReadValue()
		if err != nil {
			return rows, nil, err
		}
		rows++
		position := "vulnerabilities/" + strconv.Itoa(rows-1)
		var row Row
		var e kevEntry
		switch {
		case len(raw) > maxLine:
			row = Row{Key: position, Refused: tooLong()}
		case json.Unmarshal(raw, &e) != nil:
			row = refuse(position, build.InvalidRow, "the entry is no object of this format")
		default:
			row = s.row(&e)
		}
		if err := ctx.Err(); err != nil {
			return rows, err, nil
		}
		if err := emit(row.at(position)); err != nil {
			return rows, err, nil
		}
	}
	_, err = d.ReadToken()
	return rows, nil, err
}

var (
	cveID = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}$`)
	cweID = regexp.MustCompile(`^CWE-[0-9]{1,9}$`)
)

func (s *kev) row(e *kevEntry) Row {
	key := strings.ToUpper(strings.TrimSpace(e.CVE))
	if !cveID.MatchString(key) {
		return refuse(key, build.InvalidValue, "cveID is no identifier of CVE")
	}
	added, ok := readTime(e.Added)
	if !ok {
		return refuse(key, build.InvalidTime, "dateAdded is no date")
	}
	v := build.Vulnerability{Name: key, Description: e.Name}
	v.Key, v.Created = key, added
	v.Labels = []string{"known-exploited"}
	if strings.EqualFold(e.Ransomware, "Known") {
		v.Labels = append(v.Labels, "known-ransomware-campaign-use")
	}
	product := e.Product
	if !strings.HasPrefix(product, e.Vendor) {
		product = e.Vendor + " " + product
	}
	if product != "" {
		v.Description += " (" + product + ")"
	}
	if e.Description != "" {
		v.Description += "\n\n" + e.Description
	}
	v.References = []build.Reference{
		{Source: "cve", ID: key, URL: "https://nvd.nist.gov/vuln/detail/" + key},
		{Source: "cisa-kev", ID: key, URL: "https://www.cisa.gov/known-exploited-vulnerabilities-catalog"},
	}
	for _, cwe := range e.CWEs {
		if cwe = strings.ToUpper(strings.TrimSpace(cwe)); cweID.MatchString(cwe) {
			v.References = append(v.References, build.Reference{Source: "cwe", ID: cwe})
		}
	}
	for _, note := range strings.Fields(e.Notes) {
		if note = strings.Trim(note, ";,"); strings.HasPrefix(note, "https://") && len(v.References) < maxReferences {
			v.References = append(v.References, build.Reference{Source: "reference", URL: note})
		}
	}
	return Row{Key: key, Objects: []Draft{s.maker.Vulnerability(v)}}
}

const maxReferences = 50
