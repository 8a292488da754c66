package ops

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
)

// newCluster tells what this node knows of the others, and of the copies of
// streams. A hub alone is a cluster of one.
func newCluster(o *observer, h *broker.Hub) []prometheus.Collector {
	type cluster = broker.ClusterStats
	state := observe(o, "cluster", h.ClusterStats)
	inStep := gauge("selat_cluster_nodes_in_step", "Nodes that have all that was agreed on; told by the leader only.", func(c cluster) float64 { return float64(c.InStep) })
	inStep.value = known(inStep.value, func(c cluster) bool { return c.Leads })

	type stream = broker.StreamReplication
	streams := observe(o, "replication", func(context.Context) ([]stream, error) { return h.StreamReplications() })
	leads := func(c column[stream]) column[stream] {
		c.value = known(c.value, func(s stream) bool { return s.Leads })
		return c
	}
	return []prometheus.Collector{
		newRow(state.get,
			gauge("selat_cluster_nodes", "Nodes that agree on streams and durables; 1 for a hub alone.", func(c cluster) float64 { return float64(c.Nodes) }),
			gauge("selat_cluster_quorum_nodes", "Nodes that must agree before anything changes.", func(c cluster) float64 { return float64(c.Quorum) }),
			gauge("selat_cluster_leader_known", "1 while this node knows a leader of the nodes, else 0.", func(c cluster) float64 { return truth(c.LeaderKnown) }),
			gauge("selat_cluster_leads", "1 on the node that leads, else 0.", func(c cluster) float64 { return truth(c.Leads) }),
			gauge("selat_cluster_pending_requests", "Requests to JetStream's API that wait on this node.", func(c cluster) float64 { return float64(c.PendingRequests) }),
			gauge("selat_engine_healthy", "1 while the engine finds its streams and durables healthy, else 0.", func(c cluster) float64 { return truth(c.Healthy) }),
			inStep,
		),
		newTable(streams.get, streamLabels, func(s stream) []string { return []string{s.Name, s.Audience, s.Level.String()} },
			gauge("selat_stream_replicas", "Copies there should be of the stream; of RED inboxes and the hub's own streams the most.", func(s stream) float64 { return float64(s.Replicas) }),
			gauge("selat_stream_leader_known", "1 while this node knows a leader of the stream, else 0 and nothing is stored in it; of RED inboxes and the hub's own streams the worst.", func(s stream) float64 { return truth(s.LeaderKnown) }),
			leads(gauge("selat_stream_replicas_in_step", "Copies that have everything; told by the stream's leader only, of RED inboxes and the hub's own streams the fewest.", func(s stream) float64 { return float64(s.InStep) })),
			leads(gauge("selat_stream_replica_lag_operations", "By how many operations the last copy is behind; told by the stream's leader only, of RED inboxes and the hub's own streams the most.", func(s stream) float64 { return float64(s.Lag) })),
		),
	}
}
