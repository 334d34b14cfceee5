package connect_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
)

// TestSignInsArePaced: one network begins so many sign-ins within a minute and no more, whichever page it asks, so that nobody
// floods the others' sign-ins out; a look at a page that begins none is not counted.
func TestSignInsArePaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.stored(t, func(*sqlstore.Store) error { return nil }) // closes it
	began := time.Now()
	var later atomic.Int64
	w.openWith(t, connect.Options{SignInsPerMinute: 1, Machine: func() time.Time { return began.Add(time.Duration(later.Load())) }}) // ten for loopback
	hc := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string) (status int, wait string) {
		t.Helper()
		resp, err := hc.Get(w.url + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	for i := range 10 {
		path := "/marketing-cloud"
		if i%2 == 1 {
			path = signInOrg
		}
		if status, _ := get(path); status != http.StatusSeeOther && status != http.StatusFound {
			t.Fatalf("sign-in %d answered %d", i, status)
		}
	}
	for _, path := range []string{"/marketing-cloud", signInOrg, signInTenant, "/oauth/engagement/start"} {
		if status, wait := get(path); status != http.StatusTooManyRequests || wait != "60" {
			t.Errorf("%s answered %d, wait %q", path, status, wait)
		}
	}
	if status, _ := get("/console/sign-in"); status != http.StatusOK {
		t.Errorf("the page that begins nothing answered %d", status)
	}
	later.Store(int64(time.Minute))
	if status, _ := get("/marketing-cloud"); status == http.StatusTooManyRequests {
		t.Error("a minute later it is still too often")
	}
}
