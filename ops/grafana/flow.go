package grafana

func flow() Dashboard {
	const chosen = `{tlp=~"$tlp"}`
	matrix := func(title, unit, metric, columns string) Panel {
		return Panel{
			Title: title, Kind: Matrix, Unit: unit, Rows: "origin", Columns: columns, Wide: true,
			Queries: []Query{{Expr: "sum by (origin, " + columns + ") (increase(" + metric + chosen + "[$__range]))"}},
		}
	}
	return Dashboard{
		Name: "flow", Title: "flow between states", About: "Who gives what to whom, in the time chosen above. A private community bears its token, and RED is one audience: its recipients are told to nobody.",
		Variables: []Variable{{Name: "tlp", Title: "TLP", Metric: "selat_flow_objects_total", All: true}},
		Rows: []Row{
			{"Who gives to whom", []Panel{
				matrix("Objects, by origin and audience", "", "selat_flow_objects_total", "audience"),
				matrix("Bytes, by origin and audience", "bytes", "selat_flow_bytes_total", "audience"),
				matrix("Objects, by origin and TLP", "", "selat_flow_objects_total", "tlp"),
			}},
			{"Over time", []Panel{
				lines("Objects, by origin", "ops", "sum by (origin) (rate(selat_flow_objects_total"+chosen+"[$__rate_interval]))", "{{origin}}"),
				lines("Objects, by audience", "ops", "sum by (audience) (rate(selat_flow_objects_total"+chosen+"[$__rate_interval]))", "{{audience}}"),
				lines("Bytes, by origin", "Bps", "sum by (origin) (rate(selat_flow_bytes_total"+chosen+"[$__rate_interval]))", "{{origin}}"),
				lines("Objects, by STIX type", "ops", `sum by (type) (rate(selat_objects_total{outcome="accepted", tlp=~"$tlp"}[$__rate_interval]))`, "{{type}}"),
			}},
			{"How well", []Panel{
				table("Part of what each submits that is accepted", "percentunit", `sum by (origin) (increase(selat_objects_total{outcome="accepted"}[$__range])) / sum by (origin) (increase(selat_objects_total[$__range]))`),
				lines("Places that break a SHOULD of STIX", "ops", "sum by (origin, code) (rate(selat_object_warnings_total[$__rate_interval]))", "{{origin}} {{code}}"),
			}},
		},
	}
}
