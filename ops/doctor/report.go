// Package doctor finds out why a hub or a seat does not work, one check after the
// other, and says of each what to do. Member looks from a seat's side, Hub at a
// hub's folder and, where it runs, at the hub. Neither mends anything; what they
// leave behind is one object in the community of exercises, if asked for.
package doctor

import "fmt"

// State is how a check ended.
type State string

const (
	OK   State = "ok"
	Warn State = "warn" // works, and will not for ever or not in every case
	Fail State = "fail"
	Skip State = "skip" // could not be looked at, or need not be
)

// Check is one thing that was looked at.
type Check struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Found is what is, and Do what to do about it where that is not nothing.
	Found string `json:"found"`
	Do    string `json:"do,omitempty"`
}

// Report is all that was looked at, in order.
type Report struct {
	Checks []Check `json:"checks"`
}

// Failed reports whether any check failed.
func (r *Report) Failed() bool { return r.count(Fail) > 0 }

func (r *Report) count(s State) (n int) {
	for _, c := range r.Checks {
		if c.State == s {
			n++
		}
	}
	return n
}

// Counts words how the checks ended.
func (r *Report) Counts() string {
	return fmt.Sprintf("%d ok, %d warn, %d fail, %d skipped", r.count(OK), r.count(Warn), r.count(Fail), r.count(Skip))
}

func (r *Report) add(name string, s State, do, found string, args ...any) {
	r.Checks = append(r.Checks, Check{Name: name, State: s, Found: fmt.Sprintf(found, args...), Do: do})
}

func (r *Report) ok(name, found string, args ...any)       { r.add(name, OK, "", found, args...) }
func (r *Report) skip(name, found string, args ...any)     { r.add(name, Skip, "", found, args...) }
func (r *Report) warn(name, do, found string, args ...any) { r.add(name, Warn, do, found, args...) }
func (r *Report) fail(name, do, found string, args ...any) { r.add(name, Fail, do, found, args...) }
