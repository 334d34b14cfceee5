package connect_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/web"
)

// both opens a second Connect on the world's database, and gives where the two answer.
func (w *world) both(t *testing.T) [2]string {
	t.Helper()
	srv := linktest.NewLate(t)
	other, err := connect.New(t.Context(), connect.Options{DSN: w.dsn, Relaxed: true, BaseURL: w.url, Vault: w.vault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	})
	srv.Serve(web.Front(other.Handler(), w.logger, "connect"))
	return [2]string{w.url, srv.URL}
}

// atOnce does n things at the same moment.
func atOnce(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			errs[i] = do(i)
		})
	}
	close(begin)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// balancer leads a browser's requests to Connect's address to one of its processes.
type balancer struct{ base, to string }

func (b balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme+"://"+r.URL.Host != b.base {
		return http.DefaultTransport.RoundTrip(r)
	}
	to, err := url.Parse(b.to)
	if err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	sent.Host, sent.URL.Host = r.URL.Host, to.Host // the name is the same, whoever answers
	resp, err := http.DefaultTransport.RoundTrip(sent)
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}

// meeting holds the first n who come until they are all there.
func meeting(t *testing.T, n int) (come func()) {
	t.Helper()
	var mu sync.Mutex
	there := make(chan struct{})
	return func() {
		mu.Lock()
		if n--; n == 0 {
			close(there)
		}
		mu.Unlock()
		select {
		case <-there:
		case <-t.Context().Done():
		}
	}
}

// TestTwoProcessesAreToldYes: people who were asked "Connect as this user?" say yes to two processes at once, each of which comes
// to know from Engagement who it is before the other one has stored anything. Whatever they say yes to, it ends with one mapping for each, one entry, no grant
// that nothing works with, and no token in the User field of somebody who is not mapped.
func TestTwoProcessesAreToldYes(t *testing.T) {
	t.Parallel()
	type yes struct{ org, tenant linktest.Person }
	for name, c := range map[string]struct {
		say    []yes
		mapped int // how many users are mapped in the end
	}{
		"the same":                       {[]yes{{ann, annMC}, {ann, annMC}, {ann, annMC}, {ann, annMC}}, 1},
		"two to one Engagement user":     {[]yes{{ann, annMC}, {bob, annMC}}, 1},
		"one to two Engagement users":    {[]yes{{ann, annMC}, {ann, bobMC}}, 1},
		"each to an Engagement user":     {[]yes{{ann, annMC}, {bob, bobMC}}, 2},
		"each to an Engagement user, x2": {[]yes{{ann, annMC}, {bob, bobMC}, {ann, annMC}, {bob, bobMC}}, 2},
	} {
		for _, release := range []int{5, 220} { // with a handle in the User field, and without
			t.Run(fmt.Sprintf("%s, package %d", name, release), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, "postgres")
				w.org.Install(release, map[int]int{5: 400}[release])
				w.connectBoth(t)
				urls := w.both(t)
				before := len(w.entries(t))

				browsers, asked := make([]*browser.Browser, len(c.say)), make([]*browser.Page, len(c.say))
				for i, y := range c.say {
					browsers[i] = browser.New(balancer{w.url, urls[i%2]})
					asked[i] = w.question(t, browsers[i], y.org, y.tenant)
					wantPage(t, asked[i], 200, "Connect as this user?")
				}
				come := meeting(t, len(c.say))
				w.tenant.Before(func(_ http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path == "/v2/userinfo" {
						come()
					}
					return false
				})
				pages := make([]*browser.Page, len(c.say))
				atOnce(t, len(c.say), func(i int) (err error) {
					pages[i], err = browsers[i].Send(t.Context(), asked[i].Forms[1], nil, asked[i].Forms[1].Button("Yes, connect me"))
					return err
				})
				w.tenant.Before(nil)

				_, answer := w.call(t, "/api/v1/users", "", nil)
				held, owner := map[string]bool{}, map[string]string{}
				for _, u := range answer["users"].([]any) {
					u := u.(map[string]any)
					if u["state"] != "mapped" {
						t.Errorf("user: %v", u)
					}
					held[linktest.Text(u, "engagement_username")] = true
					owner[linktest.Text(u, "crm_username")] = linktest.Text(u, "engagement_username")
				}
				if len(owner) != c.mapped || len(held) != c.mapped {
					t.Errorf("mapped are %v, want %d", answer["users"], c.mapped)
				}
				for i, y := range c.say {
					said := pages[i].Status == 200 && strings.Contains(pages[i].Text, "Connected as "+y.tenant.Username+".")
					if mine := owner[y.org.Username] == y.tenant.Username; mine != said && name != "one to two Engagement users" {
						t.Errorf("%s said yes to %s, is mapped to %q and was told %d %s", y.org.Username, y.tenant.Username, owner[y.org.Username], pages[i].Status, pages[i].Text)
					}
				}
				for _, p := range []linktest.Person{annMC, bobMC} {
					if w.tenant.Granted(p.Username) != held[p.Username] {
						t.Errorf("%s has a grant: %t, and is mapped: %t", p.Username, w.tenant.Granted(p.Username), held[p.Username])
					}
				}
				for _, p := range []linktest.Person{ann, bob} {
					if _, mapped := owner[p.Username]; (w.org.Field(p.ID) != "") != (mapped && release == 5) {
						t.Errorf("%s has %q in the User field, and is mapped: %t", p.Username, w.org.Field(p.ID), mapped)
					}
				}
				entries := w.entries(t)[before:]
				slices.Sort(entries)
				var want []string
				for _, who := range slices.Sorted(maps.Keys(owner)) {
					want = append(want, who+" user.mapped "+who)
				}
				if name != "one to two Engagement users" && !slices.Equal(entries, want) {
					t.Errorf("on record is %v, want %v", entries, want)
				}
				w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", "")
			})
		}
	}
}

