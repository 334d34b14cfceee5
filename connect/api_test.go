package connect_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// TestIdempotency: the same key gives the same answer, another request under it is refused.
func TestIdempotency(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		body := map[string]any{"contact_id": contact, "definition_key": "welcome"}
		first := w.wantCall(t, "/api/v1/sends/triggered", "key-1", body, 200, "status", "accepted")
		again := w.wantCall(t, "/api/v1/sends/triggered", "key-1", body, 200, "status", "accepted")
		if first["message_key"] != again["message_key"] || len(w.tenant.Messages()) != 1 {
			t.Fatalf("%v, then %v, %d messages", first, again, len(w.tenant.Messages()))
		}
		w.wantCall(t, "/api/v1/sends/triggered", "key-1", map[string]any{"contact_id": contact, "definition_key": "other"}, 422, "error.code", "idempotency_key_reused")
		w.wantCall(t, "/api/v1/connection/org", "key-1", map[string]any{"system_user": system.Username}, 422, "error.code", "idempotency_key_reused")
		other := w.wantCall(t, "/api/v1/sends/triggered", "key-2", body, 200, "status", "accepted")
		if other["message_key"] == first["message_key"] || len(w.tenant.Messages()) != 2 {
			t.Fatal("another key is the same send")
		}
		// Without a key the same state of the contact is mailed once.
		one := w.wantCall(t, "/api/v1/sends/triggered", "", body, 200, "status", "accepted")
		two := w.wantCall(t, "/api/v1/sends/triggered", "", map[string]any{"contact_id": contact[:15], "definition_key": "Welcome"}, 200, "status", "accepted")
		if one["message_key"] != two["message_key"] || len(w.tenant.Messages()) != 3 {
			t.Fatal("the same state of a contact was mailed twice")
		}
	})
}

func TestIdempotentCallsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				status, answer := w.call(t, "/api/v1/sends/triggered", "same", map[string]any{"contact_id": contact, "definition_key": "welcome"})
				if code := linktest.Text(answer, "error.code"); status != 200 && (status != 409 || code != "call_in_progress") {
					t.Errorf("answered %d %v", status, answer)
				}
			})
		}
		wg.Wait()
		if n := len(w.tenant.Messages()); n != 1 {
			t.Fatalf("%d messages", n)
		}
	})
}

func TestSendsOfOneKeyAtOnceWithoutHeader(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				status, answer := w.call(t, "/api/v1/sends/triggered", "", map[string]any{"contact_id": contact, "definition_key": "welcome"})
				if code := linktest.Text(answer, "error.code"); status != 200 && (status != 409 || code != "send_in_progress") {
					t.Errorf("answered %d %v", status, answer)
				}
			})
		}
		wg.Wait()
		if n, posts := len(w.tenant.Messages()), w.tenant.Calls("POST /messaging/v1/email/messages/"+w.tenant.Messages()[0].Key); n != 1 || posts != 1 {
			t.Fatalf("%d messages by %d posts", n, posts)
		}
	})
}

