package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/rest"
	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/web"
)

type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// do sends a JSON request with the token "good"; header names and values come in turn, an empty value removes one.
func do(t testing.TB, server *httptest.Server, method, path, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer good")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(text)}
	if media := resp.Header.Get("Content-Type"); media != "application/json;charset=UTF-8" {
		t.Errorf("%s %s answers %s", method, path, media)
	}
	var value any // an object but for lists and texts, which some calls answer with
	if err := json.Unmarshal(text, &value); err != nil {
		t.Errorf("%s %s: %v in %s", method, path, err, text)
	}
	a.body, _ = value.(map[string]any)
	return a
}

const (
	messages    = "/messaging/v1/email/messages"
	definitions = "/messaging/v1/email/definitions"
	one         = `{"definitionKey":"welcome","recipient":{"contactKey":"c","to":"c@example.com"}}`
)

// TestRefusals is the table of errors: status, errorcode, and never a word about our insides.
func TestRefusals(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	for token, change := range map[string]func(*tenant.Principal){
		"reader":    func(p *tenant.Principal) { p.Scopes = []string{"email_read"} },
		"forbidden": func(p *tenant.Principal) { p.Permissions = nil },
		"scopeless": func(p *tenant.Principal) { p.Scopes = nil },
	} {
		p := sendertest.Principal(sendertest.Top)
		change(&p)
		k.Auth.Put(token, p)
	}
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		status, code       int
	}{
		"no token":                  {"GET", "/platform/v1/endpoints", "", []string{"Authorization", ""}, 401, 0},
		"another scheme":            {"GET", "/platform/v1/endpoints", "", []string{"Authorization", "Basic Z29vZA=="}, 401, 0},
		"empty token":               {"GET", "/platform/v1/endpoints", "", []string{"Authorization", "Bearer "}, 401, 0},
		"our own failure":           {"GET", "/platform/v1/endpoints", "", bearer("broken"), 500, 500},
		"no such path":              {"GET", "/platform/v1/nothing", "", nil, 404, 404},
		"wrong method":              {"PUT", messages + "/k", one, nil, 405, 405},
		"TRACE":                     {"TRACE", messages, "", nil, 405, 405},
		"form":                      {"POST", messages + "/k", one, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, 10000},
		"no content type":           {"POST", messages + "/k", one, []string{"Content-Type", ""}, 415, 10000},
		"compressed":                {"POST", messages + "/k", one, []string{"Content-Encoding", "gzip"}, 415, 10000},
		"too long":                  {"POST", messages + "/k", `{"definitionKey":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, 10000},
		"not JSON":                  {"POST", messages + "/k", `definitionKey=welcome`, nil, 400, 10004},
		"half of it":                {"POST", messages + "/k", `{"definitionKey":`, nil, 400, 10004},
		"more after it":             {"POST", messages + "/k", one + "{}", nil, 400, 10004},
		"a key twice":               {"POST", messages + "/k", `{"definitionKey":"welcome","definitionKey":"other"}`, nil, 400, 10004},
		"too deep":                  {"POST", messages + "/k", strings.Repeat("[", 100000), nil, 400, 10004},
		"wrong type":                {"POST", messages + "/k", `{"definitionKey":7}`, nil, 400, 10004},
		"no definition key":         {"POST", messages + "/k", `{"recipient":{}}`, nil, 400, 10002},
		"no recipient":              {"POST", messages + "/k", `{"definitionKey":"welcome"}`, nil, 400, 10002},
		"no recipients":             {"POST", messages, `{"definitionKey":"welcome"}`, nil, 400, 109102},
		"too many recipients":       {"POST", messages, `{"definitionKey":"welcome","recipients":[` + strings.Repeat("{},", 2000) + `{}]}`, nil, 400, 109101},
		"no such definition":        {"POST", messages + "/k", strings.Replace(one, "welcome", "nothing", 1), nil, 400, 30003},
		"no address":                {"POST", messages + "/k", `{"definitionKey":"welcome","recipient":{"contactKey":"c"}}`, nil, 400, 109103},
		"key too long":              {"POST", messages + "/" + strings.Repeat("k", 101), one, nil, 400, 109103},
		"attribute is an object":    {"POST", messages + "/k", `{"definitionKey":"welcome","recipient":{"contactKey":"c","to":"c@example.com","attributes":{"a":{}}}}`, nil, 400, 10001},
		"sending without the scope": {"POST", messages + "/k", one, bearer("reader"), 403, 20002},
		"without the permission":    {"POST", messages + "/k", one, bearer("forbidden"), 403, 20002},
		"another unit's definition": {"POST", messages + "/k", one, bearer("child"), 400, 30003},
		"older call, no permission": {"POST", "/messaging/v1/messageDefinitionSends/key:welcome/send", `{"To":{"Address":"c@example.com"}}`, bearer("forbidden"), 403, 20002},
		"asking without a scope":    {"GET", messages + "/k", "", bearer("scopeless"), 403, 20002},
		"no type":                   {"GET", messages, "", nil, 400, 10002},
		"unknown type":              {"GET", messages + "?type=sent", "", nil, 400, 10005},
		"page of nothing":           {"GET", messages + "?type=notSent&$pagesize=0", "", nil, 400, 10005},
		"page too long":             {"GET", messages + "?type=notSent&$pagesize=501", "", nil, 400, 10005},
		"event that is none":        {"GET", messages + "?type=notSent&lastEventId=x", "", nil, 400, 10001},
		"parameter twice":           {"GET", messages + "?type=notSent&$pagesize=5&pagesize=6", "", nil, 400, 10005},
		"broken parameter":          {"GET", messages + "?type=%zz", "", nil, 400, 10003},
		"definition without a key":  {"POST", definitions, `{"name":"x","content":{"customerKey":"welcome-email"}}`, nil, 400, 10002},
		"definition without name":   {"POST", definitions, `{"definitionKey":"x","content":{"customerKey":"welcome-email"}}`, nil, 400, 10002},
		"definition without email":  {"POST", definitions, `{"definitionKey":"x","name":"x"}`, nil, 400, 10002},
		"key with a slash":          {"POST", definitions, `{"definitionKey":"a/b","name":"x","content":{"customerKey":"welcome-email"}}`, nil, 400, 10005},
		"unknown status":            {"POST", definitions, `{"definitionKey":"x","name":"x","status":"Asleep","content":{"customerKey":"welcome-email"}}`, nil, 400, 10005},
		"born deleted":              {"POST", definitions, `{"definitionKey":"x","name":"x","status":"Deleted","content":{"customerKey":"welcome-email"}}`, nil, 400, 10005},
		"unknown classification":    {"POST", definitions, `{"definitionKey":"x","name":"x","classification":"Mine","content":{"customerKey":"welcome-email"}}`, nil, 400, 10005},
		"data extension":            {"POST", definitions, `{"definitionKey":"x","name":"x","content":{"customerKey":"welcome-email"},"subscriptions":{"dataExtension":"de"}}`, nil, 400, 10005},
		"unknown list":              {"POST", definitions, `{"definitionKey":"x","name":"x","content":{"customerKey":"welcome-email"},"subscriptions":{"list":"Mine"}}`, nil, 400, 10005},
		"writing without the scope": {"POST", definitions, `{"definitionKey":"x","name":"x","content":{"customerKey":"welcome-email"}}`, bearer("reader"), 403, 20002},
		"patching nothing":          {"PATCH", definitions + "/nothing", `{}`, nil, 404, 30003},
		"changing a key":            {"PATCH", definitions + "/welcome", `{"definitionKey":"other"}`, nil, 400, 10005},
		"deleting nothing":          {"DELETE", definitions + "/nothing", "", nil, 404, 30003},
		"deleting, no permission":   {"DELETE", definitions + "/welcome", "", bearer("forbidden"), 403, 20002},
		"listing without a scope":   {"GET", definitions, "", bearer("scopeless"), 403, 20002},
		"getting without a scope":   {"GET", definitions + "/welcome", "", bearer("scopeless"), 403, 20002},
		"filter that is none":       {"GET", definitions + "?$filter=name%20eq%20x", "", nil, 400, 10005},
		"order":                     {"GET", definitions + "?$orderBy=name", "", nil, 400, 10005},
		"page zero":                 {"GET", definitions + "?$page=0", "", nil, 400, 10005},
	} {
		a := do(t, server, c.method, c.path, c.body, c.header...)
		if a.status != c.status || a.body["errorcode"] != float64(c.code) {
			t.Errorf("%s: %d %s, want %d with errorcode %d", name, a.status, a.text, c.status, c.code)
		}
		if strings.Contains(a.text, "secret") || strings.Contains(a.text, "fire") {
			t.Errorf("%s tells too much: %s", name, a.text)
		}
		if header := a.header.Get("WWW-Authenticate"); (header != "") != (c.status == 401) {
			t.Errorf("%s: WWW-Authenticate %q", name, header)
		}
		if c.status == 405 && a.header.Get("Allow") == "" {
			t.Errorf("%s: no Allow", name)
		}
	}
	k.Drain()
	if list := k.Inbox.List(mail.Filter{}); len(list) != 0 {
		t.Errorf("%d mails went out", len(list))
	}
}

// TestPathsHaveNoCase holds the API to what fuel-rest and FuelSDK send (engagement-wire 0.1).
func TestPathsHaveNoCase(t *testing.T) {
	t.Parallel()
	server := kit(t, "sqlite").Serve()
	for _, path := range []string{"//platform/v1/endpoints", "/PLATFORM/V1/ENDPOINTS/", "/platform//v1/Endpoints"} {
		if a := do(t, server, "GET", path, ""); a.status != 200 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := do(t, server, "POST", "//messaging/v1/Email/Messages/", `{"definitionKey":"wELCOME","recipients":[{"contactKey":"c","to":"c@example.com"}]}`, "Authorization", "bearer good"); a.status != 202 {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// A transactional definition takes transactional classifications alone, the standard ones and those that people make.
func TestClassificationsOfDefinitions(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			for key, kind := range map[string]string{"news": "Marketing", "bills": "Operational"} {
				if _, err := k.SendSetup.CreateClassification(t.Context(), sendertest.Principal(sendertest.Top), tenant.SendClassification{Key: key, Name: key, Kind: kind, ProfileKey: tenant.DefaultProfile}); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range []struct {
				classification string
				status         int
			}{{"NEWS", 400}, {"Default Commercial", 400}, {"default commercial", 400}, {"nothing", 400}, {"bills", 200}, {"Default Transactional", 200}} {
				if a := do(t, server, "PATCH", definitions+"/welcome", `{"classification":"`+c.classification+`"}`); a.status != c.status || c.status == 400 && a.body["errorcode"] != 10005.0 {
					t.Errorf("%s: %d %s", c.classification, a.status, a.text)
				}
			}
			if a := do(t, server, "POST", definitions, `{"definitionKey":"n","name":"N","classification":"news","content":{"customerKey":"welcome-email"}}`); a.status != 400 {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
}

// The older call says at once that nobody can get the mail, where it is asked to look (engagement-wire 4).
func TestSynchronousSends(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	if _, err := k.Subscribers.Create(t.Context(), sendertest.Principal(sendertest.Top), tenant.SubscriberChange{Key: "gone", Address: "gone@example.com", Status: tenant.SubscriberUnsubscribed}); err != nil {
		t.Fatal(err)
	}
	const none = `"hasErrors":true,"messageErrors":[{"messageErrorCode":180008,"messageErrorStatus":"Unable to queue Triggered Send request. There are no valid subscribers."}]`
	const queued = `"hasErrors":false,"messages":["Queued"]`
	for _, c := range []struct{ to, how, want string }{
		{`{"Address":"gone@example.com","SubscriberKey":"gone"}`, "SYNC", none},
		{`{"Address":"gone@example.com","SubscriberKey":"gone"}`, "ASYNC", queued},
		{`{"Address":"bad"}`, "sync", none},
		{`{"Address":"bad"}`, "", queued},
		{`{"Address":"new@example.com"}`, "SYNC", queued},
	} {
		a := do(t, server, "POST", "/messaging/v1/messageDefinitionSends/key:welcome/send", `{"To":`+c.to+`,"Options":{"RequestType":"`+c.how+`"}}`)
		if a.status != 202 || !strings.Contains(a.text, c.want) {
			t.Errorf("%s %s: %d %s", c.to, c.how, a.status, a.text)
		}
	}
}

// The queue of a definition, with the vendor's words where it is not to be emptied.
func TestDefinitionQueue(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	path := definitions + "/WELCOME/queue"
	if a := do(t, server, "DELETE", path, ""); a.status != 400 || strings.TrimSpace(a.text) != `{"message":"MCMS_UTM_Runtime_InvalidOperation: Definition status must be inactive to delete queue","errorcode":30001,"documentation":""}` {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := do(t, server, "PATCH", definitions+"/welcome", `{"status":"inactive"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	if a := do(t, server, "POST", messages+"/held", one); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	k.Time.Advance(90 * time.Second)
	if a := do(t, server, "GET", path, ""); a.status != 200 || a.body["count"] != 1.0 || a.body["ageSeconds"] != 90.0 || a.body["requestId"] == "" || len(a.body) != 3 {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := do(t, server, "DELETE", path, ""); a.status != 200 || a.body["message"] != "Queued" || a.body["requestId"] == "" {
		t.Errorf("%d %s", a.status, a.text)
	}
	k.AwaitState(sendertest.Top, "held", tenant.MessageNotSent)
	if a := do(t, server, "GET", definitions+"/nothing/queue", ""); a.status != 404 || a.body["errorcode"] != 30003.0 {
		t.Errorf("%d %s", a.status, a.text)
	}
}

func TestDefinitionsByPage(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			for i := range 6 {
				status := []string{"Active", "INACTIVE"}[i%2]
				if a := do(t, server, "POST", definitions, fmt.Sprintf(`{"definitionKey":"d%d","name":"D","status":"%s","content":{"customerKey":"WELCOME-email"},"subscriptions":{"list":"all subscribers"}}`, i, status)); a.status != 201 {
					t.Fatalf("%d %s", a.status, a.text)
				}
			}
			if a := do(t, server, "DELETE", definitions+"/d5", ""); a.status != 200 {
				t.Fatal(a.text)
			}
			keys := func(query string) string {
				t.Helper()
				a := do(t, server, "GET", definitions+query, "")
				var list []string
				for _, d := range a.body["definitions"].([]any) {
					list = append(list, d.(map[string]any)["definitionKey"].(string))
				}
				if a.body["count"] != float64(len(list)) {
					t.Errorf("%s counts %v of %d", query, a.body["count"], len(list))
				}
				return fmt.Sprint(len(list))
			}
			for query, want := range map[string]string{
				"": "6", "?$pageSize=4": "4", "?$pageSize=4&$page=2": "2", "?$pagesize=4&$page=3": "0",
				"?$filter=status%20eq%20active": "4", "?$filter=status%20NEQ%20Active": "3", "?$filter=status%20eq%20deleted": "1",
			} {
				if got := keys(query); got != want {
					t.Errorf("%s: %s definitions, want %s", query, got, want)
				}
			}
			// What was deleted is free again.
			if a := do(t, server, "POST", definitions, `{"definitionKey":"D5","name":"Again","content":{"customerKey":"welcome-email"}}`); a.status != 201 {
				t.Errorf("%d %s", a.status, a.text)
			}
			a := do(t, server, "PATCH", definitions+"/D0", `{"name":"New","description":"d","classification":"Default Transactional","options":{"trackLinks":true},"subscriptions":{"autoAddSubscriber":false,"updateSubscriber":false,"list":"All Subscribers"}}`)
			if a.status != 200 || a.body["name"] != "New" || a.body["classification"] != "Default Transactional" || !strings.Contains(a.text, `"subscriptions":{"list":"All Subscribers","autoAddSubscriber":false,"updateSubscriber":false}`) {
				t.Errorf("%d %s", a.status, a.text)
			}
			if a := do(t, server, "GET", definitions+"/d0", ""); a.body["name"] != "New" || a.body["status"] != "Active" {
				t.Errorf("%s", a.text)
			}
		})
	}
}

// TestNobodyIsAddedWhereThatIsForbidden covers autoAddSubscriber and updateSubscriber.
func TestNobodyIsAddedWhereThatIsForbidden(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	if a := do(t, server, "PATCH", definitions+"/welcome", `{"subscriptions":{"autoAddSubscriber":false,"updateSubscriber":false}}`); a.status != 200 {
		t.Fatal(a.text)
	}
	if _, err := k.Subscribers.Create(t.Context(), sendertest.Principal(sendertest.Top), tenant.SubscriberChange{Key: "known", Address: "known@example.com"}); err != nil {
		t.Fatal(err)
	}
	for contact, c := range map[string]struct {
		to   string
		code float64
	}{"stranger": {"x@example.com", 11}, "known": {"moved@example.com", 14}} {
		if a := do(t, server, "POST", messages+"/"+contact, fmt.Sprintf(`{"definitionKey":"welcome","recipient":{"contactKey":%q,"to":%q}}`, contact, c.to)); a.status != 202 {
			t.Fatal(a.text)
		}
		k.Drain()
		a := do(t, server, "GET", messages+"/"+contact, "")
		if info := a.body["info"].(map[string]any); info["statusCode"] != c.code {
			t.Errorf("%s: %s", contact, a.text)
		}
	}
}

// TestInDoubtIsNoRefusal: a client that reads EmailNotSent sends again, so a message in doubt must not say that.
func TestInDoubtIsNoRefusal(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), sendertest.Migrations())
	k := sendertest.New(t, db, sendertest.Options{Mail: lost{}})
	server := k.Serve()
	if a := do(t, server, "POST", messages+"/k", one); a.status != 202 {
		t.Fatal(a.text)
	}
	k.AwaitState(sendertest.Top, "k", tenant.MessageInDoubt)
	a := do(t, server, "GET", messages+"/k", "")
	if a.body["eventCategoryType"] != "TransactionalSendEvents.EmailQueued" || a.body["info"].(map[string]any)["statusMessage"] != "InDoubt" {
		t.Errorf("%s", a.text)
	}
}

