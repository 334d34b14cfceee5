package sendertest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/rest"
	"github.com/twinspan/twinspan/engagement/internal/soapapi"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/web"
)

// Serve puts both APIs on a server until the test ends, routed as the house does it.
func (k *Kit) Serve() *httptest.Server {
	k.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	base := "http://" + server.Listener.Addr().String()
	log := slog.New(slog.NewTextHandler(k.t.Output(), nil))
	r, err := rest.New(rest.Options{Auth: k.Auth, Sends: k.Sends, Definitions: k.Definitions, Queues: &tenant.DefinitionQueues{Definitions: k.Definitions, Store: k.Store}, Registry: k.Registry, Senders: k.Store, Data: k.Data, Emails: k.Emails, Subscribers: k.Subscribers, Verification: k.Verification, Decisions: &tenant.Decisions{Store: k.Store, Now: k.Clock.Now}, BaseURL: base, Log: log})
	if err != nil {
		k.t.Fatal(err)
	}
	s, err := soapapi.New(k.SOAP(base))
	if err != nil {
		k.t.Fatal(err)
	}
	mux := web.NewMux()
	mux.IgnoreCase = true
	mux.NotFound, mux.MethodNotAllowed = http.HandlerFunc(r.NotFound), http.HandlerFunc(r.MethodNotAllowed)
	r.Mount(mux)
	s.Mount(mux)
	server.Config.Handler = mux
	server.Start()
	k.t.Cleanup(server.Close)
	return server
}

// SOAP are the options of the SOAP API over the kit's services.
func (k *Kit) SOAP(base string) soapapi.Options {
	return soapapi.Options{
		Auth: k.Auth, Retrieves: k.Retrieves, Sends: k.Sends, Subscribers: k.Subscribers, Users: k.Users, Roles: k.Roles, Data: k.Data, Lists: k.Lists, Emails: k.Emails,
		SendSetup: k.SendSetup, Definitions: k.Definitions, EmailSends: k.EmailSends,
		EmailSendDefinitions: &tenant.EmailSendDefinitions{Store: k.Store, Sends: k.EmailSends, Now: k.Clock.Now},
		Results:              &tenant.RequestResults{Store: k.Store, Now: k.Clock.Now},
		BaseURL:              base, Log: slog.New(slog.NewTextHandler(k.t.Output(), nil)), Machine: k.Time.Now,
	}
}

// Drain waits until no job is queued or running; a job that waits for another attempt ends the test with its error.
func (k *Kit) Drain() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), 30*time.Second)
	defer cancel()
	for {
		k.mu.Lock()
		changed := k.changed
		k.mu.Unlock()
		var n int
		if err := k.DB.QueryRow(k.t.Context(), `SELECT COUNT(*) FROM job WHERE state IN ('queued', 'running')`).Scan(&n); err != nil {
			k.t.Fatal(err)
		}
		if n == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			var last string
			_ = k.DB.QueryRow(context.WithoutCancel(ctx), `SELECT COALESCE(MAX(last_error), '') FROM job WHERE state IN ('queued', 'running')`).Scan(&last)
			k.t.Fatalf("%d jobs are still waiting: %s", n, last)
		}
	}
}

// Exchange is one request with its answer, as a file of testdata/wire holds it (the README there says how).
type Exchange struct {
	Method, Path string
	Header       http.Header
	Body         string
	Status       int
	Answer       http.Header
	AnswerBody   string
}

// Wire performs every file of testdata/wire/engagement that matches the pattern against a fresh tenant, each in a subtest.
func Wire(t *testing.T, pattern string, fresh func(*testing.T) *Kit) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "wire", "engagement", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no wire files match %s: %v", pattern, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			k := fresh(t)
			server := k.Serve()
			for _, x := range parseExchanges(t, string(text)) {
				x.perform(t, server)
				k.Drain()
			}
		})
	}
}

// parseExchanges reads a wire file.
func parseExchanges(t testing.TB, text string) []Exchange {
	t.Helper()
	var list []Exchange
	for _, part := range strings.Split(text, "=== request\n")[1:] {
		ask, answer, ok := strings.Cut(part, "=== response\n")
		if !ok {
			t.Fatal("a wire file has a request without a response")
		}
		var x Exchange
		first, header, body := message(t, ask)
		x.Method, x.Path, _ = strings.Cut(first, " ")
		x.Header, x.Body = header, body
		first, x.Answer, x.AnswerBody = message(t, answer)
		status, err := strconv.Atoi(first)
		if err != nil {
			t.Fatalf("a wire file has the status %q", first)
		}
		x.Status = status
		list = append(list, x)
	}
	return list
}

// message splits a first line, header lines and, after an empty line, a body.
func message(t testing.TB, text string) (first string, header http.Header, body string) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	header = http.Header{}
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ": ")
		if !ok {
			t.Fatalf("a wire file has the header line %q", l)
		}
		header.Add(name, value)
	}
	return lines[0], header, strings.TrimRight(body, "\n")
}

func (x Exchange) perform(t testing.TB, server *httptest.Server) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), x.Method, server.URL+x.Path, strings.NewReader(x.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range x.Header {
		r.Header[name] = values // as written: some clients write SOAPAction so
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != x.Status {
		t.Errorf("%s %s: status %d, want %d\n%s", x.Method, x.Path, answer.StatusCode, x.Status, body)
	}
	for name := range x.Answer {
		if !Matches(x.Answer.Get(name), answer.Header.Get(name), server.URL) {
			t.Errorf("%s %s: %s is %q, want %q", x.Method, x.Path, name, answer.Header.Get(name), x.Answer.Get(name))
		}
	}
	if !Matches(x.AnswerBody, strings.TrimRight(string(body), "\n"), server.URL) {
		t.Errorf("%s %s: the answer is\n%s\nwant\n%s", x.Method, x.Path, body, x.AnswerBody)
	}
}

var placeholder = regexp.MustCompile(`\\\{(guid|time|number|base|any)\\\}`)

// Matches reports whether got is what want says, where {guid}, {time}, {number}, {base} and {any} in want stand for such
// a value, and line breaks with the indentation after them, which make files readable, for nothing.
func Matches(want, got, base string) bool {
	var joined strings.Builder
	for l := range strings.SplitSeq(want, "\n") {
		joined.WriteString(strings.TrimLeft(l, " "))
	}
	pattern := placeholder.ReplaceAllStringFunc(regexp.QuoteMeta(joined.String()), func(p string) string {
		switch strings.Trim(p, `\{}`) {
		case "guid":
			return `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
		case "time":
			return `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
		case "number":
			return `\d+`
		case "base":
			return regexp.QuoteMeta(base)
		}
		return `.*?`
	})
	return regexp.MustCompile(`(?s)^` + pattern + `$`).MatchString(got)
}
