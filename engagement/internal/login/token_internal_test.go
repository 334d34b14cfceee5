package login

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

// FuzzTokenRequest: whatever the body, it is read within bounds or refused with a fault that is not our mistake.
func FuzzTokenRequest(f *testing.F) {
	for _, body := range []string{
		`{"grant_type":"client_credentials","client_id":"a","client_secret":"b","account_id":1111111,"scope":""}`,
		`{"grant_type":"refresh_token","account_id":"1111111","scope":null}`, `{"account_id":[1]}`, `{"account_id":{"a":1e999}}`, `[]`, ``,
		`grant_type=authorization_code&code=c&account_id=1111111&scope=`, `a=1&a=2`, `%zz`,
	} {
		f.Add(body, strings.HasPrefix(body, "{"), "Basic YTpi")
		f.Add(body, !strings.HasPrefix(body, "{"), "")
	}
	f.Fuzz(func(t *testing.T, body string, isJSON bool, authorization string) {
		r := httptest.NewRequest("POST", "/v2/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if isJSON {
			r.Header.Set("Content-Type", "application/json")
		}
		r.Header["Authorization"] = []string{authorization}
		q, err := readTokenRequest(httptest.NewRecorder(), r)
		if err != nil {
			if kind := fault.KindOf(err); kind == fault.Internal {
				t.Fatalf("%v for %q", err, body)
			}
			if e := translate(err); e.status < 400 || e.status > 499 || e.code == "" || e.text == "" {
				t.Fatalf("%+v for %q", e, body)
			}
			return
		}
		if q.GrantType == "" || len(q.GrantType) > maxTokenRequest {
			t.Fatalf("read %+v of %q", q, body)
		}
		if q.mid != 0 && (q.mid < 1_000_000 || q.mid > 999_999_999) {
			t.Fatalf("MID %d of %q", q.mid, body)
		}
	})
}

// TestTranslate: every code has a status that fits it, and what is unknown shows nothing.
func TestTranslate(t *testing.T) {
	t.Parallel()
	for code, e := range oauthErrors {
		if e.status != http.StatusBadRequest && e.status != http.StatusUnauthorized || e.code == "" {
			t.Errorf("%s: %+v", code, e)
		}
	}
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"plain error": {http.ErrBodyNotAllowed, 500, "server_error"},
		"internal":    {fault.Wrap(http.ErrBodyNotAllowed, fault.Internal, "x", "secret"), 500, "server_error"},
		"unavailable": {fault.New(fault.Unavailable, "busy", "Busy."), 503, "temporarily_unavailable"},
		"too large":   {fault.New(fault.TooLarge, "x", "Large."), 413, "invalid_request"},
		"known":       {fault.New(fault.Internal, tenant.CodeNoGrant, "No."), 400, "invalid_grant"},
	} {
		e := translate(c.err)
		if e.status != c.status || e.code != c.code || strings.Contains(e.text, "secret") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
