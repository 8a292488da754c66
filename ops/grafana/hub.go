package grafana

func hub() Dashboard {
	return Dashboard{
		Name: "hub", Title: "hub", About: "Is the hub well, and is what goes through it as usual?",
		Rows: []Row{
			{"Now", []Panel{
				number("Nodes that answer", "", `sum(up{job="selat-hub"})`).good(1),
				number("Takes submissions", "bool_yes_no", "min(selat_ready)").good(1),
				number("Leader known", "bool_yes_no", "min(selat_cluster_leader_known)").good(1),
				number("Alarms", "", `count(ALERTS{alertstate="firing"}) or vector(0)`).bad(1),
				number("Seats connected", "", "sum(max by (seat) (selat_seat_connected))"),
				number("Fullest disk", "percentunit", "max(1 - selat_disk_free_bytes / selat_disk_total_bytes)").bad(0.75),
			}},
			{"What goes through", []Panel{
				lines("Objects accepted", "ops", `sum by (tlp) (rate(selat_objects_total{outcome="accepted"}[$__rate_interval]))`, "{{tlp}}").about("RED counts once for each member named."),
				lines("Submissions", "ops", "sum by (outcome) (rate(selat_submissions_total[$__rate_interval]))", "{{outcome}}"),
				lines("Refusals", "ops", "sum by (code) (rate(selat_refusals_total[$__rate_interval]))", "{{code}}"),
				lines("Refused by a rule of sharing", "ops", "sum by (origin, code) (rate(selat_tlp_denials_total[$__rate_interval]))", "{{origin}} {{code}}"),
				quantiles("From submission to receipt", "selat_receipt_seconds", ""),
				quantiles("From stored to delivered", "selat_delivery_seconds", "").about("Sampled from acknowledgements."),
			}},
			{"Members", []Panel{
				table("Since each last published", "s", "sort_desc(time() - max by (origin) (selat_member_last_publication_timestamp_seconds))"),
				lines("Seats furthest behind", "", "topk(10, max by (seat) (selat_seat_pending_messages))", "{{seat}}").about("RED left out."),
				lines("RED that waits, over all seats", "", "max(selat_red_pending_messages)", "not delivered").and("max(selat_red_ack_pending_messages)", "not acknowledged"),
				lines("Feedback", "ops", "sum by (origin, type) (rate(selat_feedback_total[$__rate_interval]))", "{{origin}} {{type}}"),
			}},
			{"Recalls", []Panel{
				lines("Recalls carried out", "ops", "sum by (origin, by) (rate(selat_recalls_total[$__rate_interval]))", "{{origin}} by {{by}}"),
				lines("Orders not acknowledged", "", "max(selat_recalls_outstanding)", "orders").and("max(selat_recalls_unfinished)", "recalls not carried out"),
				number("Oldest order", "s", "time() - min(selat_recalls_oldest_outstanding_timestamp_seconds)").bad(86400).empty("all recalls are acknowledged"),
			}},
			{"Store", []Panel{
				quantiles("Commit, fsync included", "selat_write_seconds", "instance"),
				lines("Objects in a commit", "", "sum(rate(selat_batch_objects_sum[$__rate_interval])) / sum(rate(selat_batch_objects_count[$__rate_interval]))", "mean"),
				lines("Disk used", "percentunit", "1 - selat_disk_free_bytes / selat_disk_total_bytes", "{{instance}}"),
				lines("Catalogue behind", "s", "selat_index_lag_seconds", "{{instance}}"),
			}},
			{"What ends", []Panel{
				table("Certificates", "s", "sort(min by (certificate) (selat_certificate_not_after_timestamp_seconds) - time())").empty("a hub without TLS has no certificate"),
				table("First token of each member", "s", "sort(max by (member) (selat_member_token_expiry_timestamp_seconds) - time())").empty("no token ends by itself"),
			}},
			{"Processes", []Panel{
				lines("Processor", "percentunit", `rate(process_cpu_seconds_total{job="selat-hub"}[$__rate_interval])`, "{{instance}}"),
				lines("Memory", "bytes", `process_resident_memory_bytes{job="selat-hub"}`, "{{instance}}"),
				table("Versions", "", "max by (instance, version, nats_version, goversion) (selat_build_info)"),
				lines("Metrics left out", "ops", "sum by (metrics) (rate(selat_observation_failures_total[$__rate_interval]))", "{{metrics}}"),
			}},
		},
	}
}
