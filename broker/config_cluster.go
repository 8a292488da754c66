package broker

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// Cluster is set where several nodes are one hub. A hub of one node has none.
type Cluster struct {
	// Node is the name of this node, empty where the hub is one node.
	Node string `koanf:"node" json:"node"`
	// Listen is host:port for the other nodes; both sides show a certificate that
	// the hub's own authority signed (keys/route.crt).
	Listen string `koanf:"listen" json:"listen"`
	// Nodes are all nodes, this one too, as NAME=HOST:PORT: where the others reach
	// it. Three or five.
	Nodes []string `koanf:"nodes" json:"nodes"`
}

// Clustered reports whether the hub is several nodes.
func (c *Config) Clustered() bool { return c.Cluster.Node != "" }

// Node is one node of a cluster, and where the others reach it.
type Node struct{ Name, Route string }

// maxNodeName bounds a node's name, which is part of subjects.
const maxNodeName = 32

// ParseNode reads NAME=HOST:PORT.
func ParseNode(s string) (Node, error) {
	name, route, found := strings.Cut(s, "=")
	if !found {
		return Node{}, fmt.Errorf("%q is not NAME=HOST:PORT", s)
	}
	if name == "" || len(name) > maxNodeName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return Node{}, fmt.Errorf("%q names no node: a name is 1 to %d of a-z, 0-9 and -", s, maxNodeName)
	}
	if host, port, err := net.SplitHostPort(route); err != nil || host == "" || port == "" || port == "0" {
		return Node{}, fmt.Errorf("%q: the other nodes need a host and a port to reach it", s)
	}
	return Node{name, route}, nil
}

// AllNodes are the nodes of the cluster, by name.
func (c *Config) AllNodes() ([]Node, error) {
	var out []Node
	for _, s := range c.Cluster.Nodes {
		n, err := ParseNode(s)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(out); i++ {
		if out[i].Name == out[i-1].Name {
			return nil, fmt.Errorf("node %s is there twice", out[i].Name)
		}
	}
	return out, nil
}

func (c *Config) checkCluster(bad func(string, ...any)) {
	if !c.Clustered() {
		if len(c.Cluster.Nodes) > 0 || c.Cluster.Listen != "" {
			bad("cluster.node: the cluster's settings name no node as this one")
		}
		return
	}
	nodes, err := c.AllNodes()
	switch {
	case err != nil:
		bad("cluster.nodes: %v", err)
	case len(nodes) != 3 && len(nodes) != 5:
		bad("cluster.nodes: a cluster has three or five nodes, not %d: only then does it go on when one is lost", len(nodes))
	case !slices.ContainsFunc(nodes, func(n Node) bool { return n.Name == c.Cluster.Node }):
		bad("cluster.node: %s is not among cluster.nodes", c.Cluster.Node)
	}
	if len(c.Retention) > 0 {
		bad("retention: a hub of several nodes keeps everything: take the rows out")
	}
	if _, _, err := net.SplitHostPort(c.Cluster.Listen); err != nil {
		bad("cluster.listen: %q is not host:port", c.Cluster.Listen)
	}
}

// replicas is on how many nodes each message is.
func (c *Config) replicas() int {
	if !c.Clustered() {
		return 1
	}
	return len(c.Cluster.Nodes)
}
