package source

import (
	"context"
	"time"

	"github.com/selat-hub/selat/feeds/build"
)

// abuseCH is a list of abuse.ch: CSV with a header, sometimes in a comment,
// sometimes with spaces after commas, sometimes with a last line that counts.
type abuseCH struct {
	table table
	row   func(*build.Maker, *record) Row
	maker build.Maker
}

func (s *abuseCH) Read(ctx context.Context, in Input, emit func(Row) error) error {
	return s.table.read(ctx, in, emit, func(r *record) Row { return s.row(&s.maker, r) })
}

func newAbuseCH(c Config, row func(*build.Maker, *record) Row, trailed bool, header ...string) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	return &abuseCH{
		table: table{comma: ',', comment: "#", header: header, ended: true, trailed: trailed},
		row:   row, maker: c.Maker,
	}, nil
}

// newURLhaus reads URLhaus. Its tags name malware families and processors alike
// and become labels. Who reported a URL is a person and does not go on. Whether
// it is online now is not told either, or it would change with every reading:
// what counts is when it was online last.
func newURLhaus(c Config) (Source, error) {
	return newAbuseCH(c, urlhausRow, false, "id", "dateadded", "url")
}

func urlhausRow(m *build.Maker, r *record) Row {
	e := entry{key: r.get("id"), phase: delivery, description: "URL that delivers malware", labels: splitTags(r.get("tags"))}
	if threat := r.get("threat"); threat != "malware_download" {
		e.description, e.labels = "", append(e.labels, threat)
	}
	if row := times(e.key, map[string]*time.Time{"dateadded": &e.first, "last_online": &e.seen}, r.get); row != nil {
		return *row
	}
	return withValue(m, e, r, build.URL, "url", func(e *entry) {
		e.references = []build.Reference{{Source: "URLhaus", URL: r.get("urlhaus_link"), ID: r.get("id")}}
	})
}

// withValue reads the value of a row and makes of the entry what is to be made.
func withValue(m *build.Maker, e entry, r *record, kind build.Kind, column string, more func(*entry)) Row {
	if e.key == "" {
		return refuse(r.position(), build.InvalidRow, "the column that tells rows apart is empty")
	}
	v, refused := build.Read(kind, r.get(column))
	if refused != nil {
		return Row{Key: e.key, Refused: in(column, refused)}
	}
	e.value = v
	more(&e)
	return e.row(m)
}

// newFeodo reads Feodo Tracker. A row is the server: address and port.
func newFeodo(c Config) (Source, error) {
	return newAbuseCH(c, feodoRow, true, "first_seen_utc", "dst_ip", "dst_port")
}

func feodoRow(m *build.Maker, r *record) Row {
	e := entry{key: r.get("dst_ip") + " " + r.get("dst_port"), phase: control, description: "Server that commands a botnet"}
	if row := times(e.key, map[string]*time.Time{"first_seen_utc": &e.first, "last_online": &e.seen}, r.get); row != nil {
		return *row
	}
	v, refused := build.Endpoint(r.get("dst_ip"), r.get("dst_port"))
	if refused != nil {
		return Row{Key: e.key, Refused: in("dst_ip and dst_port", refused)}
	}
	e.value = v
	if name := r.get("malware"); name != "" {
		e.family = &build.Malware{Name: name, Types: []string{"bot"}}
		e.name = name + " server " + v.String()
	}
	return e.row(m)
}

// newSSLBLAddresses reads SSLBL's addresses, which name no malware.
func newSSLBLAddresses(c Config) (Source, error) {
	return newAbuseCH(c, sslblAddressRow, false, "firstseen", "dstip", "dstport")
}

func sslblAddressRow(m *build.Maker, r *record) Row {
	e := entry{key: r.get("dstip") + " " + r.get("dstport"), phase: control, description: "Server that commands a botnet over TLS"}
	if row := times(e.key, map[string]*time.Time{"firstseen": &e.first}, r.get); row != nil {
		return *row
	}
	v, refused := build.Endpoint(r.get("dstip"), r.get("dstport"))
	if refused != nil {
		return Row{Key: e.key, Refused: in("dstip and dstport", refused)}
	}
	e.value = v
	return e.row(m)
}

// newSSLBLCertificates reads SSLBL's certificates. The reason of a listing is a
// malware family and what the server does: "InventedRAT C&C".
func newSSLBLCertificates(c Config) (Source, error) {
	return newAbuseCH(c, sslblCertificateRow, false, "listingdate", "sha1")
}
