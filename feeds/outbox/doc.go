// Package outbox remembers on disk what feeds have published and what they still
// have to: the ledger and the outbox, which change in one synced write.
//
// # What it promises
//
// After a crash at any moment each change of a row is in the outbox once, or was
// settled, or its row reads as not seen yet and gives the same change again.
// Nothing leaves the outbox but by Settle, and it is taken in the order in which
// it came. A version is never older than one before it, nor of the same time.
//
// A row that gives the bytes it gave before makes nothing. Its objects are built
// with the version they had last, so that what was published is compared with
// what would be. created is kept for ever.
//
// Of rows of a list that have one key the first counts. What rows share stands as
// long as one row of a reading says that it is what it was, so that their order makes
// no versions. What a list no longer has is revoked, but nothing is concluded from a
// reading that failed, that lost too much at once, or that gave no row of the list.
//
// Revoking is final in STIX (2.1 §3.6), so a row that comes back after it gets
// objects with new ids: its generation counts into them, and what refers to them
// within the row goes along. Of events a row that says just what it said before it
// was taken back did not come back: the same file was read again.
//
// # What it does not know
//
// Where rows come from (feeds/fetch), what they mean (feeds/source), and how the
// hub answers (feeds/publisher).
package outbox
