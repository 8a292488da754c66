package grafana

func member() Dashboard {
	const origin, of = `{origin="$member"}`, `{member="$member"}`
	return Dashboard{
		Name: "member", Title: "member", About: "What one member gives and gets. RED is left out of everything about seats.",
		Variables: []Variable{{Name: "member", Title: "Member", Metric: "selat_seat_connected"}},
		Rows: []Row{
			{"Now", []Panel{
				number("Since it published", "s", "time() - max(selat_member_last_publication_timestamp_seconds"+origin+")"),
				number("Longest usual pause", "s", "max(selat:publication_age_seconds:usual"+origin+")").empty("it takes four weeks of history"),
				number("Seats connected", "", "sum(max by (seat) (selat_seat_connected"+of+"))"),
				number("Messages that wait", "", "sum(max by (seat) (selat_seat_pending_messages"+of+"))").bad(10000),
				number("Not acknowledged", "", "sum(max by (seat) (selat_seat_ack_pending_messages"+of+"))"),
				number("First token ends", "s", "max(selat_member_token_expiry_timestamp_seconds"+of+") - time()").good(7 * 86400).empty("no token of it ends by itself"),
			}},
			{"What it gives", []Panel{
				lines("Objects, by audience and TLP", "ops", "sum by (audience, tlp) (rate(selat_flow_objects_total"+origin+"[$__rate_interval]))", "{{audience}} {{tlp}}"),
				lines("Bytes, by audience and TLP", "Bps", "sum by (audience, tlp) (rate(selat_flow_bytes_total"+origin+"[$__rate_interval]))", "{{audience}} {{tlp}}"),
				lines("Objects, by what became of them", "ops", "sum by (outcome) (rate(selat_objects_total"+origin+"[$__rate_interval]))", "{{outcome}}"),
				lines("Objects, by STIX type", "ops", "sum by (type) (rate(selat_objects_total"+origin+"[$__rate_interval]))", "{{type}}"),
				lines("Refused by a rule of sharing", "ops", "sum by (code) (rate(selat_tlp_denials_total"+origin+"[$__rate_interval]))", "{{code}}"),
				lines("Places that break a SHOULD of STIX", "ops", "sum by (code) (rate(selat_object_warnings_total"+origin+"[$__rate_interval]))", "{{code}}"),
				lines("Recalls", "ops", "sum by (by) (rate(selat_recalls_total"+origin+"[$__rate_interval]))", "by {{by}}"),
				lines("Sightings and opinions", "ops", "sum by (type) (rate(selat_feedback_total"+origin+"[$__rate_interval]))", "{{type}}"),
			}},
			{"What it gets", []Panel{
				lines("Messages that wait", "", "max by (seat) (selat_seat_pending_messages"+of+")", "{{seat}}"),
				lines("Messages not acknowledged", "", "max by (seat) (selat_seat_ack_pending_messages"+of+")", "{{seat}}"),
				lines("Messages given again", "", "max by (seat) (selat_seat_redelivered_messages"+of+")", "{{seat}}"),
				lines("Connected", "", "max by (seat) (selat_seat_connected"+of+")", "{{seat}}"),
				Panel{Title: "Since its seats acknowledged, and were given something", Kind: Table, Unit: "s"}.
					and("time() - max by (seat) (selat_seat_last_ack_timestamp_seconds"+of+")", "acknowledged").
					and("time() - max by (seat) (selat_seat_last_delivery_timestamp_seconds"+of+")", "delivered"),
				table("Until retention overtakes them", "s", "min by (seat) (selat_seat_retention_overtake_timestamp_seconds"+of+") - time()").empty("streams keep everything unless retention is set"),
			}},
		},
	}
}
