package twinspan_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// What the doctor found last is there for operators' tools, and for whoever has the control API's token alone.
func TestMetrics(t *testing.T) {
	t.Parallel()
	c := freePorts("")
	c.Ephemeral = true
	r := start(t, c).Ready()
	cl, err := connect.New(r.Connect.URL, vault.Secret(r.Connect.APIToken), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cl.MakeRound(bounded(t), oauth.NewToken(24)); err != nil {
		t.Fatal(err)
	}
	get := func(token string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(bounded(t), http.MethodGet, r.Control.URL+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if status, _ := get("none"); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
	status, text := get(r.Control.Token)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE "), " "); !strings.HasPrefix(name, "twinspan_doctor_") {
			t.Errorf("%q", line)
		}
	}
	for _, want := range []string{`severity="error"} 0`, `state="healthy"} 1`, `twinspan_doctor_deliveries{state="due"} 0`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
