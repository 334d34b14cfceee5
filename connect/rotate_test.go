package connect_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/web"
)

// TestKeysAreRotatedUnderLoad: while two processes on one database sign in, seal answers and give them again, keys are rotated,
// by one and by the other: no call fails, and what was sealed under any of the keys opens in both.
func TestKeysAreRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "postgres")
	late := linktest.NewLate(t)
	other, err := connect.New(t.Context(), connect.Options{DSN: w.dsn, Relaxed: true, BaseURL: w.url, Vault: w.vault, Log: w.logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	late.Serve(web.Front(other.Handler(), w.logger, "connect"))
	w.connectBoth(t)
	w.mapUser(t, ann, annMC)
	urls := []string{w.url, late.URL}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	load := func(n int) {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if i%5 == 0 { // so that keys are needed, and not tokens that were had before
				w.org.DropTokens()
			}
			key, body := fmt.Sprintf("call-%d-%d", n, i), map[string]any{"scope_by_user": i%2 == 0, "by": "olga"}
			for _, url := range []string{urls[n%2], urls[(n+1)%2]} { // the second gets the answer that the first has sealed
				if status, a := linktest.Call(t, url, apiToken, "/api/v1/send-settings", key, body); status != 200 {
					t.Errorf("call %s: %d %v", key, status, a)
				}
			}
			if status, a := linktest.Call(t, urls[n%2], apiToken, "/api/v1/users/check", "", map[string]any{}); status != 200 {
				t.Errorf("check: %d %v", status, a)
			}
		}
	}
	for n := range 4 {
		wg.Go(func() { load(n) })
	}
	for _, b := range []*connect.Bridge{w.bridge, other, w.bridge} {
		if out, err := b.DataKeys().Rotate(t.Context()); err != nil || out.Corrupt != 0 || out.Values < 3 {
			t.Errorf("rotated: %+v %v", out, err)
		}
	}
	close(stop)
	wg.Wait()
	w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", "")
	for _, url := range urls {
		if status, a := linktest.Call(t, url, apiToken, "/api/v1/status", "", nil); status != 200 || a["state"] != "connected" {
			t.Errorf("afterwards: %d %v", status, a)
		}
	}
}
