package workbench_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/probe"
)

// asks has a house answer a request that is recorded.
func (b *bench) asks(house, method, path, body, user string, status int) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		probe.CalledBy(r.Context(), user, "")
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "answer to "+path)
	})
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	b.seen.Wrap(house, h).ServeHTTP(httptest.NewRecorder(), r)
}

// A developer finds the request that he looks for, and sees all of it but its secrets.
func TestRequests(t *testing.T) {
	t.Parallel()
	b := signedIn(t)
	b.Open("/workbench/requests").Sees("no requests yet")
	b.asks("crm", "POST", "/services/oauth2/token", "username=ann&password=hunter2secret", "", 400)
	b.asks("crm", "GET", "/services/data/v65.0/query?q=SELECT", "", "ann@example.test", 200)
	b.asks("engagement", "POST", "/messaging/v1/email/"+hostile, "", "api_user", 503)
	b.Click("Look again").Sees("POST /services/oauth2/token", "400", "Engagement", "api_user", "503")
	b.Choose("House", "Org").Press("Show").Sees("/services/oauth2/token", "/query").SeesNot("/messaging")
	b.Choose("House", "All houses").Fill("Status", "failed").Press("Show").Sees("/services/oauth2/token", "/messaging").SeesNot("/query")
	b.Fill("Status", "").Fill("User or app", "ANN@").Press("Show").Sees("/query").SeesNot("/messaging", "oauth2")
	b.Fill("User or app", "").Fill("Path", "messaging").Press("Show").Sees("/messaging").SeesNot("/query")
	b.Fill("Path", "nowhere").Press("Show").Sees("no recorded request is like that")
	b.Fill("Status", "teapot").Press("Show").Sees("There is a problem", "Error: A status is 404, 4xx, failed, or none.")
	if b.Status() != http.StatusBadRequest || b.Value("Status") != "teapot" || b.Value("Path") != "nowhere" {
		t.Errorf("refused with %d, %q and %q stay", b.Status(), b.Value("Status"), b.Value("Path"))
	}
	b.Open("/workbench/requests?house=bank").Sees("There is no such house.")
	b.Open("/workbench/requests?path=" + strings.Repeat("x", 300)).Sees("That is too long")
	b.Open("/workbench/requests?path=token").Click("POST /services/oauth2/token")
	b.Sees("username=ann", "***", "answer to /services/oauth2/token", "Request headers", "400").SeesNot("hunter2secret")
	b.Open("/workbench/requests/2").Click("ann@example.test").Sees("/query").SeesNot("oauth2")
	b.Open("/workbench/requests/99").Sees("There is no request of that number")
	for range 100 {
		b.asks("connect", "GET", "/api/v1/status", "", "", 200)
	}
	b.Open("/workbench/requests").Sees("1 to 50 of 103").Click("Next").Sees("51 to 100 of 103").Click("Next").Sees("101 to 103 of 103", "/services/oauth2/token")
	b.Click("Previous").Click("Previous").Sees("1 to 50 of 103")
}

// follow reads events of the page with a browser's session.
func (b *bench) follow(t *testing.T, path, last string) (<-chan string, func()) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	res, err := client.PostForm(b.url+"/workbench/sign-in", url.Values{"token": {programToken}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", last)
	if res, err = client.Do(r); err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for text := bufio.NewScanner(res.Body); text.Scan(); {
			if text.Text() != "" && !strings.HasPrefix(text.Text(), ":") {
				lines <- text.Text()
			}
		}
	}()
	return lines, func() { _ = res.Body.Close() }
}

// next is the next line of events.
func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line := <-lines:
		return line
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
		return ""
	}
}

// A page is told of requests as they come, of those that its filter takes, and goes on where it was.
func TestRequestsAsTheyCome(t *testing.T) {
	t.Parallel()
	b := signedIn(t)
	b.asks("crm", "GET", "/before", "", "", 200)
	lines, leave := b.follow(t, "/workbench/requests/events?house=crm&since=1", "")
	b.asks("engagement", "GET", "/elsewhere", "", "", 200)
	b.asks("crm", "GET", "/after"+hostile, "", "ann", 500)
	if id, data := next(t, lines), next(t, lines); id != "id: 3" || !strings.Contains(data, `{"text":"GET /after`) || !strings.Contains(data, `"href":"/workbench/requests/3"`) ||
		!strings.Contains(data, `{"text":"500","badge":"bad"}`) || !strings.Contains(data, `{"text":"ann"}`) {
		t.Errorf("%s\n%s", id, data)
	}
	leave()
	again, leave := b.follow(t, "/workbench/requests/events?since=1", "2")
	defer leave()
	if id := next(t, again); id != "id: 3" {
		t.Errorf("it went on with %s", id)
	}
	b.Open("/workbench/requests/events?status=teapot").Sees("A status is 404")
}

// What is told as it comes ends with the program.
func TestEventsEndWithTheProgram(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, stop := contextOf(t)
	o := b.options()
	o.Live = ctx
	b.mount(t, o)
	lines, leave := b.follow(t, "/workbench/requests/events", "")
	defer leave()
	b.asks("crm", "GET", "/one", "", "", 200)
	if id := next(t, lines); id != "id: 1" {
		t.Error(id)
	}
	_ = next(t, lines)
	stop()
	if line := next(t, lines); line != "" {
		t.Errorf("after the end: %s", line)
	}
	o.Recorder = nil
	b.mount(t, o)
	b.Open("/workbench/requests").Fill("Control token", programToken).Press("Sign in").Sees("Requests are not recorded")
	for _, path := range []string{"/1", "/events"} {
		b.Open("/workbench/requests" + path).Sees("Recording is off")
	}
}
