package source

import (
	"slices"
	"strconv"
	"strings"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/misp"
)

// object makes of an object one indicator. MISP looks for each attribute with
// to_ids by itself, so they are alternatives; but a file that has hashes is not
// looked for by its name, which says little, and an address with its one port is
// looked for at that port.
func (r *eventReader) object(e *misp.Element[misp.Object], position string) error {
	o := &e.Value
	if e.Err != nil {
		return r.tell(refuse("", build.InvalidRow, e.Err.Error()), position, position)
	}
	key, row := r.stand(o.UUID, o.Distribution, o.Deleted)
	switch {
	case key == "":
		key = position
	case row == nil && o.Personal():
		personal := refuse("", build.PersonalData, "the object is about a person or an account")
		row = &personal
	}
	if row != nil {
		return r.tell(*row, key, position)
	}
	var asked []found
	for i := range o.Attributes {
		a := &o.Attributes[i]
		at := position + "/Attribute/" + strconv.Itoa(i)
		if one, ok := r.detects(a); ok {
			asked = append(asked, one)
		} else if err := r.attribute(a, at); err != nil {
			return err
		}
	}
	made := r.together(o, key, asked)
	return r.tell(made, key, position)
}

// found is an attribute of an object that asks for something.
type found struct {
	attribute *misp.Attribute
	misp.Asked
}

func (r *eventReader) detects(e *misp.Element[misp.Attribute]) (found, bool) {
	a := &e.Value
	if e.Err != nil || !bool(a.ToIDS) || a.Personal() || a.Type == "vulnerability" {
		return found{}, false
	}
	if _, row := r.stand(a.UUID, a.Distribution, a.Deleted); row != nil || misp.ReadTags(a.Tags).Unknown {
		return found{}, false
	}
	asked, refused := a.Ask()
	return found{a, asked}, refused == nil
}

func (r *eventReader) together(o *misp.Object, key string, asked []found) Row {
	if len(asked) == 0 {
		return Row{Skipped: emptyObject}
	}
	isHash := func(f found) bool { return strings.HasPrefix(f.Comparison, "file:hashes.") }
	isName := func(f found) bool {
		return strings.HasPrefix(f.Comparison, "file:name ") && f.attribute.Type == "filename"
	}
	used := asked
	if slices.ContainsFunc(asked, isHash) {
		used = slices.DeleteFunc(slices.Clone(asked), isName)
	}
	port := onePort(o)
	var patterns []string
	e := entryOf{key: key, title: used[0].Title, comment: o.Comment, timestamp: o.Timestamp, first: o.FirstSeen, last: o.LastSeen}
	for _, f := range used {
		pattern := f.Pattern()
		if len(f.Values) == 1 && f.Values[0].Kind == build.IP && port != "" {
			if v, refused := build.Endpoint(f.Values[0].Text, port); refused == nil {
				pattern = v.Pattern()
			}
		}
		if !slices.Contains(patterns, pattern) {
			patterns = append(patterns, pattern)
		}
	}
	for _, f := range asked {
		a := f.attribute
		e.tags, e.clusters = append(e.tags, a.Tags...), append(e.clusters, misp.Named(a.Galaxies)...)
		e.timestamp = max(e.timestamp, a.Timestamp)
		if e.first.IsZero() || !a.FirstSeen.IsZero() && a.FirstSeen.Before(e.first.Time) {
			e.first = a.FirstSeen
		}
		if a.LastSeen.After(e.last.Time) {
			e.last = a.LastSeen
		}
	}
	e.pattern = strings.Join(patterns, " OR ")
	return r.indicator(e)
}

// onePort is the port of the destination that an object about a connection has,
// "" if it has none or several.
func onePort(o *misp.Object) string {
	switch o.Name {
	case "ip-port", "network-connection", "network-socket", "domain-ip-port":
	default:
		return ""
	}
	port := ""
	for i := range o.Attributes {
		a := &o.Attributes[i].Value
		if a.Type != "port" || a.Relation != "dst-port" || bool(a.Deleted) {
			continue
		}
		if port != "" {
			return ""
		}
		port = string(a.Value)
	}
	return port
}
