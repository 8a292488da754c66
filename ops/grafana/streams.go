package grafana

func streams() Dashboard {
	return Dashboard{
		Name: "streams", Title: "streams and nodes", About: "Copies, agreement, the engine and the catalogue. CTI_red stands for all RED inboxes, hub for the hub's own streams.",
		Rows: []Row{
			{"Nodes", []Panel{
				number("Nodes", "", "max(selat_cluster_nodes)"),
				number("Must agree", "", "max(selat_cluster_quorum_nodes)"),
				number("In step", "", "max(selat_cluster_nodes_in_step)"),
				number("Leaders", "", "sum(selat_cluster_leads)").good(1),
				number("Streams without leader", "", "count(min by (stream) (selat_stream_leader_known) == 0) or vector(0)").bad(1),
				number("Engines unwell", "", "count(selat_engine_healthy == 0) or vector(0)").bad(1),
			}},
			{"Streams", []Panel{
				Panel{Title: "Streams now", Kind: Table, Wide: true}.
					and("max by (stream, audience, tlp) (selat_stream_messages)", "messages").
					and("max by (stream, audience, tlp) (selat_stream_bytes)", "bytes").
					and("max by (stream, audience, tlp) (selat_stream_consumers)", "durables").
					and("max by (stream, audience, tlp) (selat_stream_replicas)", "copies").
					and("max by (stream, audience, tlp) (selat_stream_replicas_in_step)", "copies in step"),
				lines("Messages", "", "max by (stream) (selat_stream_messages)", "{{stream}}"),
				lines("Bytes", "bytes", "max by (stream) (selat_stream_bytes)", "{{stream}}"),
				lines("Last copy behind, in operations", "", "max by (stream) (selat_stream_replica_lag_operations)", "{{stream}}"),
				lines("Messages stored", "ops", "max by (stream) (deriv(selat_stream_last_sequence[$__rate_interval]))", "{{stream}}"),
			}},
			{"Engine", []Panel{
				lines("Bytes over connections", "Bps", "sum by (instance) (rate(selat_engine_received_bytes_total[$__rate_interval]))", "{{instance}} in").and("sum by (instance) (rate(selat_engine_sent_bytes_total[$__rate_interval]))", "{{instance}} out"),
				lines("Messages over connections", "ops", "sum by (instance) (rate(selat_engine_received_messages_total[$__rate_interval]))", "{{instance}} in").and("sum by (instance) (rate(selat_engine_sent_messages_total[$__rate_interval]))", "{{instance}} out"),
				lines("Connections", "", "selat_engine_connections", "{{instance}}"),
				lines("Subscriptions", "", "selat_engine_subscriptions", "{{instance}}"),
				lines("Denied by the engine, and dropped for not reading", "ops", "sum by (kind) (rate(selat_engine_denials_total[$__rate_interval]))", "{{kind}}").and("sum(rate(selat_engine_slow_consumers_total[$__rate_interval]))", "did not read"),
				lines("Requests to the store", "ops", "sum by (instance) (rate(selat_store_requests_total[$__rate_interval]))", "{{instance}}").and("sum by (instance) (rate(selat_store_request_errors_total[$__rate_interval]))", "{{instance}} errors"),
				lines("Requests that wait", "", "selat_cluster_pending_requests", "{{instance}}"),
				lines("Commits tried again", "ops", "sum by (instance) (rate(selat_write_retries_total[$__rate_interval]))", "{{instance}}"),
			}},
			{"Disk", []Panel{
				lines("Free", "bytes", "selat_disk_free_bytes", "{{instance}}").and("selat_disk_reserve_bytes", "{{instance}} reserve"),
				lines("Store", "bytes", "selat_store_used_bytes", "{{instance}} on disk").and("selat_store_memory_bytes", "{{instance}} in memory"),
			}},
			{"Catalogue", []Panel{
				lines("Behind, in messages", "", "selat_index_lag_messages", "{{instance}}"),
				lines("Entries", "", "selat_index_entries", "{{instance}}"),
				lines("Size", "bytes", "selat_index_disk_bytes", "{{instance}} on disk").and("selat_index_memory_bytes", "{{instance}} in memory").and("selat_index_compaction_debt_bytes", "{{instance}} to be rewritten"),
				lines("Blocks read from its cache", "percentunit", "sum by (instance) (rate(selat_index_cache_hits_total[$__rate_interval])) / (sum by (instance) (rate(selat_index_cache_hits_total[$__rate_interval])) + sum by (instance) (rate(selat_index_cache_misses_total[$__rate_interval])))", "{{instance}}"),
				Panel{Title: "Not as it should be", Kind: Table}.
					and("max by (instance) (selat_index_damaged)", "damaged").
					and("max by (instance) (selat_index_waiting_for_disk)", "waits for disk").
					and("max by (instance) (selat_index_conflicts_total)", "conflicts").
					and("max by (instance) (1 - selat_index_filter_ready)", "fills its filter"),
				Panel{Title: "Last start", Kind: Table}.
					and("max by (instance) (selat_recovery_seconds)", "seconds").
					and("max by (instance) (selat_recovery_caught_up_objects)", "objects caught up").
					and("max by (instance) (selat_recovery_index_rebuilt)", "catalogue made anew").
					and("max by (instance) (selat_recovery_removed_durables)", "durables removed").
					and("max by (instance) (selat_recovery_unfinished_blocks)", "blocks removed").
					and("max by (instance) (selat_recovery_missing_messages)", "messages lost"),
			}},
		},
	}
}
