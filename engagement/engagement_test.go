package engagement_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// outbox keeps what would be sent.
type outbox struct{ sent chan mail.Message }

func (o outbox) Send(_ context.Context, m mail.Message) error { o.sent <- m; return nil }

// site is a running house with its address.
type site struct {
	*engagement.Cloud
	url  string
	mail chan mail.Message
}

func start(t *testing.T, dsn string) site {
	t.Helper()
	return startWith(t, engagement.Options{DSN: dsn})
}

// startWith starts a house with the options; where it answers and where its mail goes is added.
func startWith(t *testing.T, o engagement.Options) site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := site{url: "http://" + l.Addr().String(), mail: make(chan mail.Message, 10)}
	o.Relaxed, o.BaseURL = true, s.url
	if o.Mail == nil {
		o.Mail = outbox{s.mail}
	}
	if s.Cloud, err = engagement.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: s.Handler(), ReadHeaderTimeout: time.Minute}}
	srv.Start()
	t.Cleanup(func() {
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// call sends JSON and reads JSON.
func call(t *testing.T, method, url, token string, body any) (int, map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s %s: %d %q: %v", method, url, res.StatusCode, raw, err)
	}
	return res.StatusCode, out
}

func (s site) token(t *testing.T, h tenanttest.House) string {
	t.Helper()
	status, a := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": tenanttest.ServerSecret})
	token, _ := a["access_token"].(string)
	if status != 200 || token == "" {
		t.Fatalf("no token: %d %v", status, a)
	}
	return token
}

func (s site) alive(t *testing.T, token string) bool {
	t.Helper()
	status, _ := call(t, "GET", s.url+"/v2/userinfo", token, nil)
	return status == 200
}

// spec is a tenant with something to send.
func spec() tenanttest.House {
	h := tenanttest.Spec()
	h.Spec.Emails = []engagement.EmailSpec{{CustomerKey: "hello", Name: "Hello", Subject: "Hello, %%First Name%%", HTML: "<p>Hi %%First Name%%</p>", Text: "Hi %%First Name%%"}}
	h.Spec.Definitions = []engagement.DefinitionSpec{{Key: "welcome", Name: "Welcome", EmailKey: "hello", FromName: "Us"}}
	return h
}

func TestHouse(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := start(t, sqldbtest.DSN(t, kind))
			h := spec()
			if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
				t.Fatal(err)
			}
			token := s.token(t, h)
			// One listener serves the auth host, REST and SOAP; paths have no case.
			if status, a := call(t, "GET", s.url+"//platform/v1/TOKENCONTEXT", token, nil); status != 200 && status != 202 {
				t.Errorf("tokenContext: %d %v", status, a)
			}
			if status, a := call(t, "GET", s.url+"/no/such/thing", token, nil); status != 404 || a["message"] == nil {
				t.Errorf("nothing: %d %v", status, a)
			}
			status, a := call(t, "POST", s.url+"/messaging/v1/email/messages/m1", token,
				map[string]any{"definitionKey": "welcome", "recipient": map[string]any{"contactKey": "c1", "to": "ann@example.com", "attributes": map[string]string{"First Name": "Ann"}}})
			if status != 202 {
				t.Fatalf("sending: %d %v", status, a)
			}
			select {
			case m := <-s.mail:
				if m.Subject != "Hello, Ann" || m.To.Email != "ann@example.com" {
					t.Errorf("mail: %+v", m)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("no mail")
			}
		})
	}
}

