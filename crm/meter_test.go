package crm_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// noon is the machine time of houses whose meter is tested: it stands still, so that minutes are a test's own.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// meterSpec is an org with so many requests a day, and an administrator whom its package's app and another one admit.
func meterSpec(limit int) crm.OrgSpec {
	s := spec()
	s.DailyAPIRequests, s.UsernamePasswordFlow = limit, true
	s.ConnectedApps[0].AdminApproved = true
	own := s.ConnectedApps[0]
	own.Name, own.Namespace, own.DeveloperName, own.ConsumerKey = "Own App", "", "Own_App", own.ConsumerKey+".own"
	s.ConnectedApps = append(s.ConnectedApps, own)
	s.PermissionSets = append(s.PermissionSets, crm.PermissionSetSpec{
		Label: "Apps", Assignees: []string{s.Users[0].Username}, Apps: []string{"Salesforce_Marketing_Cloud", "Own_App"},
	})
	return s
}

// openMetered opens a house with the org on a database, and signs its two users in unless the org is there already.
func openMetered(t *testing.T, dsn string, s crm.OrgSpec) *house {
	t.Helper()
	v, err := vault.Open(filepath.Join(t.TempDir(), "key.json"))
	if err != nil {
		t.Fatal(err)
	}
	return openMeteredWith(t, dsn, s, v)
}

// openMeteredWith is openMetered for processes on one database, which have one key.
func openMeteredWith(t *testing.T, dsn string, s crm.OrgSpec, v *vault.Vault) *house {
	t.Helper()
	var err error
	mails := &outbox{}
	h := &house{spec: s}
	h.useMails(t, mails)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.cloud.Handler().ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	h.url = server.URL
	h.cloud, err = crm.New(t.Context(), crm.Options{
		DSN: dsn, Schema: schemaOf(t, dsn), Relaxed: true, BaseURL: server.URL, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Vault: v,
		Machine: func() time.Time { return noon }, Mail: mails,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		if err := h.cloud.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	if err := h.cloud.CreateOrg(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	h.admin = h.login(t, s.Users[0].Username, "admin-pw-1TOKEN")
	h.user = h.login(t, s.Users[1].Username, "user-pw-1TOKEN")
	return h
}

func eachMetered(t *testing.T, limit int, test func(*testing.T, *house)) {
	t.Helper()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, openMetered(t, sqldbtest.DSN(t, kind), meterSpec(limit)))
		})
	}
}

// appToken is a token of one of the org's apps, for the administrator.
func (h *house) appToken(t *testing.T, app int) string {
	t.Helper()
	a := h.spec.ConnectedApps[app]
	res, err := http.PostForm(h.url+"/services/oauth2/token", url.Values{
		"grant_type": {"password"}, "client_id": {a.ConsumerKey}, "client_secret": {a.Secret.Reveal()},
		"username": {h.spec.Users[0].Username}, "password": {"admin-pw-1TOKEN"},
	})
	if err != nil {
		t.Fatal(err)
	}
	status, answer := finish(t, res)
	if status != http.StatusOK {
		t.Fatalf("token of %s: %d %s", a.Name, status, answer)
	}
	return fmt.Sprint(field(t, answer, "access_token"))
}

// counted makes a call that must be served, and tells what its answer says of the limit.
func (h *house) counted(t *testing.T, token string) (used, limit int) {
	t.Helper()
	status, header, answer := h.send(t, token, "GET", data, nil)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	return limitInfo(t, header)
}

func limitInfo(t *testing.T, h http.Header) (used, limit int) {
	t.Helper()
	if n, err := fmt.Sscanf(h.Get("Sforce-Limit-Info"), "api-usage=%d/%d", &used, &limit); n != 2 {
		t.Fatalf("Sforce-Limit-Info: %q: %v", h.Get("Sforce-Limit-Info"), err)
	}
	return used, limit
}

