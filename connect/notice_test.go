package connect_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
)

// post is a mail server that takes nothing for a while.
type post struct {
	mu    sync.Mutex
	down  bool
	tried int
	took  []mail.Message
	came  chan struct{}
}

func (p *post) Send(_ context.Context, m mail.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tried++; p.down {
		return fault.New(fault.Unavailable, mail.CodeDeferred, "later")
	}
	p.took = append(p.took, m)
	p.came <- struct{}{}
	return nil
}

func (p *post) wait(t *testing.T) mail.Message {
	t.Helper()
	select {
	case <-p.came:
	case <-time.After(30 * time.Second):
		t.Fatal("no mail came")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.took[len(p.took)-1]
}

// A span that breaks is mailed, with who and what, once for each cause, also where the mail server takes it later; broken
// anew, it is mailed anew.
func TestExceptionsAreMailed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		w.wantCall(t, "/api/v1/notifications", "", map[string]any{"recipients": []string{"Olga <olga@admin.example>"}}, 400, "error.code", "invalid_recipients")
		w.wantCall(t, "/api/v1/notifications", "", map[string]any{"recipients": []string{"olga@admin.example"}, "by": "olga"}, 200, "error", "")
		if err := w.bridge.Close(); err != nil {
			t.Fatal(err)
		}
		p := &post{down: true, came: make(chan struct{}, 100)}
		w.openWith(t, connect.Options{SweepEvery: 20 * time.Millisecond, Mail: p})
		w.org.Approve(system.Username, false)
		w.org.DropTokens()
		var asked atomic.Int64 // each look asks the org who the system user is
		w.org.Before(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/services/oauth2/userinfo" || r.URL.Path == "/services/oauth2/token" {
				asked.Add(1)
			}
			return false
		})
		until := func(done func() bool) {
			t.Helper()
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for range 6000 {
				if done() {
					return
				}
				<-tick.C
			}
			t.Fatal("it does not come about")
		}
		looks := func() { // until a whole look has been made
			t.Helper()
			from := asked.Load()
			until(func() bool { return asked.Load() > from+3 })
		}
		until(func() bool { return p.tries() > 0 })
		p.mu.Lock()
		p.down = false
		p.mu.Unlock()
		m := p.wait(t)
		if m.To.Email != "olga@admin.example" || !strings.Contains(m.Subject, "invalid_app_access") || !strings.Contains(m.Text, "Who:   "+system.Username) ||
			!strings.Contains(m.Text, "user is not admin approved to access this app") {
			t.Errorf("mailed: %+v", m)
		}
		if a := w.wantCall(t, "/api/v1/notifications", "", nil, 200, "error", ""); linktest.Text(a["exceptions"].([]any)[0].(map[string]any), "cause.code") != "invalid_app_access" {
			t.Errorf("broken now: %v", a)
		}
		looks()
		w.org.Approve(system.Username, true)
		until(func() bool { _, s := w.call(t, "/api/v1/status", "", nil); return s["state"] == "connected" })
		looks() // so that it is seen as mended
		w.org.Approve(system.Username, false)
		w.org.DropTokens()
		if again := p.wait(t); again.MessageID == m.MessageID {
			t.Error("two mails have one Message-ID")
		}
		looks()
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.took) != 2 {
			t.Errorf("%d mails of two breaks", len(p.took))
		}
	})
}

func (p *post) tries() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tried
}
