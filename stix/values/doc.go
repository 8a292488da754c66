// Package values tells which observable values an object names: the addresses,
// domains, URLs, hashes and the like that an indicator's pattern asks for, that
// a cyber-observable is, or that observed-data has inside.
//
// [Of] lists all of them for people, each in the spelling of its kind. [Read]
// and [AppendKeys] give those that are looked up, as keys of an index, and never
// complain; [Ask] gives the keys that a person may mean by what they type.
// [Supernets] and [Range] are what else to look at: the networks around an
// address, and what is inside a network or below a domain. What a value is, is
// decided by package pattern; what is done with it, by others.
//
// # Keys
//
// A [Key] is a [Kind] and bytes that are equal for equal values and in an order
// that keeps together what belongs together. The numbers of the kinds and the
// forms of the bytes are stored and do not change:
//
//   - Address: 16 bytes and the length of the prefix, for addresses and networks
//     of both families. IPv4 is as IPv6 maps it, ::ffff:0:0/96, so that /n is
//     96+n, and an IPv6 address in that block is the same key as the IPv4 one.
//     Bits beyond the prefix are zero.
//   - Domain: the labels in lower case, last one first: com.example.www. A dot at
//     the end is dropped, and so is a "*." in front: a wildcard is found under the
//     name it is about, and never decides. Names are not converted between
//     Unicode and xn--, which are two keys.
//   - URL: as it is written. It has no key for its domain or address.
//   - Email: with the domain in lower case.
//   - Hash: hex in lower case, SSDEEP as it is written, TLSH in upper case and
//     with the T1 that older ones lack. The algorithm is no part of it, nor is
//     what was hashed; under a name that is no STIX algorithm, hex counts that is
//     as long as some hash.
//   - MAC: six bytes.
//
// A value of more than 512 bytes has a zero byte and its SHA-256 for its key.
//
// Objects come from strangers. Time and memory are linear in an object, nothing
// here panics whatever it is given, and what cannot be read has no keys.
package values
