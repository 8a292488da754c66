package profile

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/selat-hub/selat/broker/policy"
)

// maxText bounds titles and names for people, in bytes.
const maxText = 200

// checker refuses what cannot be a region, with the line it stands on.
type checker struct {
	file string
	root *yaml.Node
}

// check adds the profile's parts one after the other to an empty region, as an
// administrator would, so that what a hub refuses is refused here.
func (c *checker) check(p *Profile) error {
	if no := policy.CheckCommunityName(p.Name); no != nil {
		return c.wrong(fmt.Sprintf("the profile needs a name of 3 to 32 of a-z, 0-9 and -, not %q", p.Name), "name")
	}
	if err := c.text(p.Title, "title"); err != nil {
		return err
	}
	if len(p.Members) == 0 {
		return c.wrong("the profile has no members; list at least one", "members")
	}
	r := &policy.Region{Members: map[string]*policy.Member{}, Communities: map[string]*policy.Community{}}
	for i, m := range p.Members {
		if err := c.member(r, m, i); err != nil {
			return err
		}
		r.Members[m.Name] = m.policy()
	}
	for i, g := range p.Communities {
		if err := c.community(r, g, i); err != nil {
			return err
		}
		r.Communities[g.Name] = g.policy(time.Time{})
	}
	return nil
}

func (c *checker) member(r *policy.Region, m Member, i int) error {
	if no := r.CheckNewMember(&policy.Member{Name: m.Name}); no != nil {
		return c.wrong(no.Message, "members", i, "name")
	}
	if err := c.text(m.Title, "members", i, "title"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for j, id := range m.Identities {
		if seen[id.ID] {
			return c.wrong(fmt.Sprintf("%s is given twice; remove one", id.ID), "members", i, "identities", j, "id")
		}
		seen[id.ID] = true
		if no := r.CheckIdentities(m.Name, []string{id.ID}); no != nil {
			return c.wrong(no.Message, "members", i, "identities", j, "id")
		}
		if err := c.text(id.Name, "members", i, "identities", j, "name"); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) community(r *policy.Region, g Community, i int) error {
	if no := r.CheckNewCommunity(&policy.Community{Name: g.Name}); no != nil {
		return c.wrong(no.Message, "communities", i, "name")
	}
	if err := c.text(g.Title, "communities", i, "title"); err != nil {
		return err
	}
	// Participants are checked one by one, so that each error has its line.
	seen := map[string]bool{}
	for _, list := range []struct {
		key   string
		names []string
	}{{"members", g.Members}, {"known", g.Known}} {
		for j, name := range list.names {
			if seen[name] {
				return c.wrong(fmt.Sprintf("%s is given twice in %s: it has a place, or is known without one; remove one", name, g.Name), "communities", i, list.key, j)
			}
			seen[name] = true
			one := Community{Name: g.Name}
			if list.key == "members" {
				one.Members = []string{name}
			} else {
				one.Known = []string{name}
			}
			if no := r.CheckNewCommunity(one.policy(time.Time{})); no != nil {
				return c.wrong(no.Message, "communities", i, list.key, j)
			}
		}
	}
	return nil
}

// text refuses a title that is missing, too long, or would disturb a terminal.
func (c *checker) text(s string, path ...any) error {
	what := path[len(path)-1]
	switch {
	case strings.TrimSpace(s) == "":
		return c.wrong(fmt.Sprintf("the %s is missing", what), path...)
	case len(s) > maxText:
		return c.wrong(fmt.Sprintf("the %s is longer than %d bytes", what, maxText), path...)
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return c.wrong(fmt.Sprintf("the %s holds a line break or a character that cannot be printed", what), path...)
	}
	return nil
}

func (c *checker) wrong(what string, path ...any) error {
	return fmt.Errorf("%s:%d: %s", c.file, lineOf(c.root, path), what)
}

// lineOf returns the line of what stands at a path of keys and positions, or
// of the nearest thing above it when it is absent.
func lineOf(root *yaml.Node, path []any) int {
	n := root
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	line := max(1, n.Line)
	for _, step := range path {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		next := child(n, step)
		if next == nil {
			return line
		}
		n, line = next, next.Line
	}
	return line
}

func child(n *yaml.Node, step any) *yaml.Node {
	switch at := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && at < len(n.Content) {
			return n.Content[at]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == at {
				return n.Content[i+1]
			}
		}
	}
	return nil
}
