package login_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
)

// TestMyDocuments: with the switch on, reports are kept, listed and downloaded, by the API and on the page.
func TestMyDocuments(t *testing.T) {
	each(t, func(h *house) {
		h.sql(`UPDATE installed_package SET scopes = $2 WHERE client_id = $1`, h.Server, `["email_read","documents_and_images_read","documents_and_images_write"]`)
		token := h.granted(h.token(h.server(nil)))
		put := func(name, media, content string) answer {
			r := h.request("PUT", "/v2/documents/"+url.PathEscape(name), media, content)
			r.Header.Set("Authorization", "Bearer "+token)
			return h.do(r)
		}
		if a := put("a.csv", "text/csv", "x"); a.status != 409 || !strings.Contains(a.text, "My Documents in Content is not enabled") {
			t.Fatalf("switched off: %d %s", a.status, a.text)
		}
		h.settings(`{"my_documents":true}`)
		name := "2026-11-21 MigrationSuccess.csv"
		for range 2 { // the second replaces the first
			if a := put(name, "text/csv; charset=utf-8", "user,result\nann,ok\n"); a.status != 200 || a.str("name") != name || a.body["size"] != 19.0 {
				t.Fatalf("put: %d %s", a.status, a.text)
			}
		}
		if a := put("page.html", "text/html", "<script>"); a.status != 200 || a.str("media_type") != "application/octet-stream" {
			t.Errorf("what a browser would run: %d %s", a.status, a.text)
		}
		a := h.get("/v2/documents", token)
		if items, _ := a.body["items"].([]any); a.status != 200 || len(items) != 2 || items[0].(m)["name"] != name {
			t.Errorf("list: %d %s", a.status, a.text)
		}
		a = h.get("/v2/documents/"+url.PathEscape(strings.ToUpper(name)), token)
		if a.status != 200 || a.text != "user,result\nann,ok\n" || a.header.Get("Content-Type") != "text/csv" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("get: %d %v %s", a.status, a.header, a.text)
		}
		for bad, want := range map[string]int{".hidden": 400, "a\nb": 400, strings.Repeat("x", 201): 400} {
			if a := put(bad, "text/csv", "x"); a.status != want {
				t.Errorf("%q: %d %s", bad, a.status, a.text)
			}
		}
		if a := put("big", "text/csv", string(bytes.Repeat([]byte("x"), 5<<20+1))); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("too large: %d", a.status)
		}
		// The page, for whoever is signed in and may see documents.
		b := h.browser()
		b.signIn(h.flow(h.Public), h.Sender, tenanttest.Password)
		for path, want := range map[string]string{
			"/v2/mydocuments": "/cloud/email/my-documents", "/v2/mydocuments?after=a%26b": "/cloud/email/my-documents?after=a%26b",
			"/v2/mydocuments/" + url.PathEscape("a b/c?.csv"): "/cloud/email/my-documents/" + url.PathEscape("a b/c?.csv"),
		} {
			if a := b.get(path); a.status != 302 || a.header.Get("Location") != want {
				t.Errorf("%s leads to %d %q", path, a.status, a.header.Get("Location"))
			}
		}
		for _, want := range []int{204, 404} {
			if a := h.call("DELETE", "/v2/documents/page.html", token, ""); a.status != want {
				t.Errorf("delete: %d %s", a.status, a.text)
			}
		}
		if a := h.get("/v2/documents/page.html", token); a.status != 404 {
			t.Errorf("after the deletion: %d", a.status)
		}
		// Another tenant's documents are another's.
		second := tenanttest.Spec()
		h.make(second)
		h.sql(`UPDATE tenant SET settings = '{"my_documents":true}' WHERE eid = $1`, int64(second.EID))
		theirs := h.granted(h.token(m{"grant_type": "client_credentials", "client_id": second.Server, "client_secret": tenanttest.ServerSecret}))
		if a := h.get("/v2/documents/"+url.PathEscape(name), theirs); a.status != 404 {
			t.Errorf("another tenant's document: %d %s", a.status, a.text)
		}
	})
}

// TestSignInAlone: the sign-in form leads on to pages of the tenant, and nowhere else.
func TestSignInAlone(t *testing.T) {
	each(t, func(h *house) {
		h.settings(`{"my_documents":true}`)
		b := h.browser()
		const to = "/v2/signin?next=%2Fcloud%2Femail%2Fmy-documents%3Fafter%3Da"
		page := b.get(to)
		if page.status != 200 || !strings.Contains(page.text, "Log in to see your documents.") {
			t.Fatalf("%d %s", page.status, page.text)
		}
		form := func(password string) url.Values {
			return url.Values{"form_token": {b.formToken(page)}, "username": {h.Sender}, "password": {password}}
		}
		if a := b.post(to, form("wrong")); a.status != 401 || !strings.Contains(a.text, "The user name or password is wrong") {
			t.Errorf("a wrong password: %d %s", a.status, a.text)
		}
		if a := h.browser().post(to, form(tenanttest.Password)); a.status != 403 {
			t.Errorf("a forged form: %d", a.status)
		}
		if a := b.post(to, form(tenanttest.Password)); a.status != 303 || a.header.Get("Location") != "/cloud/email/my-documents?after=a" {
			t.Fatalf("signed in: %d %q", a.status, a.header.Get("Location"))
		}
		for _, next := range []string{"https://evil.example/", "//evil.example/cloud", "/v2/logout", "/v2/mydocuments", "/cloudy", `/cloud\@evil.example`, "%zz"} {
			if a := b.get("/v2/signin?next=" + url.QueryEscape(next)); a.status != 303 || a.header.Get("Location") != "/cloud" {
				t.Errorf("%s leads to %d %q", next, a.status, a.header.Get("Location"))
			}
		}
		temporary := h.browser()
		page = temporary.get("/v2/signin")
		a := temporary.post("/v2/signin", url.Values{"form_token": {temporary.formToken(page)}, "username": {h.Temporary}, "password": {tenanttest.Password}})
		if a.status != 200 || !strings.Contains(a.text, "Choose a new password") {
			t.Errorf("a temporary password: %d %s", a.status, a.text)
		}
	})
}
