package main

import (
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/marking"
)

// tlpOptions is what the command line of tlp says.
type tlpOptions struct{ summary, paths bool }

func newStixTLPCmd() *cobra.Command {
	var o tlpOptions
	cmd := &cobra.Command{
		Use:   "tlp FILE...",
		Short: "Tell the effective TLP of each object, and why",
		Long: `Tells of each object which TLP it stands under, by which marking, and where it
refers to it. The strictest of all TLP markings counts, on the object and on its
parts. A question mark stands where nobody can tell: a marking whose definition
is not in the files, one that says TLP under an identifier that is not TLP's, or
markings that cannot be read. A hyphen stands for no TLP marking at all.

Marking definitions are looked for in all files named, so one that was sent
earlier can be named beside them.

Exit code: 0 the TLP of every object can be told, 3 of some not, 4 of none, 1 a
file cannot be read or nothing is in it, 2 the command line cannot be understood.`,
		Example: `  selat stix tlp report.json
  selat stix tlp --paths report.json
  selat stix tlp --summary report.json our-markings.json
  selat stix tlp --json report.json | jq -r 'select(.tlp=="red").id'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error { return stixTLP(cmd, files, o) },
	}
	jsonFlag(cmd)
	cmd.Flags().BoolVar(&o.summary, "summary", false, "print the totals only")
	cmd.Flags().BoolVar(&o.paths, "paths", false, "tell the level of each marked part of an object too")
	return cmd
}

// tlpJSON is what is told of one object, as a line of JSON.
type tlpJSON struct {
	File   string `json:"file"`
	Object int    `json:"object"` // in its file, from 0
	ID     string `json:"id,omitempty"`
	Type   string `json:"type,omitempty"`
	// TLP is absent where it cannot be told, "none" where there is none.
	TLP      string         `json:"tlp,omitempty"`
	Marking  string         `json:"marking,omitempty"`
	Path     string         `json:"path,omitempty"`
	Findings []stix.Finding `json:"findings,omitempty"`
	// Paths is how strict each part is that has a marking of its own, the
	// object as a whole first.
	Paths []pathJSON `json:"paths,omitempty"`
}

type pathJSON struct {
	Selector string `json:"selector"` // "" for the object as a whole
	TLP      string `json:"tlp"`
}

func stixTLP(cmd *cobra.Command, files []string, o tlpOptions) (err error) {
	interruptStdin(cmd)
	sources, release, err := openSources(cmd, files)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	reading := &stixReading{sources: sources, progress: newStixProgress(cmd, false)}
	definitions, err := readDefinitions(cmd, reading)
	if err != nil {
		return err
	}
	out := newTLPOutput(cmd, len(files) > 1, o.summary)
	err = reading.each(cmd.Context(), func(it *stixItem) error {
		line := tlpOf(it, definitions.resolve)
		if o.paths && line.TLP != "" {
			var why error
			if line.Paths, why = pathLevels(it); why != nil {
				reading.progress.finish()
				complain(cmd, it, "the parts: "+why.Error())
			}
		}
		if !o.summary {
			reading.progress.finish()
		}
		return out.line(it, line)
	})
	if err := errors.Join(err, out.end()); err != nil {
		return err
	}
	return out.totals.exit()
}

// tlpOf tells the effective TLP of an item.
func tlpOf(it *stixItem, resolve func(string) (*stix.Definition, bool)) tlpJSON {
	line := tlpJSON{File: it.file, Object: it.number, ID: it.id()}
	if it.fault != nil {
		line.Findings = it.findings()
		return line
	}
	line.Type = it.object.Type
	for _, f := range it.object.Findings {
		if aboutMarkings(strings.TrimPrefix(f.Path, it.pointer)) && f.Severity == stix.Error {
			line.Findings = append(line.Findings, f)
		}
	}
	m, findings := it.object.Mark(resolve)
	line.Findings = append(line.Findings, findings...)
	for _, f := range line.Findings {
		if f.Severity == stix.Error {
			return line // nobody can rely on the level
		}
	}
	line.TLP, line.Marking, line.Path = m.Level.String(), m.ID, m.Path
	return line
}

// pathLevels tells how strict each marked part of an object is, nothing where
// no part has a marking of its own.
func pathLevels(it *stixItem) (paths []pathJSON, err error) {
	levels, err := marking.Levels(it.raw)
	if err != nil || len(levels) < 2 {
		return nil, err
	}
	for _, l := range levels {
		// Of an object whose TLP can be told all definitions are known: what is
		// not TLP by its identifier is something else.
		paths = append(paths, pathJSON{l.Selector, l.Level.String()})
	}
	return paths, nil
}

// aboutMarkings tells of a finding's path within its object whether the
// object's markings may have been read wrongly for it.
func aboutMarkings(path string) bool {
	for _, p := range []string{"/type", "/object_marking_refs", "/granular_markings"} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return path == ""
}

// definitionsRead are the marking-definitions of the input, by id; nil for an
// id under which several stand that are not the same.
type definitionsRead map[string]*definitionRead

type definitionRead struct {
	*stix.Definition
	hash  [sha256.Size]byte
	sound bool
}

func readDefinitions(cmd *cobra.Command, reading *stixReading) (definitionsRead, error) {
	read := definitionsRead{}
	err := reading.each(cmd.Context(), func(it *stixItem) error {
		if it.object != nil && it.object.Definition != nil {
			read.add(it.object)
		}
		return nil
	})
	return read, err
}

func (d definitionsRead) add(o *stix.Object) {
	if other, twice := d[o.ID]; twice && (other == nil || other.hash != o.Hash()) {
		d[o.ID] = nil // nobody can say which is meant
		return
	}
	sound := true
	for _, f := range o.Findings {
		sound = sound && f.Severity != stix.Error
	}
	d[o.ID] = &definitionRead{o.Definition, o.Hash(), sound}
}

// resolve answers as the hub does about what a submission carries.
func (d definitionsRead) resolve(id string) (*stix.Definition, bool) {
	switch def, here := d[id]; {
	case !here:
		_, known := stix.KnownTLP(id)
		return nil, known
	case def == nil:
		return nil, false
	default:
		return def.Definition, def.sound || def.LooksTLP
	}
}
