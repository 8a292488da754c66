package values

import "testing"

const (
	indicator = `{"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created_by_ref":"identity--f431f809-377b-45e0-aa1c-6a4751cae5ff","created":"2016-04-06T20:03:48.000Z","modified":"2016-04-06T20:03:48.000Z","indicator_types":["malicious-activity"],"name":"Poison Ivy Malware","description":"This address is where Poison Ivy calls home","pattern":"[ipv4-addr:value = '198.51.100.1']","pattern_type":"stix","valid_from":"2016-01-01T00:00:00Z","object_marking_refs":["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]}`
	address   = `{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3"}`
	file      = `{"type":"file","spec_version":"2.1","id":"file--9a1f834d-2506-5367-baec-7aa63996ac43","name":"foo.zip","hashes":{"SHA-256":"35a01331e9ad96f751278b891b6ea09699806faedfa237d40513d92ad1b7100f","MD5":"d41d8cd98f00b204e9800998ecf8427e"},"mime_type":"application/zip"}`
	malware   = `{"type":"malware","id":"malware--9a1f834d-2506-5367-baec-7aa63996ac43","name":"Cryptolocker"}`
)

// What the hub does with every object it accepts; the slice of keys is used
// again, as there.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct{ name, typ, raw string }{
		{"an indicator", "indicator", indicator},
		{"an address", "ipv4-addr", address},
		{"a file", "file", file},
		{"another object", "malware", malware},
	} {
		b.Run(c.name, func(b *testing.B) {
			raw := []byte(c.raw)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			var keys []Key
			for b.Loop() {
				keys = Read(keys[:0], c.typ, raw).Keys
			}
		})
	}
}

func BenchmarkReadOfTheCorpus(b *testing.B) {
	objects := corpus(b)
	size := 0
	for _, o := range objects {
		size += len(o.raw)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var keys []Key
	found := 0
	for b.Loop() {
		for _, o := range objects {
			keys = Read(keys[:0], o.typ, o.raw).Keys
			found += len(keys)
		}
	}
	if found == 0 {
		b.Error("no key was found")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(objects)), "ns/object")
}

func BenchmarkAsk(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Ask("hxxps://www[.]example[.]com/a"); err != nil {
			b.Fatal(err)
		}
	}
}
