package sink

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"github.com/selat-hub/selat/feeds/misp"
	"github.com/selat-hub/selat/stix/pattern"
)

// Sigma is a folder of Sigma rules, a file for each indicator. A file has a rule
// for each log source that the values of the pattern are seen in: domains in DNS
// queries, addresses in network connections, URLs in those of a proxy, hashes of
// files where processes start.
//
// Only values that settle their pattern alone are written: a rule never asks for
// less than the indicator does.
type Sigma struct {
	// Allow is never written.
	Allow *Allow
}

// sigmaRule is a rule, in the order in which they are written.
type sigmaRule struct {
	Title          string            `yaml:"title"`
	ID             string            `yaml:"id"`
	Status         string            `yaml:"status"`
	Description    string            `yaml:"description,omitempty"`
	Author         string            `yaml:"author"`
	Date           string            `yaml:"date"`
	Tags           []string          `yaml:"tags,omitempty"`
	Source         map[string]string `yaml:"logsource"`
	Detection      map[string]any    `yaml:"detection"`
	FalsePositives []string          `yaml:"falsepositives"`
	Level          string            `yaml:"level"`
}

// sigmaField is where a kind of value is looked for.
type sigmaField struct {
	category, product string
	field             string
}

var sigmaFields = map[string]sigmaField{
	"domain":  {"dns_query", "", "QueryName"},
	"address": {"network_connection", "", "DestinationIp"},
	"network": {"network_connection", "", "DestinationIp|cidr"},
	"url":     {"proxy", "", "c-uri"},
	"hash":    {"process_creation", "windows", "Hashes|contains"},
}

// sigmaOrder is the order of the rules in a file.
var sigmaOrder = []string{"domain", "address", "network", "url", "hash"}

// sigmaHashes are the algorithms that Windows logs, as it writes them.
var sigmaHashes = map[string]string{"MD5": "MD5=", "SHA-1": "SHA1=", "SHA-256": "SHA256="}

// Render writes the rules.
func (s Sigma) Render(ctx context.Context, dir string, entries iter.Seq[Entry], now time.Time) (Count, error) {
	return judgeAll(ctx, entries, s.Allow, sigmaTakes, func(v *verdict) (int, error) {
		i, _ := readIndicator(&v.Entry) // what is wrong beside the pattern is left out
		found := map[string][]string{}
		for _, one := range v.values {
			kind, text := sigmaValue(one)
			found[kind] = append(found[kind], text)
		}
		rules, err := writeSigma(&v.Entry, &i, found)
		if err != nil {
			return 0, err
		}
		// The origin and the id name an indicator, and nothing of a stranger's a
		// path: the name is made of their hash.
		name := "selat_" + uuid.NewSHA1(mispSpace, []byte("sigma\x00"+v.Origin+"\x00"+v.ID)).String() + ".yml"
		return len(found), os.WriteFile(filepath.Join(dir, name), rules, 0o644)
	})
}

func sigmaTakes(v value) string {
	if kind, _ := sigmaValue(v); kind == "" || v.port != 0 || v.protocol != "" {
		return NoValue
	}
	return ""
}

// sigmaValue is the kind of rule that looks for a value, empty if none does, and
// the value as Sigma has it.
func sigmaValue(v value) (kind, text string) {
	switch v.kind {
	case pattern.DomainName:
		return "domain", v.text
	case pattern.URL:
		return "url", v.text
	case pattern.IPv4Address, pattern.IPv6Address:
		return "address", v.text
	case pattern.IPv4Network, pattern.IPv6Network:
		return "network", v.text
	case pattern.FileHash:
		if prefix := sigmaHashes[v.algorithm]; prefix != "" {
			return "hash", prefix + strings.ToUpper(v.text)
		}
	}
	return "", ""
}

func writeSigma(e *Entry, i *listing, found map[string][]string) ([]byte, error) {
	var out strings.Builder
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(4)
	for _, kind := range sigmaOrder {
		values := found[kind]
		if len(values) == 0 {
			continue
		}
		f := sigmaFields[kind]
		for n := range values {
			if kind != "network" {
				values[n] = sigmaText.Replace(values[n])
			}
		}
		source := map[string]string{"category": f.category}
		if f.product != "" {
			source["product"] = f.product
		}
		rule := sigmaRule{
			Title: sigmaTitle(i, kind), Status: "experimental", Description: i.Description, Author: e.Origin,
			ID:   uuid.NewSHA1(mispSpace, []byte("sigma\x00"+e.Origin+"\x00"+e.ID+"\x00"+kind)).String(),
			Date: e.Added.UTC().Format(time.DateOnly), Tags: sigmaTags(e),
			Source:         source,
			Detection:      map[string]any{"selection": map[string]any{f.field: values}, "condition": "selection"},
			FalsePositives: []string{"Unknown"}, Level: sigmaLevel(i.Confidence),
		}
		if err := enc.Encode(rule); err != nil {
			return nil, err
		}
	}
	err := enc.Close()
	return []byte(out.String()), err
}

// sigmaText escapes what stands for other characters in a Sigma value.
var sigmaText = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)

// sigmaTitle is at most 256 characters, as the specification of Sigma wants.
func sigmaTitle(i *listing, kind string) string {
	title := []rune(strings.Join(strings.Fields(i.Name), " "))
	if len(title) == 0 {
		title = []rune("Listed " + kind)
	}
	if len(title) > 200 {
		title = append(title[:199], '…')
	}
	return string(title)
}

func sigmaTags(e *Entry) []string {
	if tag := misp.LevelTag(e.Level); tag != "" {
		return []string{strings.Replace(strings.ReplaceAll(string(tag), "+", "-"), ":", ".", 1)}
	}
	return nil
}

// sigmaLevel is how much of an alert a hit is: of the confidence, medium of none.
func sigmaLevel(confidence *int) string {
	switch {
	case confidence == nil:
		return "medium"
	case *confidence >= 70:
		return "high"
	case *confidence >= 30:
		return "medium"
	}
	return "low"
}
