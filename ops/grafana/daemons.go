package grafana

func daemons() Dashboard {
	return Dashboard{
		Name: "daemons", Title: "feeds and sinks", About: "A member's own daemons, by their own metrics.",
		Rows: []Row{
			{"Feeds", []Panel{
				Panel{Title: "Feeds now", Kind: Table, Unit: "s", Wide: true}.
					and("time() - max by (instance, feed) (selat_feed_last_success_timestamp_seconds > 0)", "since it was read").
					and("max by (instance, feed) (selat_feed_interval_seconds)", "to be read every"),
				lines("Rows", "ops", "sum by (feed) (rate(selat_feed_rows_total[$__rate_interval]))", "{{feed}}"),
				lines("Rows that became nothing", "ops", "sum by (feed, code) (rate(selat_feed_rows_refused_total[$__rate_interval]))", "{{feed}} {{code}}"),
				lines("Objects the hub answered for", "ops", "sum by (feed, outcome) (rate(selat_feed_objects_total[$__rate_interval]))", "{{feed}} {{outcome}}"),
				lines("Readings that failed", "ops", "sum by (feed) (rate(selat_feed_failures_total[$__rate_interval]))", "{{feed}}"),
				lines("Objects that wait for the hub", "", "max by (feed) (selat_feed_outbox_objects)", "{{feed}}"),
				lines("Objects set aside", "", "max by (feed) (selat_feed_dead_letters)", "{{feed}}"),
				quantiles("One reading", "selat_feed_read_seconds", "feed"),
				quantiles("From submission to answer", "selat_feed_submit_seconds", "feed"),
				table("Longest wait for the hub", "s", "time() - max by (feed) (selat_feed_outbox_oldest_timestamp_seconds > 0)").empty("nothing waits"),
			}},
			{"Sinks", []Panel{
				number("Follow a hub", "", "sum(selat_sink_following)"),
				number("Hold back", "", "sum(selat_sink_shrink_guarded)").bad(1),
				number("Not loaded", "", "sum(selat_sink_reload_pending)").bad(1),
				number("Events that wait", "", "sum(selat_sink_pending_events)").bad(1),
				number("Since received", "s", "time() - max(selat_sink_last_received_timestamp_seconds > 0)"),
				lines("Objects received", "ops", "sum by (instance) (rate(selat_sink_received_total[$__rate_interval]))", "{{instance}}").and("sum by (instance) (rate(selat_sink_recalls_total[$__rate_interval]))", "{{instance}} recalled"),
				lines("Objects shown", "", "max by (sink) (selat_sink_objects)", "{{sink}}").and("max by (sink) (selat_sink_lines)", "{{sink}} lines"),
				lines("Objects not shown", "", "max by (sink, reason) (selat_sink_withheld_objects)", "{{sink}} {{reason}}"),
				lines("Writes and tellings that failed", "ops", "sum by (sink) (rate(selat_sink_failures_total[$__rate_interval]))", "{{sink}}"),
				lines("Events told", "ops", "sum by (sink) (rate(selat_sink_events_total[$__rate_interval]))", "{{sink}}").and("sum by (sink) (rate(selat_sink_events_set_aside_total[$__rate_interval]))", "{{sink}} set aside"),
				quantiles("One write", "selat_sink_write_seconds", "sink"),
				table("Since each was written", "s", "time() - max by (sink) (selat_sink_last_write_timestamp_seconds > 0)"),
			}},
			{"Processes", []Panel{
				lines("Processor", "percentunit", `rate(process_cpu_seconds_total{job=~"selat-feed|selat-sink"}[$__rate_interval])`, "{{job}} {{instance}}"),
				lines("Memory", "bytes", `process_resident_memory_bytes{job=~"selat-feed|selat-sink"}`, "{{job}} {{instance}}"),
				table("Versions", "", "max by (job, instance, version, goversion) (selat_daemon_build_info)"),
			}},
		},
	}
}
