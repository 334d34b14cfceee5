package connect_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
)

// Nobody is tried for longer than 24 hours, though no cloud answers anybody, which is nobody's attempt: then he has failed with the
// reason of his last failure, and is tried again where somebody asks for it.
func TestNobodyIsTriedForEver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		w.org.Approve(ann.Username, true)
		w.org.Approve(bob.Username, true)
		down, tried := make(chan struct{}), make(chan struct{}, 1) // closed when the org answers again; somebody was tried
		w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			select {
			case <-down:
				return false
			default:
			}
			if !strings.HasSuffix(r.URL.Path, "/oauth2/token") {
				return false
			}
			select {
			case tried <- struct{}{}:
			default:
			}
			linktest.Answer(rw, http.StatusServiceUnavailable, map[string]any{})
			return true
		})
		m := w.wantCall(t, "/api/v1/upgrade/migrations", "", map[string]any{"by": "olga"}, 200, "started_by", "API: olga")
		<-tried
		w.tamper(t, `UPDATE migration_user SET tried_since = tried_since - 86400000`) // a day passes
		m = w.awaitMigration(t, linktest.Text(m, "id"), "done")
		for _, result := range w.results(t, linktest.Text(m, "id")) {
			if !strings.Contains(result, " failed ") {
				t.Errorf("after a day: %s", result)
			}
		}
		if m["failed"] != 2.0 {
			t.Errorf("after a day: %v", m)
		}
		close(down)
		w.migrate(t, "/retry", "done")
		w.wantUsers(t, "?state=mapped", ann.Username, "mapped", bob.Username, "mapped")
	})
}
