package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/pattern"
)

var cefOptions = []Option{
	{Name: "vendor", Default: "Selat", About: "who the events are from, in their heads"},
	{Name: "product", Default: "hub", About: "by which product"},
}

var streamFormats = []Format{
	{
		Name: "cef", About: "lines of ArcSight's Common Event Format, added to a file", Default: "selat.cef.log",
		Options: append([]Option{{Name: "path", Required: true, About: "the file, which may be rotated at any time"}}, cefOptions...),
		Stream:  newCEFFile,
	},
	syslogFormat, webhookFormat,
}

// cef writes events as lines of ArcSight's Common Event Format, revision 25.
type cef struct{ vendor, product string }

func newCEF(s Settings) cef {
	return cef{vendor: s.text("vendor", "Selat"), product: s.text("product", "hub")}
}

// lines are one for each value that settles the entry, or one without. An
// observation is told too: it is an event, and no order to block.
func (c cef) lines(e Event) []string {
	name, severity, confidence := e.objectType(), 5, ""
	var all []value
	if v, reason := judge(e.Entry); reason == "" {
		name, all = v.title(), v.values
		if v.confidence >= 0 {
			severity = v.confidence / 10
			confidence = fmt.Sprintf(" cn1Label=confidence cn1=%d", v.confidence)
		}
	}
	head := fmt.Sprintf("CEF:0|%s|%s|1.0|%s|%s|%d|rt=%d", cefHead(c.vendor), cefHead(c.product),
		cefHead(e.objectType()+"."+string(e.Kind)), cefHead(name), severity, e.At.UnixMilli())
	tail := ""
	if e.Entry.Level != stix.NoLevel {
		tail = " cs1Label=tlp cs1=" + strings.TrimPrefix(tlp(e.Entry.Level), "TLP:")
	}
	tail += fmt.Sprintf(" cs2Label=stixId cs2=%s%s cs3Label=origin cs3=%s externalId=%s",
		cefText(e.Entry.ID), confidence, cefText(e.Entry.Origin), cefText(e.Key))
	if len(all) == 0 {
		return []string{head + tail}
	}
	var lines []string
	for _, v := range all {
		lines = append(lines, head+cefValue(v)+tail)
	}
	return lines
}

// cefValue is a value under the key that the format has for it.
func cefValue(v value) string {
	text := cefText(v.text)
	s := ""
	switch v.kind {
	case pattern.IPv4Address:
		s = " dst=" + text
	case pattern.IPv6Address:
		s = " c6a3Label=Destination IPv6 Address c6a3=" + text
	case pattern.DomainName:
		s = " dhost=" + text
	case pattern.URL:
		s = " request=" + text
	case pattern.FileHash:
		s = " fileHash=" + text
	case pattern.FileName:
		s = " fname=" + text
	default:
		s = " cs4Label=" + v.kind.String() + " cs4=" + text
	}
	if v.port != 0 {
		s += " dpt=" + strconv.Itoa(int(v.port))
	}
	if v.protocol != "" {
		s += " proto=" + v.protocol
	}
	return s
}

// longestCEF is the longest text of a line, in bytes before it is escaped.
const longestCEF = 4000

func cefHead(s string) string {
	return strings.NewReplacer(`\`, `\\`, `|`, `\|`).Replace(oneLine(s, longestCEF))
}

func cefText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `=`, `\=`).Replace(oneLine(s, longestCEF))
}

type cefFile struct {
	cef
	path string
}

func newCEFFile(s Settings) (Stream, error) {
	path := s.text("path", "")
	if path == "" {
		return nil, errors.New("path is missing: it is the file to which events are added")
	}
	return &cefFile{cef: newCEF(s), path: path}, nil
}

// Tell opens the file each time, so that it may be rotated, and returns when it
// is on disk.
func (c *cefFile) Tell(ctx context.Context, events []Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range events {
		for _, line := range c.lines(e) {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	file, err := os.OpenFile(c.path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("adding events: %w", err)
	}
	defer file.Close()
	text := b.String()
	if torn(file) {
		text = "\n" + text
	}
	if _, err := file.WriteString(text); err != nil {
		return fmt.Errorf("adding events: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("adding events: %w", err)
	}
	return file.Close()
}

// torn reports whether a file ends within a line, since its writer was killed.
func torn(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = file.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// Close does nothing: no file is open between events.
func (c *cefFile) Close() error { return nil }
