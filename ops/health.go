package ops

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/selat-hub/selat/broker"
)

// readiness answers 200 if every check holds, else 503 and which do not. Why
// they do not, which may name a folder, is told to those who may read metrics.
func readiness(checks func() []broker.Check, a *access) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		var failed, all []string
		for _, c := range checks() {
			line := "ok " + c.Name
			if c.Err != nil {
				status = http.StatusServiceUnavailable
				why := c.Name
				if a.denies(r) == "" {
					why = fmt.Sprintf("%s: %s", c.Name, c.Err)
				}
				line, failed = "failed "+why, append(failed, why)
			}
			all = append(all, line)
		}
		body := "ok"
		if len(failed) > 0 {
			body = "not ready: " + strings.Join(failed, "; ")
		}
		if r.URL.Query().Has("verbose") {
			body = strings.Join(append(all, body), "\n")
		}
		plain(w, status, body+"\n")
	})
}
