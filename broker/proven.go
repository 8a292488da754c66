package broker

import (
	"crypto/hmac"
	"crypto/sha256"
	"sync"
)

// tokenMark stands for a token in memory: its HMAC under a key that only this
// process has.
type tokenMark [sha256.Size]byte

// provenTokens remembers tokens that were right, and the hash each was held
// against. It says nothing of whether they still are.
type provenTokens struct {
	key    []byte
	mu     sync.RWMutex
	hashes map[tokenMark]string
}

// provenMost bounds what is remembered; one at random makes room, and costs its
// holder one more hash.
const provenMost = 4096

func newProvenTokens() *provenTokens {
	return &provenTokens{key: randomBytes(sha256.Size), hashes: map[tokenMark]string{}}
}

func (p *provenTokens) mark(token string) (m tokenMark) {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(token)) //nolint:errcheck // it never fails
	mac.Sum(m[:0])
	return m
}

func (p *provenTokens) hash(m tokenMark) (hash string, ok bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	hash, ok = p.hashes[m]
	return hash, ok
}

func (p *provenTokens) remember(m tokenMark, hash string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.hashes) >= provenMost {
		for other := range p.hashes {
			delete(p.hashes, other)
			break
		}
	}
	p.hashes[m] = hash
}

func (p *provenTokens) forget(m tokenMark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.hashes, m)
}
