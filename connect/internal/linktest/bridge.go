package linktest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Call makes a call of Connect's API and decodes the answer. key "" sends no Idempotency-Key; body nil makes a GET.
func Call(t testing.TB, base, token, path, key string, body any) (status int, answer map[string]any) {
	t.Helper()
	method, reader := http.MethodGet, &bytes.Buffer{}
	if body != nil {
		method = http.MethodPost
		if err := json.NewEncoder(reader).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read below
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatalf("%s %s answered %d without JSON: %v", method, path, resp.StatusCode, err)
	}
	return resp.StatusCode, answer
}

// Late is a server whose handler comes later, for houses that must know their URL before they are made.
type Late struct {
	*httptest.Server
	handler http.Handler
}

// NewLate starts the server.
func NewLate(t testing.TB) *Late {
	l := &Late{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.handler.ServeHTTP(w, r) }))
	t.Cleanup(l.Close)
	return l
}

// Serve sets the handler. Call it before the first request.
func (l *Late) Serve(h http.Handler) { l.handler = h }

// Text digs a text out of a JSON answer by a path of members: "error.code". "" where there is none.
func Text(answer map[string]any, path string) string {
	var v any = answer
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}
