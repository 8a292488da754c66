package stix

const (
	bundleHead = `{"type":"bundle","id":"`
	bundleMid  = `","objects":[`
	bundleTail = `]}`
	// A bundle's identifier: its type, two hyphens, a UUID.
	bundleIDLen = len("bundle--") + uuidLen
)

// AppendBundle appends to dst a STIX bundle (STIX 2.1 §8) that holds the raw
// objects with their bytes unchanged, and returns the longer slice. The id must
// be a bundle identifier such as "bundle--44af6c39-c09b-49c5-9de2-394224b04982";
// it is written as it is, as are the objects, which must each be one JSON value.
func AppendBundle(dst []byte, id string, raws ...[]byte) []byte {
	dst = append(dst, bundleHead...)
	dst = append(dst, id...)
	dst = append(dst, bundleMid...)
	for i, raw := range raws {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, raw...)
	}
	return append(dst, bundleTail...)
}

// BundleOverhead returns how many bytes AppendBundle adds to those of one
// object. Each further object adds one more, its comma.
func BundleOverhead() int {
	return len(bundleHead) + bundleIDLen + len(bundleMid) + len(bundleTail)
}

// BundleHead returns how many bytes AppendBundle writes before the first object.
// Each further one follows a comma.
func BundleHead() int { return len(bundleHead) + bundleIDLen + len(bundleMid) }
