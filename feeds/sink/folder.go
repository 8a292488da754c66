package sink

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
)

var folderFormats = []Format{
	{
		Name: "stix", About: "a folder with one file for each object, its bytes as they were published", Default: "selat-stix",
		Folder: func(Settings) (Folder, error) { return stixFolder{}, nil },
	},
	{
		Name: "misp-feed", About: "a feed that MISP instances can pull, to be served over HTTP", Default: "selat-misp",
		Folder: func(s Settings) (Folder, error) { return MISPFeed{Allow: s.Allow, Before: s.Path}, nil },
	},
	{
		Name: "sigma", About: "Sigma rules for SIEMs, a file for each indicator", Default: "selat-sigma",
		Folder: func(s Settings) (Folder, error) { return Sigma{Allow: s.Allow}, nil },
	},
	{
		Name: "stix-bundle", About: "one STIX bundle of all objects, their bytes as they were published", Default: "selat.json",
		File: func(Settings) (File, error) { return stixBundle{}, nil },
	},
}

// BadName is why an object is not in a folder: its id or origin is no name for
// a file.
const BadName = "bad-name"

// stixFolder has objects at origin/type/id/version.json, and those without
// versions at origin/type/id.json. The allow-list does not concern it: it is what
// was said, not what to block.
type stixFolder struct{}

func (stixFolder) Render(ctx context.Context, dir string, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	count := Count{Skipped: map[string]int{}}
	for e := range entries {
		if err := ctx.Err(); err != nil {
			return count, err
		}
		count.Entries++
		if !plainWord(e.Origin, "-") || !plainWord(e.Type, "-") || !plainWord(e.ID, "-") || len(e.ID) > 200 {
			count.Skipped[BadName]++
			continue
		}
		path := filepath.Join(dir, e.Origin, e.Type, e.ID)
		if e.Version != "" {
			version := strings.ReplaceAll(e.Version, ":", "")
			if !plainWord(version, "-.") || strings.HasPrefix(version, ".") {
				count.Skipped[BadName]++
				continue
			}
			path = filepath.Join(path, version)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return count, fmt.Errorf("writing %s of %s: %w", e.ID, e.Origin, err)
		}
		if err := os.WriteFile(path+".json", e.Object, 0o644); err != nil {
			return count, fmt.Errorf("writing %s of %s: %w", e.ID, e.Origin, err)
		}
		count.Written++
		count.Lines++
	}
	return count, nil
}

type stixBundle struct{}

// Render writes the bundle's id after its objects, from which it follows.
func (stixBundle) Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	count := Count{Skipped: map[string]int{}}
	out := bufio.NewWriter(w)
	sum := sha256.New()
	out.WriteString(`{"type":"bundle","objects":[`)
	for e := range entries {
		if err := ctx.Err(); err != nil {
			return count, err
		}
		count.Entries++
		if count.Written > 0 {
			out.WriteString(",\n")
		}
		if _, err := io.MultiWriter(out, sum).Write(e.Object); err != nil {
			return count, fmt.Errorf("writing %s of %s: %w", e.ID, e.Origin, err)
		}
		count.Written++
		count.Lines++
	}
	fmt.Fprintf(out, `],"id":"bundle--%s"}`+"\n", uuid.NewSHA1(bundles, sum.Sum(nil)))
	return count, out.Flush()
}

// bundles is the name space of the ids of bundles that sinks write.
var bundles = uuid.MustParse("0b0f2b6e-6d0c-5e3b-9f5c-3c1d2f0a7e55")
