package rest_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/rest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// auth knows some tokens.
type auth map[string]org.Session

func (a auth) Authenticate(_ context.Context, token string, _ org.Origin) (org.Session, error) {
	if token == "disk" {
		return org.Session{}, errors.New("reading /var/lib/secret.db: input/output error")
	}
	if s, ok := a[token]; ok {
		return s, nil
	}
	return org.Session{}, fault.New(fault.Unauthenticated, org.CodeInvalidSession, "Session expired or invalid")
}

func (auth) End(context.Context, string) error { return nil }

// broken is a store whose database is gone.
type broken struct{}

var errGone = errors.New("pq: password authentication failed for user twinspan")

func (broken) Write(context.Context, func(org.RecordTx) error) error { return errGone }

func (broken) Read(context.Context, *org.Object, org.ID, org.ID, []*org.Field) (org.Values, error) {
	return nil, errGone
}

func (broken) Lookup(context.Context, *org.Object, org.ID, org.Values, int) ([]org.ID, error) {
	return nil, errGone
}

func (broken) Select(context.Context, org.ID, *soql.Plan, int, int, func(soql.Row) error) error {
	return errGone
}

func (broken) SelectChildren(context.Context, org.ID, *soql.Plan, []org.ID, int, int, func(org.ID, int, soql.Row) error) error {
	return errGone
}

func (broken) Home(context.Context, org.ID, org.ID) (zone, locale string, err error) {
	return "", "", errGone
}

func (broken) CountRows(ctx context.Context, _ org.ID, _ *soql.Plan) (int, error) {
	return 0, fault.New(fault.Unavailable, "database_down", "The database does not answer.")
}

func serve(log *slog.Logger) http.Handler {
	api := org.Permissions{org.PermAPIEnabled: true}
	records := &org.Records{Store: broken{}, Clock: clock.NewDomain(nil)}
	s := &rest.Server{
		BaseURL: "http://org.example", Records: records, Log: log,
		Auth: auth{
			"soap": {Permissions: api}, "api": {Scopes: []string{"id", "api"}, Permissions: api}, "full": {Scopes: []string{"full"}, Permissions: api},
			"web": {Scopes: []string{"web", "openid"}, Permissions: api}, "none": {Scopes: []string{}, Permissions: api}, "disabled": {Scopes: []string{"api"}},
		},
		Queries: &soql.Runner{Source: broken{}, Schema: records.Schema, Clock: records.Clock},
	}
	mux := web.NewMux()
	mux.NotFound, mux.MethodNotAllowed = http.HandlerFunc(s.NotFound), http.HandlerFunc(s.MethodNotAllowed)
	s.Mount(mux)
	return mux
}

// Clients refresh their token on one of these texts and must not on the others (crm-wire 0.6, 1.14).
func TestWhoMayUseTheAPI(t *testing.T) {
	t.Parallel()
	h := serve(slog.New(slog.DiscardHandler))
	for token, want := range map[string]struct {
		status int
		body   string
	}{
		"soap": {200, ""}, "api": {200, ""}, "full": {200, ""},
		"nobody":   {401, `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`},
		"":         {401, `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`},
		"web":      {401, `[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]`},
		"none":     {401, `[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]`},
		"disabled": {403, `[{"message":"API is disabled for this User","errorCode":"API_CURRENTLY_DISABLED"}]`},
	} {
		r := httptest.NewRequest("GET", "/services/data/v65.0", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want.status || want.body != "" && w.Body.String() != want.body {
			t.Errorf("%q: %d %s", token, w.Code, w.Body)
		}
	}
}

// What fails inside shows nothing to the caller and everything to the log.
func TestFailuresAreLogged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		token, method, path, body string
		status                    int
		code                      string
	}{
		{"disk", "GET", "/services/data/v65.0", "", 500, "UNKNOWN_EXCEPTION"},
		{"api", "GET", "/services/data/v65.0/sobjects/Contact/003000000000001", "", 500, "UNKNOWN_EXCEPTION"},
		{"api", "POST", "/services/data/v65.0/sobjects/Contact", `{"LastName":"x"}`, 500, "UNKNOWN_EXCEPTION"},
		{"api", "GET", "/services/data/v65.0/query?q=SELECT+Id+FROM+Contact", "", 500, "UNKNOWN_EXCEPTION"},
		{"api", "GET", "/services/data/v65.0/query?q=SELECT+COUNT()+FROM+Contact", "", 503, "SERVER_UNAVAILABLE"},
	} {
		var log bytes.Buffer
		h := serve(slog.New(slog.NewTextHandler(&log, nil)))
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("Authorization", "Bearer "+c.token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body := w.Body.String()
		if w.Code != c.status || !strings.Contains(body, c.code) || strings.Contains(body, "password") || strings.Contains(body, "secret") {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, body)
		}
		if text := log.String(); text == "" || strings.Contains(text, c.token+"!") || !strings.Contains(text, "error=") {
			t.Errorf("%s %s is logged as %q", c.method, c.path, text)
		}
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	h := serve(slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		name, path string
		header     [2]string
		status     int
		code       string
	}{
		{"a parameter twice", "/services/data/v65.0/query?q=a&q=b", [2]string{}, 400, "BAD_REQUEST"},
		{"a batch size that is no number", "/services/data/v65.0/query?q=SELECT+Id+FROM+Contact", [2]string{"Sforce-Query-Options", "batchSize=many"}, 400, "INVALID_QUERY_PARAMETER"},
		{"a version with letters", "/services/data/latest/query?q=a", [2]string{}, 404, "NOT_FOUND"},
		{"a version of old", "/services/data/v28.0", [2]string{}, 410, "UNSUPPORTED_API_VERSION"},
		{"a version to come", "/services/data/v68.0", [2]string{}, 404, "NOT_FOUND"},
		{"a locator of letters", "/services/data/v65.0/query/abc-def", [2]string{}, 400, "INVALID_QUERY_LOCATOR"},
		{"a negative locator", "/services/data/v65.0/query/01g000000000001--1", [2]string{}, 400, "INVALID_QUERY_LOCATOR"},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Header.Set("Authorization", "Bearer api")
		if c.header[0] != "" {
			r.Header.Set(c.header[0], c.header[1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), `"errorCode":"`+c.code+`"`) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}
