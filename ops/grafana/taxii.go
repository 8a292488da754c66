package grafana

func taxii() Dashboard {
	const requests = "selat_taxii_requests_total"
	return Dashboard{
		Name: "taxii", Title: "TAXII and HTTP", About: "What is asked over HTTP, how long it takes, and who is turned away. Neither collections nor callers are told.",
		Rows: []Row{
			{"Requests", []Panel{
				lines("By endpoint", "reqps", "sum by (endpoint) (rate("+requests+"[$__rate_interval]))", "{{endpoint}}"),
				lines("By status", "reqps", "sum by (status) (rate("+requests+"[$__rate_interval]))", "{{status}}"),
				lines("By method", "reqps", "sum by (method) (rate("+requests+"[$__rate_interval]))", "{{method}}"),
				lines("Answered with an error of the server", "percentunit", `(sum(rate(`+requests+`{status=~"5.."}[$__rate_interval])) or vector(0)) / sum(rate(`+requests+`[$__rate_interval]))`, "part"),
				quantiles("How long", "selat_taxii_request_seconds", "endpoint"),
				lines("Bytes", "Bps", "sum(rate(selat_taxii_sent_bytes_total[$__rate_interval]))", "sent").and("sum(rate(selat_taxii_received_bytes_total[$__rate_interval]))", "received"),
			}},
			{"Turned away", []Panel{
				lines("By TAXII", "reqps", "sum by (reason) (rate(selat_taxii_denials_total[$__rate_interval]))", "{{reason}}"),
				lines("Tokens and certificates", "reqps", "sum by (reason) (rate(selat_auth_denials_total[$__rate_interval]))", "{{reason}}"),
				lines("By the listener of metrics and health", "reqps", "sum by (path, reason) (rate(selat_http_denials_total[$__rate_interval]))", "{{path}} {{reason}}"),
			}},
			{"Over NATS", []Panel{
				lines("Questions of seats", "reqps", "sum by (request) (rate(selat_seat_requests_total[$__rate_interval]))", "{{request}}"),
				lines("Administrative acts", "reqps", "sum by (request, outcome) (rate(selat_admin_requests_total[$__rate_interval]))", "{{request}} {{outcome}}"),
			}},
		},
	}
}