// TestRefusals: what the API answers to what it cannot take.
func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		send := func(id, definition string) map[string]any {
			return map[string]any{"contact_id": id, "definition_key": definition}
		}
		w.wantCall(t, "/api/v1/sends/triggered", "", send(contact, "welcome"), 409, "error.code", "not_connected")
		w.connectBoth(t)
		w.org.PutContact("003000000000002AAA", "", false)
		w.org.PutContact("003000000000003AAA", "out@customer.example", true)
		for _, c := range []struct {
			name, path  string
			body        any
			status      int
			code, field string
		}{
			{"no e-mail", "/api/v1/sends/triggered", send("003000000000002AAA", "welcome"), 422, "no_email", ""},
			{"opted out", "/api/v1/sends/triggered", send("003000000000003AAA", "welcome"), 422, "opted_out", ""},
			{"opted out again", "/api/v1/sends/triggered", send("003000000000003AAA", "welcome"), 422, "opted_out", ""},
			{"no contact", "/api/v1/sends/triggered", send("003000000000009AAA", "welcome"), 404, "contact_not_found", ""},
			{"no contact again", "/api/v1/sends/triggered", send("003000000000009AAA", "welcome"), 404, "contact_not_found", ""},
			{"no id", "/api/v1/sends/triggered", send("001000000000009AAA", "welcome"), 400, "invalid_contact_id", "contact_id"},
			{"path in the id", "/api/v1/sends/triggered", send("003/../../../x0", "welcome"), 400, "invalid_contact_id", "contact_id"},
			{"no definition", "/api/v1/sends/triggered", send(contact, ""), 400, "invalid_definition_key", "definition_key"},
			{"unknown member", "/api/v1/connection/org", map[string]any{"system_user": "x", "password": "p"}, 400, "malformed_json", "password"},
			{"no user", "/api/v1/connection/org", map[string]any{}, 400, "user_required", "system_user"},
			{"no api user", "/api/v1/connection/engagement", map[string]any{"api_user": " x"}, 400, "user_required", "api_user"},
			{"account", "/api/v1/connection/engagement", map[string]any{"api_user": "x", "account_id": -1}, 400, "invalid_account_id", "account_id"},
			{"type", "/api/v1/connection/engagement", map[string]any{"api_user": 7}, 400, "malformed_json", "api_user"},
			{"limit", "/api/v1/users?limit=1001", nil, 400, "invalid_limit", "limit"},
			{"twice", "/api/v1/users?limit=1&limit=2", nil, 400, "repeated_parameter", "limit"},
			{"no send", "/api/v1/sends/nothing", nil, 404, "not_found", ""},
			{"no such send", "/api/v1/sends/" + strings.Repeat("0", 40), nil, 404, "not_found", ""},
			{"no resource", "/api/v1/nothing", nil, 404, "not_found", ""},
		} {
			answer := w.wantCall(t, c.path, "", c.body, c.status, "error.code", c.code)
			if got := linktest.Text(answer, "error.field"); got != c.field {
				t.Errorf("%s: field %q, want %q", c.name, got, c.field)
			}
		}
		if len(w.tenant.Messages()) != 0 {
			t.Fatal("a refused send left Connect")
		}
		// A definition that the tenant does not have is the tenant's word, and the send's last.
		w.wantCall(t, "/api/v1/sends/triggered", "", send(contact, "none"), 200, "reason.code", "30003")
		w.noSecrets(t)
	})
}

// TestTransport: tokens, content types, sizes, methods.
func TestTransport(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			name, method, path, token, contentType, key, body string
			status                                            int
		}{
			{"no token", "GET", "/api/v1/status", "", "", "", "", 401},
			{"wrong token", "GET", "/api/v1/status", "Bearer nope", "", "", "", 401},
			{"basic", "GET", "/api/v1/status", "Basic " + apiToken, "", "", "", 401},
			{"token in the query", "GET", "/api/v1/status?access_token=" + apiToken, "", "", "", "", 401},
			{"form", "POST", "/api/v1/connection/org", "Bearer " + apiToken, "application/x-www-form-urlencoded", "", "system_user=x", 415},
			{"no type", "POST", "/api/v1/connection/org", "Bearer " + apiToken, "", "", `{"system_user":"x"}`, 415},
			{"broken", "POST", "/api/v1/connection/org", "Bearer " + apiToken, "application/json", "", `{"system_user":`, 400},
			{"two values", "POST", "/api/v1/connection/org", "Bearer " + apiToken, "application/json", "", `{"system_user":"x"}{}`, 400},
			{"repeated", "POST", "/api/v1/connection/org", "Bearer " + apiToken, "application/json", "", `{"system_user":"x","system_user":"y"}`, 400},
			{"large", "POST", "/api/v1/connection/org", "Bearer " + apiToken, "application/json", "", `{"system_user":"` + strings.Repeat("x", 70<<10) + `"}`, 413},
			{"method", "DELETE", "/api/v1/status", "Bearer " + apiToken, "", "", "", 405},
			{"key", "POST", "/api/v1/connection/org", "Bearer " + apiToken, "application/json", "with space", `{"system_user":"x"}`, 400},
			{"long key", "POST", "/api/v1/connection/org", "Bearer " + apiToken, "application/json", strings.Repeat("k", 256), `{"system_user":"x"}`, 400},
			{"no page", "GET", "/nothing", "", "", "", "", 404},
			{"cross-site form", "POST", "/marketing-cloud/connect", "", "application/x-www-form-urlencoded", "", "", 303}, // no browser: no session
		} {
			req, err := http.NewRequestWithContext(t.Context(), c.method, w.url+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{"Authorization": c.token, "Content-Type": c.contentType, "Idempotency-Key": c.key} {
				if value != "" {
					req.Header.Set(name, value)
				}
			}
			resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close() // read
			if err != nil || resp.StatusCode != c.status {
				t.Errorf("%s: answered %d %s, want %d (%v)", c.name, resp.StatusCode, text, c.status, err)
			}
			if strings.HasPrefix(c.path, "/api/") && !bytes.Contains(text, []byte(`"code"`)) {
				t.Errorf("%s: no error body: %s", c.name, text)
			}
			if c.status == 401 && resp.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no WWW-Authenticate", c.name)
			}
		}
	})
}