// TestTwoProcessesImport: two processes are told to import the same list at once, three times each, the first time by new requests
// and then by one request that comes again and again. One import runs; everybody is mapped once, and has his outcome on record once.
func TestTwoProcessesImport(t *testing.T) {
	t.Parallel()
	const n = 120
	w, list := crowdWorld(t, "postgres", n)
	urls := w.both(t)
	told := make(chan struct{})
	w.tenant.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && r.URL.Path == "/v2/grants" {
			select { // nobody is mapped before everybody has his answer
			case <-told:
			case <-r.Context().Done():
			}
		}
		return false
	})
	tell := func(key func(i int) string) (ids []string, refused int) {
		t.Helper()
		var mu sync.Mutex
		atOnce(t, 6, func(i int) error {
			var status int
			var a map[string]any
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for status == 0 || linktest.Text(a, "error.code") == "call_in_progress" { // then it is to come again
				status, a = linktest.Call(t, urls[i%2], apiToken, "/api/v1/imports", key(i), map[string]any{"csv": list})
				<-tick.C
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == 200:
				ids = append(ids, linktest.Text(a, "id"))
			case status == 409 && linktest.Text(a, "error.code") == "import_running":
				refused++
			default:
				return fmt.Errorf("%d %v", status, a)
			}
			return nil
		})
		return ids, refused
	}
	ids, refused := tell(func(i int) string { return fmt.Sprint("two-", i) })
	close(told)
	if len(ids) != 1 || refused != 5 {
		t.Fatalf("%d imports began, and %d were refused, want 1 and 5", len(ids), refused)
	}
	over := func(state string, _ float64) bool {
		return state == "done" || state == "stopped" || state == "cancelled"
	}
	if a := w.await(t, ids[0], over); a["state"] != "done" || a["mapped"] != float64(n) || a["failed"] != 0.0 {
		t.Errorf("import: %v", a)
	}
	w.wantImported(t, 1, n)

	again, refused := tell(func(int) string { return "two-again" })
	if slices.Sort(again); len(again) != 6 || again[0] != again[5] || again[0] == ids[0] || refused != 0 {
		t.Errorf("the same request again and again: %v, and %d refused", again, refused)
	}
	if a := w.await(t, again[0], over); a["state"] != "done" || a["mapped"] != float64(n) || a["failed"] != 0.0 {
		t.Errorf("import: %v", a)
	}
	w.wantImported(t, 2, 2*n)
	_, page := w.call(t, "/api/v1/users?state=mapped&limit=1000", "", nil)
	held := map[string]bool{}
	for _, u := range page["users"].([]any) {
		held[linktest.Text(u.(map[string]any), "engagement_username")] = true
	}
	if len(held) != n {
		t.Errorf("%d users are mapped, want %d", len(held), n)
	}
}

// wantImported checks how many imports are on record, and how many outcomes of users in all, and that the record is whole.
func (w *world) wantImported(t *testing.T, imports, users int) {
	t.Helper()
	_, a := w.call(t, "/api/v1/audit?limit=1000", "", nil)
	began, outcomes := 0, 0
	for _, e := range a["entries"].([]any) {
		e := e.(map[string]any)
		switch e["action"] {
		case "import.started":
			began++
		case "users.imported":
			after := e["after"].(map[string]any)
			for _, what := range []string{"mapped", "failed"} {
				if n, ok := after[what].(float64); ok {
					outcomes += int(n)
				}
			}
		}
	}
	if began != imports || outcomes != users {
		t.Errorf("on record are %d imports and %d outcomes, want %d and %d", began, outcomes, imports, users)
	}
	w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", "")
}
