// Package lookup answers, over HTTP, which objects name a value: the same
// question and the same answer as hub.lookup (broker/api), for programs that
// speak no NATS.
//
//	GET  /api/v1/lookup?value=192.0.2.1&value=example.com&subdomains=true&limit=10
//	POST /api/v1/lookup        a LookupRequest as JSON
//	GET  /api/v1/openapi.json  what all of this looks like, as OpenAPI 3.1
//
// It is an [http.Handler] and no server: who serves it says who asks, and bounds
// connections, time and the requests of one caller. What the caller may see is
// decided by the hub for each request. The handler holds no more than a few
// lookups in hand at a time; the others wait a moment, and are then told to come
// back. Nothing is told before it is known who asks, not even what paths there are.
//
// What is wrong is told as a problem (RFC 9457) with the hub's code in the member
// "code". What is wrong with one value is told in its place in an answer of 200.
// Nothing may be stored by caches, and no answer or log repeats a value that was
// asked for, but the answer that is about it.
package lookup
