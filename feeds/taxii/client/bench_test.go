package client

import (
	"bytes"
	"strings"
	"testing"
)

func BenchmarkPage(b *testing.B) {
	objects := make([]string, 1000)
	for i := range objects {
		objects[i] = strings.Replace(object(i), `"x_n":1e2`, `"pattern":"`+strings.Repeat("a", 800)+`"`, 1)
	}
	in := []byte(`{"more":true,"next":"n","objects":[` + strings.Join(objects, ",") + `]}`)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		e, err := readEnvelope(bytes.NewReader(in), "objects")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := identifyAll(e.items); err != nil {
			b.Fatal(err)
		}
	}
}
