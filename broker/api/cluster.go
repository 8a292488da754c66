package api

// NodeStatus is one node of a cluster, as it tells of itself.
type NodeStatus struct {
	Node string `json:"node"`
	// Answers is false of a node that did not answer in time; the rest is then empty.
	Answers bool   `json:"answers"`
	Version string `json:"version,omitempty"`
	Leads   bool   `json:"leads"`
	// NotReady says why the node is not ready, empty if it is.
	NotReady string `json:"not_ready,omitempty"`
	// Behind is how many messages its catalogue lacks of what the one that leads has.
	Behind uint64 `json:"behind"`
	// Positions are how far its catalogue has come, by stream; not told to people.
	Positions map[string]uint64 `json:"positions,omitempty"`
}

// StreamReplicas is how a stream is kept. The inboxes of RED are one line, and their
// numbers those of the one that is worst off.
type StreamReplicas struct {
	Stream string `json:"stream"`
	// Leader is the node whose copy the others follow, empty while they choose.
	Leader   string `json:"leader,omitempty"`
	Replicas int    `json:"replicas"`
	InStep   int    `json:"in_step"`
	// Lag is how many operations the copy that is furthest behind lacks.
	Lag uint64 `json:"lag"`
}

// ClusterStatus is the state of a hub's nodes.
type ClusterStatus struct {
	Term    uint64           `json:"term"`
	Nodes   []NodeStatus     `json:"nodes"`
	Streams []StreamReplicas `json:"streams"`
}

// NodeNamed names a node.
type NodeNamed struct {
	Node string `json:"node"`
}
