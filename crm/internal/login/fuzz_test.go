package login_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

func fuzzHouse(f *testing.F) *house {
	f.Helper()
	return newHouse(f, sqldbtest.Open(f, sqldbtest.DSN(f, "sqlite"), []sqldb.Migrations{sqlstore.Migrations()}))
}

func (h *house) serve(method, path, body, contentType string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	if u, err := url.ParseRequestURI(path); err == nil {
		r.URL = u
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// FuzzTokenRequest: no token request is answered with a fault of ours, and none but a right one with a token.
func FuzzTokenRequest(f *testing.F) {
	h := fuzzHouse(f)
	f.Add("grant_type=password&username=a&client_id=PlatformCLI")
	f.Add("grant_type=" + url.QueryEscape(jwtBearer) + "&assertion=a.b.c")
	f.Add("grant_type=" + url.QueryEscape(jwtBearer) + "&assertion=" + h.assertion(func(c *oauth.Claims) { c.Audience = "x" }))
	f.Add("grant_type=refresh_token&refresh_token=5Aep861&client_id=PlatformCLI")
	f.Add("grant_type=authorization_code&code=aPrx%3D%3D&client_id=PlatformCLI&redirect_uri=x")
	f.Add("%zz&&==")
	f.Fuzz(func(t *testing.T, body string) {
		w := h.serve(http.MethodPost, "/services/oauth2/token", body, formContent)
		if w.Code >= 500 || w.Code < 300 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// FuzzAuthorize: whatever comes, a redirect leads to a registered address or to our own pages.
func FuzzAuthorize(f *testing.F) {
	h := fuzzHouse(f)
	f.Add(strings.TrimPrefix(h.authorize(), "/services/oauth2/authorize?"))
	f.Add(strings.TrimPrefix(h.authorize("response_type", "token", "redirect_uri", "http://localhost:99999/OauthRedirect"), "/services/oauth2/authorize?"))
	f.Add("tx=AAAA")
	f.Add("client_id=PlatformCLI&redirect_uri=http://localhost:1717@evil/OauthRedirect&response_type=code")
	f.Fuzz(func(t *testing.T, query string) {
		w := h.serve(http.MethodGet, "/services/oauth2/authorize?"+query, "", "")
		to := w.Header().Get("Location")
		if w.Code >= 500 || strings.ContainsAny(to, "\r\n") {
			t.Errorf("%d %q", w.Code, to)
		}
		if to == "" {
			return
		}
		u, err := url.Parse(to)
		if err != nil || u.Hostname() != "localhost" && u.Hostname() != "client.example" {
			t.Errorf("leads to %q", to)
		}
	})
}

// FuzzSOAP: every envelope gets an answer in the shape of the API.
func FuzzSOAP(f *testing.F) {
	h := fuzzHouse(f)
	f.Add("50.0", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><login xmlns="urn:partner.soap.sforce.com"><username>a</username></login></e:Body></e:Envelope>`)
	f.Add("66.0", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader><sessionId>x</sessionId></SessionHeader></e:Header><e:Body><logout xmlns="urn:partner.soap.sforce.com"/></e:Body></e:Envelope>`)
	f.Add("x", `<a/>`)
	f.Fuzz(func(t *testing.T, version, text string) {
		if strings.ContainsAny(version, "/?#") {
			return
		}
		w := h.serve(http.MethodPost, "/services/Soap/u/"+url.PathEscape(version), text, "text/xml")
		if w.Code == 404 || w.Code == 400 {
			return // no such path
		}
		if w.Code != 500 && w.Code != 413 || !strings.Contains(w.Body.String(), "<sf:exceptionCode>") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
