package workbench_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/ui/uitest"
	"github.com/twinspan/twinspan/internal/web"
	"github.com/twinspan/twinspan/internal/workbench"
)

// Tokens of the control API in these tests.
const (
	programToken = "the-programs-token"
	pairToken    = "a-pairs-token"
)

// bench is a workbench with what it is about, and a person who is not signed in.
type bench struct {
	*uitest.Person
	server *workbench.Server
	url    string
	inbox  *mail.Inbox
	sender *mail.SMTP
	seen   *probe.Recorder
	faulty *probe.Faults
	both   *twoPairs
	live   context.Context // of the program
	later  *atomic.Int64   // nanoseconds that the machine's time is ahead
}

func newBench(t *testing.T) *bench {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := mail.OpenInbox(mail.InboxOptions{Dir: t.TempDir(), Listener: l, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := inbox.Close(); err != nil {
			t.Error(err)
		}
	})
	sender, err := mail.NewSender(inbox.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sender.Close() })
	b := &bench{inbox: inbox, sender: sender, seen: probe.NewRecorder(150), faulty: probe.NewFaults([]string{"crm", "engagement", "connect"}), both: newPairs(), live: t.Context(), later: new(atomic.Int64)}
	mux := web.NewMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	b.url = srv.URL
	b.server = workbench.New(b.options())
	b.server.Mount(mux)
	b.Person = uitest.New(t, srv.URL)
	return b
}

func (b *bench) options() workbench.Options {
	return workbench.Options{
		Holder: func(token string) (workbench.Holder, bool) {
			switch token {
			case programToken:
				return workbench.Holder{Pair: "first", All: true}, true
			case pairToken:
				return workbench.Holder{Pair: "second"}, true
			}
			return workbench.Holder{}, false
		},
		Inbox: b.inbox, Recorder: b.seen, Faults: b.faulty, Pairs: b.both, Live: b.live, BaseURL: b.url, Machine: func() time.Time { return time.Now().Add(time.Duration(b.later.Load())) },
	}
}

// signedIn is newBench with the person signed in as the operator.
func signedIn(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.Open(workbench.Path).Fill("Control token", programToken).Press("Sign in").Sees("Signed in as the operator, all pairs")
	return b
}

// Nobody sees a page without a token, and whoever signs in comes to the page that he asked for.
func TestSigningIn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, path := range []string{"/", "/workbench", "/workbench/inbox?q=code", "/workbench/inbox/000000000001/download", "/workbench/nowhere"} {
		b.Open(path).Sees("Sign in to the workbench").SeesNot("Letters")
	}
	b.Open("/workbench/inbox?q=code").Fill("Control token", "a guess").Press("Sign in").Sees("This is no token of the control API.")
	if b.Status() != http.StatusForbidden || b.Value("Control token") != "" {
		t.Errorf("a wrong token: %d, %q stays", b.Status(), b.Value("Control token"))
	}
	b.Fill("Control token", programToken).Press("Sign in").Sees("Inbox", "Signed in as the operator")
	if !strings.HasSuffix(b.At(), "/workbench/inbox?q=code") {
		t.Errorf("he came to %s", b.At())
	}
	if policy := b.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || b.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("policy %q", policy)
	}
	b.Open("/workbench/nowhere").Sees("There is no such page")
	b.later.Store(int64(11 * time.Hour))
	b.Open("/workbench").Sees("What a tester does")
	b.later.Store(int64(12 * time.Hour))
	b.Open("/workbench").Sees("Sign in to the workbench")
	b.Fill("Control token", programToken).Press("Sign in").Press("Sign out").Sees("Sign in to the workbench")
	b.Open("/workbench").Sees("Sign in to the workbench")
	for _, elsewhere := range []string{"https://evil.test/", "//evil.test", "/clock", `/workbench\evil`} {
		b.Open("/workbench/sign-in?"+url.Values{"return": {elsewhere}}.Encode()).Fill("Control token", programToken).Press("Sign in")
		if b.At() != b.url+"/workbench" {
			t.Errorf("return %q led to %s", elsewhere, b.At())
		}
	}
}

// A one-time link works once, for an hour, and only the newest.
func TestOneTimeLink(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.server.Link()
	link := b.server.Link()
	b.Open(first).Press("Open the workbench").Sees("has been replaced by a newer one")
	b.Open(link).Open(link).Press("Open the workbench").Sees("Signed in as the operator")
	again := uitest.New(t, b.url)
	again.Open(link).Press("Open the workbench").Sees("The link was used")
	if again.Status() != http.StatusForbidden {
		t.Errorf("status %d", again.Status())
	}
	old := b.server.Link()
	b.later.Store(int64(time.Hour))
	again.Open(old).Press("Open the workbench").Sees("older than an hour")
}

// A form is taken from the session's own pages alone.
func TestForeignForms(t *testing.T) {
	t.Parallel()
	b := signedIn(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.PostForm(b.url+"/workbench/sign-in", url.Values{"token": {programToken}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	cookies := res.Cookies()
	if len(cookies) != 1 || cookies[0].Name != "twinspan_workbench" || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		t.Fatalf("cookies %+v", cookies)
	}
	for name, site := range map[string]string{"without the token": "same-origin", "of another site": "cross-site"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/workbench/sign-out", strings.NewReader("form_token=x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", site)
		r.AddCookie(cookies[0])
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}

// A pair's token opens what is that pair's alone.
func TestAPairsToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Open("/workbench").Fill("Control token", pairToken).Press("Sign in").Sees("pair second").SeesNot("Inbox")
	b.Open("/workbench/inbox").Sees("This page is about all pairs.", "sign in with control.token of the ready file")
	if b.Status() != http.StatusForbidden {
		t.Errorf("status %d", b.Status())
	}
}

// mount lets the person go on at a server with other options.
func (b *bench) mount(t *testing.T, o workbench.Options) {
	t.Helper()
	mux := web.NewMux()
	workbench.New(o).Mount(mux)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	b.url, b.Person = srv.URL, uitest.New(t, srv.URL)
}

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	return ctx, stop
}
