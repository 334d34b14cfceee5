package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/internal/cli"
)

// `upgrade watch` follows the events that Connect sends, and asks again and again only where they do not come, which it says; a token
// that is not taken any more ends it either way.
func TestUpgradeWatchFollowsEvents(t *testing.T) {
	t.Parallel()
	const waiting, done = `{"upgrade":{"id":"u","kind":"connected_app","state":"waiting","waiting":{"for":"crm_admin","step":"attach"},"steps":[]}}`,
		`{"upgrade":{"id":"u","kind":"connected_app","state":"done","steps":[]}}`
	for name, c := range map[string]struct {
		events func(http.ResponseWriter)
		gone   bool // nothing is answered once the events were asked for
		code   int
		asked  int32 // how often the upgrade was asked for
		says   string
	}{
		"events": {events: func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event: upgrade\ndata: "+waiting+"\n\nevent: upgrade\ndata: "+done+"\n\n")
		}, asked: 1},
		"refused": {events: func(w http.ResponseWriter) { http.Error(w, "no streams here", http.StatusNotAcceptable) }, asked: 2, says: "it is asked for each second instead"},
		"swallowed": {events: func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>a proxy</html>")
		}, asked: 2, says: "the answer has none"},
		"shut out": {events: func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"code":"unauthorized","message":"No such token."}}`)
		}, gone: true, asked: 2, code: cli.ExitFailed, says: "No such token."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			connect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch {
				case r.URL.Path == "/api/v1/upgrade/events":
					c.events(w)
				case asked.Add(1) == 1:
					_, _ = io.WriteString(w, waiting)
				case c.gone:
					c.events(w)
				default:
					_, _ = io.WriteString(w, done)
				}
			}))
			defer connect.Close()
			code, stdout, stderr := run(t, nil, "upgrade", "watch", "--ready-file", readyFile(t, "", connect.URL))
			if code != c.code || asked.Load() != c.asked || !strings.Contains(stderr, c.says) || (c.says == "") != (stderr == "") {
				t.Errorf("exit %d, asked %d times: %s %s", code, asked.Load(), stdout, stderr)
			}
			if !c.gone && !strings.Contains(stdout, "connected app, done") {
				t.Errorf("it printed %s", stdout)
			}
		})
	}
}