// FuzzAPI feeds the whole edge: it answers JSON of its statuses, and never 500 or a panic.
func FuzzAPI(f *testing.F) {
	db := sqldbtest.Open(f, sqldbtest.DSN(f, "sqlite"), sendertest.Migrations())
	k := sendertest.New(f, db, sendertest.Options{Idle: true})
	s, err := rest.New(rest.Options{Auth: k.Auth, Sends: k.Sends, Definitions: k.Definitions, Queues: &tenant.DefinitionQueues{Definitions: k.Definitions, Store: k.Store}, Registry: k.Registry, Senders: k.Store, Data: k.Data, Emails: k.Emails, Subscribers: k.Subscribers, Verification: k.Verification, Decisions: &tenant.Decisions{Store: k.Store, Now: k.Clock.Now}, BaseURL: "http://fuzz"})
	if err != nil {
		f.Fatal(err)
	}
	mux := web.NewMux()
	mux.IgnoreCase = true
	mux.NotFound, mux.MethodNotAllowed = http.HandlerFunc(s.NotFound), http.HandlerFunc(s.MethodNotAllowed)
	s.Mount(mux)
	f.Add("POST", messages+"/k", one)
	f.Add("POST", messages, `{"definitionKey":"welcome","recipients":[{"contactKey":"c","to":"c@example.com","attributes":{"a":1e400,"b":null,"c":true,"d":"x"}}]}`)
	f.Add("PATCH", definitions+"/welcome", `{"status":"active","content":{"customerKey":"x"},"subscriptions":{"list":"x"},"options":{"trackLinks":null}}`)
	f.Add("POST", "/messaging/v1/messageDefinitionSends/key:welcome/send", `{"To":{"Address":"a@b.example","ContactAttributes":{"SubscriberAttributes":{"a":[]}}}}`)
	f.Add("GET", messages+"?type=notSent&$pagesize=5", "")
	f.Add("GET", definitions+"?$filter=status%20eq%20active&$page=2", "")
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://fuzz"+path, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		r.Header.Set("Authorization", "Bearer good")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	})
}
