// Package backup keeps copies of a hub in a folder, and makes a hub of one again.
//
// A backup holds every stream of the hub with its exact sequences and gaps, the
// position of every durable, and the files of the hub's folder, keys included.
// What it promises:
//
//   - Everything is encrypted with age to recipients that the operator names. The
//     machine that makes backups can read none of them, not even its own.
//   - A backup is there whole or not at all: its manifest is written last. One that
//     is killed leaves the older ones as they were, and its pieces serve the next.
//   - It is incremental: what an earlier backup to the same recipients holds is not
//     stored again. Messages never change, so the pieces that they are cut into
//     (cut.go) stay the same but for the end of each stream and around what was
//     recalled.
//   - It is one state of the hub: whatever was acknowledged when it began is in it,
//     and what was recalled when it began is not, nor is any recall lost that erased
//     something while it was made (broker.BackupStream says in which order streams
//     are read).
//   - A manifest is signed with the key of the hub's account. A folder that others
//     can write to can lose backups, and cannot get forged ones.
//
// The folder:
//
//	lock                 held while it is written to
//	chunks/ab/abcd...    pieces, each encrypted; named by a keyed hash of what they hold
//	backups/ID.backup    a manifest, encrypted
//	backups/ID.chunks    names and sizes of its pieces, readable without an identity
//
// Every stream is read whole for every backup, from the running hub; only what is
// new is written.
package backup
