package probe_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/probe"
)

// traffic is a recorder of a few requests.
func traffic(t *testing.T) *probe.Recorder {
	t.Helper()
	rec := probe.NewRecorder(10)
	for _, c := range []struct {
		house, path, body string
		status            int
		user, app         string
	}{
		{"crm", "/services/oauth2/token", "grant_type=password&username=Ann%40example.test&client_id=3MVG9key", 200, "", ""},
		{"crm", "/services/data/v65.0/query", "", 401, "", ""},
		{"crm", "/services/data/v65.0/Query", "", 200, "ann@example.test", "Integration Test"},
		{"engagement", "/messaging/v1/email", "{}", 503, "api_user", "2abc"},
	} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			probe.CalledBy(r.Context(), c.user, c.app)
			w.WriteHeader(c.status)
		})
		rec.Wrap(c.house, h).ServeHTTP(httptest.NewRecorder(), request("POST", c.path, "application/x-www-form-urlencoded", c.body))
	}
	return rec
}

func TestFilter(t *testing.T) {
	t.Parallel()
	rec := traffic(t)
	for name, c := range map[string]struct {
		filter probe.Filter
		status string
		want   string
	}{
		"all":               {probe.Filter{}, "", "1 2 3 4"},
		"house":             {probe.Filter{House: "engagement"}, "", "4"},
		"path":              {probe.Filter{Path: "QUERY"}, "", "2 3"},
		"after":             {probe.Filter{Path: "query", Since: 2}, "", "3"},
		"status":            {probe.Filter{}, "401", "2"},
		"class":             {probe.Filter{}, "2xx", "1 3"},
		"failed":            {probe.Filter{House: "crm"}, "failed", "2"},
		"no answer":         {probe.Filter{}, "none", ""},
		"user":              {probe.Filter{Who: "ann@"}, "", "3"},
		"app":               {probe.Filter{Who: "integration"}, "", "3"},
		"client in a body":  {probe.Filter{Who: "3mvg9KEY"}, "", "1"},
		"two that fit none": {probe.Filter{Who: "api_user", House: "crm"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := c.filter
			var err error
			if f.Status, err = probe.ParseStatus(c.status); err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, e := range rec.List(f) {
				ids = append(ids, fmt.Sprint(e.ID))
			}
			if got := strings.Join(ids, " "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	for _, bad := range []string{"x", "4x", "6xx", "99", "600", "-1", "404 "} {
		if _, err := probe.ParseStatus(bad); fault.CodeOf(err) != probe.CodeBadStatus {
			t.Errorf("status %q: %v", bad, err)
		}
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	rec := traffic(t)
	if e, err := rec.Get(3); err != nil || e.User != "ann@example.test" || e.App != "Integration Test" {
		t.Errorf("%+v, %v", e, err)
	}
	var none *probe.Recorder
	for _, r := range []*probe.Recorder{rec, none} {
		if _, err := r.Get(9); fault.CodeOf(err) != probe.CodeNotRecorded {
			t.Errorf("an unknown number: %v", err)
		}
	}
}

// Who calls can be told without a recording.
func TestNobodyRecords(t *testing.T) {
	t.Parallel()
	probe.CalledBy(t.Context(), "ann", "app")
	if probe.Recording(t.Context()) {
		t.Error("nothing is recorded here")
	}
}
