package catalog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/selat-hub/selat/stix/values"
)

func valueKey(kind values.Kind, value string, p storedPlace) []byte {
	return appendPlaceKey(appendValue(nil, kind, []byte(value)), &p)
}

// The format on disk does not change unnoticed: another one needs another format
// of the index.
func TestAKeyOfAValueOnDiskIsThis(t *testing.T) {
	const place = "00000003" + "000000000000012c" + "00000007"
	p := storedPlace{stream: 3, seq: 300, index: 7}
	for _, c := range []struct {
		kind        values.Kind
		value, want string
	}{
		{values.Address, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01\x80", "7601" + "00000000000000000000ffffc0000201" + "80" + place},
		{values.Domain, "com.example", "7602" + hex.EncodeToString([]byte("com.example")) + "0001" + place},
		{values.URL, "a\x00b", "7603" + "6100ff62" + "0001" + place},
		{values.MAC, "\x00\x00\x5e\x00\x53\x01", "7606" + "00005e005301" + place},
	} {
		if got := hex.EncodeToString(valueKey(c.kind, c.value, p)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	s := said{role: values.Decisive, from: 300, revoked: true}
	if got := hex.EncodeToString(s.append(nil)); got != "83"+"d804"+"00" {
		t.Errorf("what is said is written as %s", got)
	}
}

func FuzzValueKey(f *testing.F) {
	p := storedPlace{stream: 1 << 31, seq: 1 << 63, index: 9999}
	f.Add(valueKey(values.Address, "0123456789abcdef\x80", p))
	f.Add(valueKey(values.Domain, "com.example.www", p))
	f.Add(valueKey(values.URL, "http://a/\x00\xff\x00\x00\x01", p))
	f.Add(valueKey(values.Hash, "\x000123456789abcdef0123456789abcdef", p))
	f.Add(valueKey(values.MAC, "\x00\x01\x00\x01\x00\xff", p))
	f.Add(valueKey(9, "x", p))
	f.Add([]byte{kindValue, byte(values.URL), 'a', 0, 0, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, key []byte) {
		k, p, err := parseValueKey(bytes.Clone(key))
		if err != nil {
			if !errors.Is(err, errFormat) {
				t.Fatal(err)
			}
			return
		}
		if again := valueKey(k.Kind, string(k.Bytes), p); !bytes.Equal(again, key) {
			t.Fatalf("%x was read, and would be written as %x", key, again)
		}
	})
}

func FuzzSaid(f *testing.F) {
	s := said{role: values.Decisive, from: 1, until: -1 << 62, revoked: true}
	f.Add(s.append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSaid(b)
		if err != nil {
			if !errors.Is(err, errFormat) {
				t.Fatal(err)
			}
			return
		}
		if again, err := decodeSaid(s.append(nil)); err != nil || again != s {
			t.Fatalf("%+v reads back as %+v, %v", s, again, err)
		}
	})
}