func TestCreateTenant(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := start(t, sqldbtest.DSN(t, kind))
			h := spec()
			// Many at once: one makes it, the others find it.
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			token := s.token(t, h)
			// What is there stays as it is.
			changed := h.Spec
			changed.Name, changed.Packages = "Other", nil
			if err := s.CreateTenant(t.Context(), changed); err != nil {
				t.Fatal(err)
			}
			if !s.alive(t, token) {
				t.Fatal("making it again changed the tenant")
			}
			// A name that is taken undoes everything.
			taken := spec()
			taken.Spec.Users[0].Username = h.Admin
			if err := s.CreateTenant(t.Context(), taken.Spec); fault.KindOf(err) != fault.Conflict {
				t.Fatalf("a taken user name: %v", err)
			}
			taken.Spec.Users[0].Username = taken.Admin
			if err := s.CreateTenant(t.Context(), taken.Spec); err != nil {
				t.Fatalf("after the refusal: %v", err)
			}
			broken := spec()
			broken.Spec.Definitions[0].EmailKey = "none"
			if err := s.CreateTenant(t.Context(), broken.Spec); fault.KindOf(err) != fault.Invalid {
				t.Fatalf("a definition without email: %v", err)
			}
			if err := s.CreateTenant(t.Context(), engagement.TenantSpec{EID: 1}); fault.KindOf(err) != fault.Invalid {
				t.Fatalf("an empty spec: %v", err)
			}
		})
	}
}

func TestClockAndRestart(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dsn := sqldbtest.DSN(t, kind)
			h, other := spec(), spec()
			var token, others string
			t.Run("first", func(t *testing.T) {
				s := start(t, dsn)
				for _, one := range []tenanttest.House{h, other} {
					if err := s.CreateTenant(t.Context(), one.Spec); err != nil {
						t.Fatal(err)
					}
				}
				token, others = s.token(t, h), s.token(t, other)
				if err := s.SetClock(t.Context(), int64(h.EID), 19*time.Minute); err != nil || !s.alive(t, token) || s.Clock(int64(h.EID)) != 19*time.Minute {
					t.Fatalf("after 19 minutes: %v", err)
				}
				if err := s.SetClock(t.Context(), int64(h.EID), 21*time.Minute); err != nil || s.alive(t, token) || !s.alive(t, others) {
					t.Fatalf("after 21 minutes, for one tenant: %v", err)
				}
				if err := s.SetClock(t.Context(), 1_234_567, time.Hour); fault.KindOf(err) != fault.NotFound {
					t.Fatalf("an unknown tenant's clock: %v", err)
				}
			})
			t.Run("second", func(t *testing.T) {
				s := start(t, dsn)
				if s.Clock(int64(h.EID)) != 21*time.Minute || s.alive(t, token) || !s.alive(t, others) {
					t.Fatal("clock or tokens did not survive a restart")
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestTwoProcesses: what one process changes the other knows within a second.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	dsn := sqldbtest.DSN(t, "postgres")
	a, b := start(t, dsn), start(t, dsn)
	h := spec()
	if err := a.CreateTenant(t.Context(), h.Spec); err != nil {
		t.Fatal(err)
	}
	token := a.token(t, h)
	if !b.alive(t, token) {
		t.Fatal("the other process does not know the token")
	}
	began := time.Now()
	if err := a.SetClock(t.Context(), int64(h.EID), time.Hour); err != nil {
		t.Fatal(err)
	}
	for b.alive(t, token) {
		if time.Since(began) > 30*time.Second { // a second, and what a busy machine takes
			t.Fatal("the other process does not follow the clock")
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := engagement.New(t.Context(), engagement.Options{DSN: sqldbtest.DSN(t, "sqlite"), BaseURL: "http://127.0.0.1:1"}); err == nil {
		t.Error("no mail sender")
	}
	if _, err := engagement.New(t.Context(), engagement.Options{DSN: sqldbtest.DSN(t, "sqlite"), Mail: outbox{}}); err == nil {
		t.Error("no base URL")
	}
	if _, err := engagement.New(t.Context(), engagement.Options{DSN: "/dev/null/x", Mail: outbox{}, BaseURL: "http://127.0.0.1:1"}); err == nil {
		t.Error("no database")
	}
}

func ExampleNewSubdomain() {
	fmt.Println(len(engagement.NewSubdomain()))
	// Output: 28
}
