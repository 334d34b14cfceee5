package web_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/web"
)

func newQuietRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func TestRequestLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/services/oauth2/token?client_secret=canary1", strings.NewReader("password=canary2"))
	r.Header.Set("Authorization", "Bearer canary3")
	r.Header.Set("Cookie", "sid=canary4")
	r.Header.Set("Referer", "http://x/?code=canary5")
	line := logged(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(418)
		w.Write([]byte("canary6"))
	}, r, slog.LevelDebug)
	if strings.Contains(line, "canary") {
		t.Errorf("the log tells: %s", line)
	}
	for _, want := range []string{`"house":"crm"`, `"method":"POST"`, `"path":"/services/oauth2/token"`, `"status":418`, `"bytes":7`, `"remote":"192.0.2.1"`} {
		if !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
	}
	if !regexp.MustCompile(`"request_id":"[0-9a-f]{16}"`).MatchString(line) {
		t.Errorf("no request id in %s", line)
	}
}

func TestRequestLogIsOneBoundedLine(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/a%0d%0a%1b[31m"+strings.Repeat("x", 5000), nil)
	line := logged(func(http.ResponseWriter, *http.Request) {}, r, slog.LevelDebug)
	if strings.Count(line, "\n") != 1 || strings.Contains(line, "\x1b") || len(line) > 1024 {
		t.Errorf("%d bytes: %q", len(line), line)
	}
}

func TestRequestLogLevels(t *testing.T) {
	t.Parallel()
	answer := func(ctx context.Context, status int) string {
		return logged(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, httptest.NewRequestWithContext(ctx, "GET", "/", nil), slog.LevelWarn)
	}
	if got := answer(t.Context(), 404); got != "" {
		t.Errorf("404 is logged at warn: %s", got)
	}
	if got := answer(t.Context(), 503); !strings.Contains(got, `"status":503`) {
		t.Errorf("503 is not: %q", got)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if got := answer(gone, 500); got != "" {
		t.Errorf("500 to a caller who had left is logged at warn: %s", got)
	}
}

func TestPanicsAreAnsweredAndTellNothing(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"text": "canary", "error": errors.New("canary")} {
		w := httptest.NewRecorder()
		var out strings.Builder
		log := slog.New(slog.NewTextHandler(&out, nil))
		web.Front(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(value) }), log, "crm").ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != 500 || strings.Contains(w.Body.String(), "canary") {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
		if strings.Contains(out.String(), "canary") || !strings.Contains(out.String(), "TestPanicsAreAnswered") {
			t.Errorf("%s: the log must name the place and not the value: %s", name, out.String())
		}
	}
	line := logged(func(http.ResponseWriter, *http.Request) {
		var s []int
		_ = s[len(s)]
	}, httptest.NewRequest("GET", "/", nil), slog.LevelWarn)
	if !strings.Contains(line, "index out of range") {
		t.Errorf("the runtime's own panic is not told: %s", line)
	}
}

func TestPanicAfterAnAnswerBeganBreaksTheConnection(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v, want http.ErrAbortHandler", p)
		}
	}()
	logged(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("half"))
		panic("x")
	}, httptest.NewRequest("GET", "/", nil), slog.LevelError)
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	var inside string
	h := web.RequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inside = web.RequestIDFrom(r.Context()) }))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Request-Id", "theirs\nforged")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	first := inside
	if first == "" || w.Header().Get("X-Request-Id") != first || first == "theirs\nforged" {
		t.Errorf("id %q, header %q", first, w.Header().Get("X-Request-Id"))
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
	if inside == first {
		t.Error("two requests have one id")
	}
	if web.RequestIDFrom(t.Context()) != "" {
		t.Error("a context without a request has an id")
	}
}

func TestStreamsGetThroughTheFront(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	web.Front(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("a"))
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		if f, ok := w.(http.Flusher); !ok {
			t.Error("no http.Flusher")
		} else {
			f.Flush()
		}
	}), slog.New(slog.DiscardHandler), "crm").ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if !w.Flushed {
		t.Error("not flushed")
	}
}

func BenchmarkFront(b *testing.B) {
	h := web.Front(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }), slog.New(slog.DiscardHandler), "crm")
	r := httptest.NewRequest("POST", "/services/oauth2/token", nil)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
