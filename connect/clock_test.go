package connect_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/web"
)

// TestAnotherProcessClock: a process whose clock is an hour ahead takes over nothing that another one on the same database
// is at: leases go by the database's time.
func TestAnotherProcessClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgres")
	late := linktest.NewLate(t)
	other, err := connect.New(t.Context(), connect.Options{DSN: w.dsn, Relaxed: true, BaseURL: w.url, Vault: w.vault, Machine: func() time.Time { return time.Now().Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	late.Serve(web.Front(other.Handler(), w.logger, "connect"))
	arrived, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.org.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/oauth2/token") {
			once.Do(func() {
				close(arrived)
				<-leave
			})
		}
		return false
	})
	body := map[string]any{"system_user": system.Username}
	var wg sync.WaitGroup
	wg.Go(func() {
		if status, a := linktest.Call(t, w.url, apiToken, "/api/v1/connection/org", "the-key", body); status != 200 {
			t.Errorf("the first: %d %v", status, a)
		}
	})
	<-arrived
	if status, a := linktest.Call(t, late.URL, apiToken, "/api/v1/connection/org", "the-key", body); status != 409 || linktest.Text(a, "error.code") != "call_in_progress" {
		t.Errorf("while it is under way: %d %v", status, a)
	}
	close(leave)
	wg.Wait()
}