func TestCrossSiteForms(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, path := range []string{"/marketing-cloud/connect", "/marketing-cloud/sign-out"} {
			for _, header := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				for name, value := range header {
					req.Header.Set(name, value)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close() // the status is enough
				if resp.StatusCode != http.StatusForbidden {
					t.Errorf("%s with %v answered %d", path, header, resp.StatusCode)
				}
			}
		}
	})
}

// TestPairsApart: a pair's token and its sends are nobody else's.
func TestPairsApart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		sent := w.wantCall(t, "/api/v1/sends/triggered", "", map[string]any{"contact_id": contact, "definition_key": "welcome"}, 200, "status", "accepted")
		if _, _, err := w.bridge.Certificates(t.Context(), "pair-2"); err != nil {
			t.Fatal(err)
		}
		w.put(t, "pair-2", "other-token")
		status, answer := linktest.Call(t, w.url, "other-token", "/api/v1/sends/"+linktest.Text(sent, "message_key"), "", nil)
		if status != 404 {
			t.Fatalf("another pair reads the send: %d %v", status, answer)
		}
		_, answer = linktest.Call(t, w.url, "other-token", "/api/v1/status", "", nil)
		if answer["pair"] != "pair-2" || answer["state"] != "not_connected" {
			t.Fatalf("the other pair is %v", answer)
		}
		// A visitor of the one pair who opens the tab of the other is asked who he is there.
		b := browser.New(nil)
		wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
		page, err := b.Open(t.Context(), w.url+"/marketing-cloud?pair=pair-2")
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Connect to Marketing Cloud")
		// There the app holds another certificate than the pair's: nothing is connected, and the page says why.
		wantPage(t, press(t, b, page, "Connect to Marketing Cloud", nil), 403, "Nothing was connected", "invalid assertion")
		wantPage(t, w.visit(t, b, w.url+"/marketing-cloud?pair=none", linktest.Person{}, linktest.Person{}), 404, "no such connection")
		// The other pair's keys are its own: its assertions do not verify by this pair's certificates.
		status, answer = linktest.Call(t, w.url, "other-token", "/api/v1/connection/org", "", map[string]any{"system_user": system.Username})
		if status != 403 || linktest.Text(answer, "error.message") != "invalid assertion" {
			t.Fatalf("the other pair connected: %d %v", status, answer)
		}
		bad := connect.LinkSpec{PairID: "pair-3", Standing: "embedded", CRMURL: w.org.URL, ConnectedApp: "x", ConsumerKey: "c", ConsoleClientID: "c", EngagementAuthURL: w.tenant.URL, PackageClientID: "p", EID: 1, APIToken: apiToken}
		if err := w.bridge.PutLink(t.Context(), bad); err == nil {
			t.Fatal("two pairs have one API token")
		}
	})
}

