package main

// Exit codes, for scripts.
const (
	exitFailure     = 1 // something failed; the message says what
	exitUsage       = 2 // the command line cannot be understood
	exitPartly      = 3 // some objects were accepted, some refused; or a state has a gap
	exitRefused     = 4 // no object was accepted
	exitUnreachable = 5 // the hub, or the server asked, does not answer
)

// exitError ends the program with a code of its own. err may be nil when
// everything there is to say has been printed already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }
