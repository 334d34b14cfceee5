package pages_test

import (
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/pages"
	"github.com/twinspan/twinspan/internal/web"
)

// The page has every check and what refusals mean, for everybody and without a session.
// seed:page S002-39
func TestTroubleshootConnectedApp(t *testing.T) {
	t.Parallel()
	mux := web.NewMux()
	pages.New(pages.Options{BaseURL: "http://127.0.0.1"}).Mount(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", pages.TroubleshootPath, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("%d %v", w.Code, err)
	}
	text := string(body)
	refusals := httptest.NewRecorder()
	mux.ServeHTTP(refusals, httptest.NewRequest("GET", pages.TroubleshootPath+"/refusals", nil))
	for _, want := range []string{"Troubleshoot Connected App", "invalid_app_access", "Insufficient User Permissions"} {
		if !strings.Contains(refusals.Body.String(), want) {
			t.Errorf("the page of refusals has no %q", want)
		}
	}
	if !strings.Contains(text, "Troubleshoot Connected App") || !strings.Contains(text, pages.TroubleshootPath+"/refusals") {
		t.Error("the page does not lead to the refusals")
	}
	for name, size := range map[string]int{"the checks": len(text), "the refusals": refusals.Body.Len()} {
		if size > 150_000 {
			t.Errorf("the page of %s has %d bytes", name, size)
		}
	}
	for _, chapter := range doctor.Chapters() {
		for _, c := range chapter.Checks {
			if !strings.Contains(text, ">"+c.ID+"<") {
				t.Errorf("%s is not on the page", c.ID)
			}
		}
	}
}

// With what somebody met the page begins with what it means; of what nobody knows it says what is near. What was typed stays.
// seed:page S002-39
func TestTroubleshootAMessage(t *testing.T) {
	t.Parallel()
	mux := web.NewMux()
	pages.New(pages.Options{BaseURL: "http://127.0.0.1"}).Mount(mux)
	for _, c := range []struct {
		met    string
		status int
		want   []string
	}{
		{"The org refused: invalid_grant: user hasn't approved this consumer", 200, []string{"Likely cause 1", "Check D02", "twinspan org app policies"}},
		{"invalid_app_acces", 404, []string{"Nobody knows this code or text", "Near to it", "invalid_app_access: user is not admin approved", `value="invalid_app_acces"`}},
		{"<script>alert(1)</script>", 404, []string{"&lt;script&gt;"}},
		{"", 404, []string{"Nobody knows"}},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", pages.TroubleshootPath+"?"+url.Values{"met": {c.met}}.Encode(), nil))
		if w.Code != c.status {
			t.Errorf("%s: %d", c.met, w.Code)
		}
		for _, want := range c.want {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %q", c.met, want)
			}
		}
		if strings.Contains(w.Body.String(), "<script>alert") {
			t.Error("what was typed is markup")
		}
	}
}