// TestTokensAreShared: many callers at once cost one sign-in; a token is used until shortly before its end; a dead one
// is replaced within the call.
func TestTokensAreShared(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		const orgTokens, tenantTokens = "POST /services/oauth2/token", "POST /v2/token"
		w.advance(t, time.Hour) // whatever connecting left is over
		send := func(key string) {
			t.Helper()
			w.wantCall(t, "/api/v1/sends/triggered", key, map[string]any{"contact_id": contact, "definition_key": "welcome"}, 200, "status", "accepted")
		}
		org, tenant := w.org.Calls(orgTokens), w.tenant.Calls(tenantTokens)
		spent := func(wantOrg, wantTenant int) {
			t.Helper()
			o, v := w.org.Calls(orgTokens)-org, w.tenant.Calls(tenantTokens)-tenant
			if o != wantOrg || v != wantTenant {
				t.Fatalf("%d and %d sign-ins, want %d and %d", o, v, wantOrg, wantTenant)
			}
		}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { send(fmt.Sprint("many-", i)) })
		}
		wg.Wait()
		spent(1, 1)
		w.advance(t, 10*time.Minute)
		send("still")
		spent(1, 1)
		w.advance(t, 10*time.Minute)
		send("renewed")
		spent(2, 2)
		w.org.DropTokens()
		w.tenant.DropTokens()
		send("replaced")
		spent(3, 3)
	})
}

// TestBrokenSpan: a refusal at sign-in shows in the status in the cloud's words, and mends by itself.
func TestBrokenSpan(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		body := map[string]any{"contact_id": contact, "definition_key": "welcome"}
		w.org.Approve(system.Username, false)
		w.org.DropTokens()
		w.wantCall(t, "/api/v1/sends/triggered", "", body, 403, "error.code", "invalid_app_access")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "broken")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "org.cause.code", "invalid_app_access")
		w.org.Approve(system.Username, true)
		w.wantCall(t, "/api/v1/sends/triggered", "", body, 200, "status", "accepted")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "connected")

		w.tenant.Grant(apiUser.Username, false)
		w.tenant.DropTokens()
		w.wantCall(t, "/api/v1/sends/triggered", "x", body, 403, "error.code", "invalid_grant")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "engagement.cause.code", "invalid_grant")
		w.tenant.Grant(apiUser.Username, true)
		w.wantCall(t, "/api/v1/sends/triggered", "x", body, 200, "status", "accepted")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "connected")
	})
}

// noSecrets searches every table and the log for what was typed or is secret.
func (w *world) noSecrets(t *testing.T, more ...string) {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Options{DSN: w.dsn, Migrations: []sqldb.Migrations{sqlstore.Migrations()}})
	if err != nil && !strings.HasPrefix(w.dsn, "postgres") {
		// The bridge has the file open and nobody else may: end it and look then.
		if err := w.bridge.Close(); err != nil {
			t.Fatal(err)
		}
		db, err = sqldb.Open(t.Context(), sqldb.Options{DSN: w.dsn, Migrations: []sqldb.Migrations{sqlstore.Migrations()}})
	}
	if err != nil {
		t.Fatal(err)
	}
	dump := linktest.Dump(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{system.Username, linktest.Pair} { // the search finds what is there
		if !linktest.Contains(dump, want) {
			t.Fatalf("the dump lacks %q", want)
		}
	}
	for _, secret := range slices.Concat(canaries, more, []string{"BEGIN PRIVATE KEY", linktest.OrgID[:15] + "!", "mce-token-", "refresh-"}) {
		if linktest.Contains(dump, secret) {
			t.Errorf("the database holds %q", secret)
		}
		if linktest.Contains([]byte(w.log.String()), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
