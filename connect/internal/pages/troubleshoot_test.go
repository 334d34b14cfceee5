package pages_test

import (
	"io"
	"net/http/httptest"
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
	for _, want := range []string{"Troubleshoot Connected App", "invalid_app_access", "Insufficient User Permissions"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
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