// Fifty clients at once: each call is counted once, and each answer tells a number of its own.
func TestManyClientsAreCountedExactly(t *testing.T) {
	t.Parallel()
	eachMetered(t, 0, func(t *testing.T, h *house) {
		const clients, calls = 50, 20
		before, limit := h.counted(t, h.admin)
		if before != 1 || limit != 1_100_000 { // Enterprise Edition with 1,000 licences (crm-wire 3.8)
			t.Errorf("the first call: %d of %d", before, limit)
		}
		var mu sync.Mutex
		var seen []int
		var all sync.WaitGroup
		for i := range clients {
			token := []string{h.admin, h.user}[i%2]
			all.Go(func() {
				for range calls {
					req, err := http.NewRequestWithContext(t.Context(), "GET", h.url+data, nil)
					if err != nil {
						t.Error(err)
						return
					}
					req.Header.Set("Authorization", "Bearer "+token)
					res, err := http.DefaultClient.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					_ = res.Body.Close()
					var used, limit int
					if _, err := fmt.Sscanf(res.Header.Get("Sforce-Limit-Info"), "api-usage=%d/%d", &used, &limit); err != nil {
						t.Errorf("%q: %v", res.Header.Get("Sforce-Limit-Info"), err)
						return
					}
					mu.Lock()
					seen = append(seen, used)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		slices.Sort(seen)
		for i, used := range seen {
			if used != before+1+i {
				t.Fatalf("answer %d of %d tells %d", i, len(seen), used)
			}
		}
		if after, _ := h.counted(t, h.admin); after != before+clients*calls+1 {
			t.Errorf("%d calls are counted as %d", clients*calls, after-before-1)
		}
	})
}

// What counts and what does not (crm-wire 3.8), in every API.
func TestWhatCounts(t *testing.T) {
	t.Parallel()
	eachMetered(t, 0, func(t *testing.T, h *house) {
		envelope := func(space, token, op string) string {
			return `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader xmlns="` + space + `"><sessionId>` + escape(token) +
				`</sessionId></SessionHeader></e:Header><e:Body>` + op + `</e:Body></e:Envelope>`
		}
		const partner, meta = "urn:partner.soap.sforce.com", "http://soap.sforce.com/2006/04/metadata"
		var soapInfo string
		for _, c := range []struct {
			name  string
			calls int
			do    func()
		}{
			{"REST", 1, func() { h.call(t, h.admin, "GET", data+"/sobjects", nil) }},
			{"a refused REST call", 1, func() { h.call(t, h.admin, "GET", data+"/sobjects/Nope/describe", nil) }},
			{"a query", 1, func() { h.query(t, h.admin, "SELECT Id FROM Contact") }},
			{"Tooling", 1, func() { h.call(t, h.admin, "GET", data+"/tooling/query?q=SELECT+Id+FROM+User", nil) }},
			{"SOAP", 1, func() {
				_, soapInfo = h.soap(t, "/services/Soap/u/60.0", envelope(partner, h.admin, `<getServerTimestamp xmlns="`+partner+`"/>`))
			}},
			{"Metadata", 1, func() {
				h.soap(t, "/services/Soap/m/60.0", envelope(meta, h.admin, `<describeMetadata xmlns="`+meta+`"><asOfVersion>60.0</asOfVersion></describeMetadata>`))
			}},
			{"limits", 1, func() { h.call(t, h.admin, "GET", data+"/limits", nil) }},
			{"SOAP login", 0, func() { h.login(t, h.spec.Users[0].Username, "admin-pw-1TOKEN") }},
			{"OAuth", 0, func() { h.appToken(t, 1) }},
			{"userinfo", 0, func() { h.call(t, h.admin, "GET", "/services/oauth2/userinfo", nil) }},
			{"the identity URL", 0, func() { h.call(t, h.admin, "GET", "/id/"+h.spec.ID+"/005000000000001", nil) }},
			{"versions", 0, func() { h.call(t, h.admin, "GET", "/services/data", nil) }},
			{"no session", 0, func() { h.call(t, "", "GET", data+"/sobjects", nil) }},
			{"a bad session", 0, func() { h.call(t, h.spec.ID[:15]+"!nobody", "GET", data+"/sobjects", nil) }},
		} {
			before, _ := h.counted(t, h.admin)
			c.do()
			if after, _ := h.counted(t, h.admin); after-before-1 != c.calls {
				t.Errorf("%s counts as %d calls, want %d", c.name, after-before-1, c.calls)
			}
		}
		if !strings.Contains(soapInfo, "<soapenv:Header><LimitInfoHeader><limitInfo><current>1") || !strings.Contains(soapInfo, "<limit>1100000</limit><type>API REQUESTS</type>") {
			t.Errorf("SOAP answer: %s", soapInfo)
		}
		// Answers of many results and faults tell it too; what is not counted has nothing to tell (crm-wire 2.1).
		for op, want := range map[string]string{
			`<invalidateSessions xmlns="` + partner + `"><sessionIds>nonsense</sessionIds></invalidateSessions>`: "<soapenv:Header><LimitInfoHeader><limitInfo><current>",
			`<setPassword xmlns="` + partner + `"><userId>nonsense</userId><password>x</password></setPassword>`: `<soapenv:Header><LimitInfoHeader xmlns="` + partner + `"><limitInfo><current>`,
			`<query xmlns="` + partner + `"><queryString>x</queryString></query>`:                                `<soapenv:Header><LimitInfoHeader xmlns="` + partner + `"><limitInfo><current>`,
		} {
			if _, answer := h.soap(t, "/services/Soap/u/60.0", envelope(partner, h.admin, op)); !strings.Contains(answer, want) {
				t.Errorf("%s: %s", op, answer)
			}
			if _, answer := h.soap(t, "/services/Soap/u/60.0", envelope(partner, "nobody", op)); strings.Contains(answer, "LimitInfoHeader") || !strings.Contains(answer, "INVALID_SESSION_ID") {
				t.Errorf("%s of nobody: %s", op, answer)
			}
		}
		_, login := h.soap(t, "/services/Soap/u/60.0", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><login xmlns="`+partner+`"><username>`+
			h.spec.Users[0].Username+`</username><password>admin-pw-1TOKEN</password></login></e:Body></e:Envelope>`)
		if !strings.Contains(login, "<sessionId>") || strings.Contains(login, "LimitInfoHeader") {
			t.Errorf("login answer: %s", login)
		}
	})
}

// Calls with a token of the package's app do not count, REST or SOAP, and go on past the limit; all others do and stop.
//
// seed:api S001-05 S002-13
func TestTheConnectorDoesNotCount(t *testing.T) {
	t.Parallel()
	const limit = 40
	eachMetered(t, limit, func(t *testing.T, h *house) {
		connector, own := h.appToken(t, 0), h.appToken(t, 1)
		timestamp := func(token string) (int, string) {
			return h.soap(t, "/services/Soap/u/60.0", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader><sessionId>`+escape(token)+
				`</sessionId></SessionHeader></e:Header><e:Body><getServerTimestamp xmlns="urn:partner.soap.sforce.com"/></e:Body></e:Envelope>`)
		}
		want := 0
		for range 10 {
			want++
			if used, _ := h.counted(t, own); used != want {
				t.Fatalf("used %d, want %d", used, want)
			}
			for range 3 {
				if used, _ := h.counted(t, connector); used != want {
					t.Fatalf("a call of the connector makes it %d, want %d", used, want)
				}
			}
			if status, answer := timestamp(connector); status != 200 || !strings.Contains(answer, fmt.Sprintf("<current>%d</current><limit>%d</limit>", want, limit)) {
				t.Fatalf("%d %s", status, answer)
			}
			want++
			if status, _ := timestamp(h.user); status != 200 {
				t.Fatal("SOAP")
			}
		}
		for ; want < limit; want++ {
			h.counted(t, h.user)
		}
		status, header, answer := h.send(t, own, "GET", data+"/sobjects", nil)
		if status != 403 || answer != `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]` {
			t.Errorf("past the limit: %d %s", status, answer)
		}
		if used, max := limitInfo(t, header); used != limit || max != limit {
			t.Errorf("past the limit: %d of %d", used, max)
		}
		status, answer = timestamp(h.admin)
		if status != 500 || !strings.Contains(answer, "<faultcode>sf:REQUEST_LIMIT_EXCEEDED</faultcode>") || !strings.Contains(answer, "TotalRequests Limit exceeded.") {
			t.Errorf("SOAP past the limit: %d %s", status, answer)
		}
		status, answer = h.soap(t, "/services/Soap/m/60.0", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader><sessionId>`+escape(h.admin)+
			`</sessionId></SessionHeader></e:Header><e:Body><describeMetadata xmlns="http://soap.sforce.com/2006/04/metadata"/></e:Body></e:Envelope>`)
		if status != 500 || !strings.Contains(answer, "<faultcode>sf:REQUEST_LIMIT_EXCEEDED</faultcode>") {
			t.Errorf("Metadata past the limit: %d %s", status, answer)
		}
		if used, _ := h.counted(t, connector); used != limit {
			t.Errorf("the connector past the limit: %d", used)
		}
	})
}

// The window is the last 24 hours, minute by minute of the org's own time; a clock that is set back loses nothing.
//
// seed:api S001-06
func TestTheWindowRolls(t *testing.T) {
	t.Parallel()
	eachMetered(t, 0, func(t *testing.T, h *house) {
		connector := h.appToken(t, 0) // reads the meter and leaves it as it is
		at := func(minute int) {
			t.Helper()
			if err := h.cloud.SetClock(t.Context(), h.spec.ID, time.Duration(minute)*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(minute, want int) {
			t.Helper()
			at(minute)
			if used, _ := h.counted(t, connector); used != want {
				t.Errorf("in minute %d: %d, want %d", minute, used, want)
			}
		}
		total := 0
		for minute := range 5 {
			at(minute)
			for range minute + 1 {
				h.counted(t, h.admin)
			}
			total += minute + 1
			expect(minute, total)
		}
		expect(2, 1+2+3)
		h.counted(t, h.admin)
		expect(4, 16)
		expect(60, 16)
		// A session lives two hours unused: go on as somebody who stays signed in.
		for minute := 60; minute < 24*60; minute += 60 {
			expect(minute, 16)
		}
		for i, want := range []int{15, 13, 9, 5, 0, 0} {
			expect(24*60+i, want)
		}
		expect(24*60+1, 13)
	})
}

// Two processes on one PostgreSQL race for the last hundred calls: a hundred succeed.
func TestTwoProcessesNeverOvershoot(t *testing.T) {
	t.Parallel()
	const limit, last = 450, 100
	dsn, s := sqldbtest.DSN(t, "postgres"), meterSpec(limit)
	v, err := vault.Open(filepath.Join(t.TempDir(), "key.json"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := openMeteredWith(t, dsn, s, v), openMeteredWith(t, dsn, s, v)
	for used := 0; used < limit-last; {
		used, _ = a.counted(t, a.admin)
	}
	var served, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 4 * last {
		h := []*house{a, b}[i%2]
		all.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), "GET", h.url+data, nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+h.admin)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			_ = res.Body.Close()
			switch res.StatusCode {
			case http.StatusOK:
				served.Add(1)
			case http.StatusForbidden:
				refused.Add(1)
			default:
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
	all.Wait()
	if served.Load() != last || refused.Load() != 3*last {
		t.Errorf("%d served and %d refused, of %d left", served.Load(), refused.Load(), last)
	}
}

// Limits tell the org's figure and the apps that called, to those who may see Setup; our own resource tells who called.
func TestLimits(t *testing.T) {
	t.Parallel()
	eachMetered(t, 500, func(t *testing.T, h *house) {
		own := h.appToken(t, 1)
		for range 7 {
			h.counted(t, own)
		}
		for range 2 {
			h.counted(t, h.appToken(t, 0))
		}
		status, header, answer := h.send(t, h.admin, "GET", data+"/limits", nil)
		if status != 200 || answer != `{"DailyApiRequests":{"Max":500,"Own App":{"Max":0,"Remaining":0},"Remaining":492,"Salesforce Marketing Cloud":{"Max":0,"Remaining":0}},`+
			`"DailyBulkApiBatches":{"Max":15000,"Remaining":15000},"DailyBulkV2QueryJobs":{"Max":10000,"Remaining":10000}}` {
			t.Errorf("%d %s", status, answer)
		}
		if used, limit := limitInfo(t, header); used != 8 || limit != 500 {
			t.Errorf("header: %d of %d", used, limit)
		}
		status, answer = h.call(t, h.admin, "GET", data+"/limits/apiUsage", nil)
		if status != 200 || field(t, answer, "used") != 9.0 || field(t, answer, "remaining") != 491.0 {
			t.Errorf("%d %s", status, answer)
		}
		for _, want := range []string{`"app":"Own App","userId":"005`, `"counted":7,"exempt":0}`, `"app":"Salesforce Marketing Cloud"`, `"counted":0,"exempt":2}`, `"appId":"","app":""`} {
			if !strings.Contains(answer, want) {
				t.Errorf("no %s in %s", want, answer)
			}
		}
		for _, path := range []string{"/limits", "/limits/apiUsage"} {
			status, answer := h.call(t, h.user, "GET", data+path, nil)
			if status != 403 || answer != `[{"message":"You do not have permission to view this record.","errorCode":"INSUFFICIENT_ACCESS"}]` {
				t.Errorf("%s of a standard user: %d %s", path, status, answer)
			}
		}
	})
}
