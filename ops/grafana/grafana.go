// Package grafana describes the dashboards of a hub, and makes of the description
// what Grafana reads. They look alike because one function makes every panel.
//
//	grafana.go      the words of a description
//	render.go       description to JSON (Grafana 11, schema version 39)
//	hub.go, flow.go, member.go, streams.go, taxii.go, daemons.go
//	                one dashboard each
//	dashboards/     what is made: go generate ./ops
//	provisioning/   has a Grafana load them by itself
//
// Counters are of one node and summed; gauges of seats, streams and recalls are the
// same on every node, so that the largest is taken.
package grafana

// Dashboard is one page.
type Dashboard struct {
	// Name is that of its file, and with "selat-" before it its UID.
	Name, Title, About string
	Variables          []Variable
	Rows               []Row
}

// Variable is chosen by who looks, from the values that a label has.
type Variable struct {
	Name, Title string
	Metric      string // of the label Name
	All         bool   // all values at a time, or one
}

// Row is a heading with its panels.
type Row struct {
	Title  string
	Panels []Panel
}

// Kind is what a panel draws.
type Kind string

// A Number is the value now, Lines are over time, a Table has a line for each series
// now, and a Matrix one for each value of a label and a column for each of another.
const (
	Number Kind = "stat"
	Lines  Kind = "timeseries"
	Table  Kind = "table"
	Matrix Kind = "matrix"
)

// Panel is one drawing. Unit is Grafana's name of it; none is a plain number.
type Panel struct {
	Title, About string
	Kind         Kind
	Unit         string
	Queries      []Query
	// Bad is from where on a Number is red; or Good, from where on it is not.
	Bad, Good *float64
	// Rows and Columns are the labels of a Matrix.
	Rows, Columns string
	Wide          bool // the whole width
}

// Query asks Prometheus.
type Query struct {
	Expr, Legend string
	// Empty says why it may have no answer while all is well; "" is that it may not.
	Empty string
}

// Dashboards are all there are.
func Dashboards() []Dashboard {
	return []Dashboard{hub(), flow(), member(), streams(), taxii(), daemons()}
}

func number(title, unit, expr string) Panel {
	return Panel{Title: title, Kind: Number, Unit: unit, Queries: []Query{{Expr: expr}}}
}

func lines(title, unit, expr, legend string) Panel {
	return Panel{Title: title, Kind: Lines, Unit: unit, Queries: []Query{{Expr: expr, Legend: legend}}}
}

func table(title, unit, expr string) Panel {
	return Panel{Title: title, Kind: Table, Unit: unit, Queries: []Query{{Expr: expr}}}
}

// quantiles are the median and the worst hundredth of a histogram.
func quantiles(title, metric, by string) Panel {
	p := Panel{Title: title, Kind: Lines, Unit: "s"}
	grouped, legend := "le", ""
	if by != "" {
		grouped, legend = by+", le", " {{"+by+"}}"
	}
	for _, q := range []struct{ of, called string }{{"0.5", "half"}, {"0.99", "99 %"}} {
		p.Queries = append(p.Queries, Query{
			Expr:   "histogram_quantile(" + q.of + ", sum by (" + grouped + ") (rate(" + metric + "_bucket[$__rate_interval])))",
			Legend: q.called + legend,
		})
	}
	return p
}

func (p Panel) and(expr, legend string) Panel {
	p.Queries = append(p.Queries, Query{Expr: expr, Legend: legend})
	return p
}

func (p Panel) about(text string) Panel { p.About = text; return p }
func (p Panel) bad(from float64) Panel  { p.Bad = &from; return p }
func (p Panel) good(from float64) Panel { p.Good = &from; return p }

// empty says why all queries of a panel may have no answer.
func (p Panel) empty(why string) Panel {
	for i := range p.Queries {
		p.Queries[i].Empty = why
	}
	return p
}
