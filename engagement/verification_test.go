package engagement_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// zone is a DNS of TXT records by name.
type zone struct {
	mu      sync.Mutex
	records map[string][]string
}

func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if r, ok := z.records[name]; ok {
		return r, nil
	}
	return nil, errors.New("no such host")
}

func (z *zone) put(name string, records ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records[name] = records
}

// A tenant sends only from what is proven to be its own: addresses by a mailed link, domains by a DNS record. The
// switch that turns this off is the tenant's.
// seed:api S002-02
func TestMailLeavesOnlyFromVerifiedAddressesAndDomains(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dns := &zone{records: map[string][]string{}}
			s := startWith(t, engagement.Options{DSN: sqldbtest.DSN(t, kind), Resolver: dns})
			h := spec()
			h.Spec.Packages[0].Scopes = append(h.Spec.Packages[0].Scopes, "accounts_write")
			if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
				t.Fatal(err)
			}
			v := verifier{s, t, s.token(t, h)}

			v.sends("boss@shop.example", false)
			v.text("", `{"domain":"Boss@Shop.example"}`, 201, "Boss@Shop.example successfully added.")
			link := regexp.MustCompile(`http://[^/\s]+(/t/v/\S+)`).FindStringSubmatch(v.mail("Boss@Shop.example").Text)
			if link == nil {
				t.Fatal("the mail has no link")
			}
			if status, _, page := s.raw(t, http.MethodGet, link[1], nil, ""); status != 200 || !strings.Contains(page, "boss@shop.example") {
				t.Errorf("%d %s", status, page)
			}
			v.sends("boss@shop.example", false) // a scanner that follows the link proves nothing
			if status, _, page := s.raw(t, http.MethodPost, strings.Replace(link[1], "boss", "evil", 1), nil, ""); status != 404 {
				t.Errorf("another address under the link: %d %s", status, page)
			}
			if status, _, page := s.raw(t, http.MethodPost, link[1], nil, ""); status != 200 {
				t.Errorf("%d %s", status, page)
			}
			v.sends("boss@shop.example", true)
			v.sends("clerk@shop.example", false)

			v.text("", `{"domain":"shop.example"}`, 201, "shop.example successfully added.")
			item := v.item("shop.example")
			record, _ := item["txtRecord"].(string)
			if item["status"] != "Pending" || item["isSendable"] != false || item["domainType"] != "RegisteredDomain" || record == "" {
				t.Fatalf("%v", item)
			}
			v.text("/verify", `{"domain":"shop.example"}`, 409, record)
			dns.put("shop.example.", "v=spf1 -all", "twinspan-verification=aaaa")
			v.text("/verify", `{"domain":"shop.example"}`, 409, record)
			v.sends("clerk@shop.example", false)
			dns.put("shop.example.", "v=spf1 -all", record)
			v.text("/verify", `{"domain":"SHOP.example"}`, 200, "SHOP.example successfully verified.")
			v.text("/verify", `{"domain":"other.example"}`, 404, "")
			v.sends("clerk@shop.example", true)
			v.sends("clerk@sub.shop.example", false)

			v.text("/update", `[{"emailAddress":"shop.example","domainType":"RegisteredDomain","isSendable":false}]`, 200, "1 records successfully updated!")
			v.sends("clerk@shop.example", false)
			v.text("/update", `[{"emailAddress":"shop.example","isSendable":true},{"emailAddress":"nobody@x.example","isSendable":true}]`, 200, "1 records successfully updated!")
			v.sends("clerk@shop.example", true)
			v.text("/delete", `[{"emailAddress":"shop.example"}]`, 200, "1 records successfully deleted!")
			v.sends("clerk@shop.example", false)
			// What waits for its proof cannot be switched on.
			v.text("", `{"domain":"shop.example"}`, 201, "")
			v.text("/update", `[{"emailAddress":"shop.example","isSendable":true}]`, 200, "0 records")
			v.sends("clerk@shop.example", false)
			for _, bad := range []string{`{}`, `{"domain":"localhost"}`, `{"domain":"a@b@c"}`, `{"domain":"a b.example"}`} {
				v.text("", bad, 400, "")
			}
			v.text("/update", `[]`, 400, "")
			v.text("/delete", `[]`, 400, "")

			s.settings(t, v.token, map[string]any{"any_sender": true})
			v.sends("anybody@else.example", true)
			v.sends("no address", false)
			s.settings(t, v.token, map[string]any{"any_sender": false})
			v.sends("anybody@else.example", false)
		})
	}
}

// verifier calls a tenant's domain verification.
type verifier struct {
	site
	t     *testing.T
	token string
}

func (v verifier) text(path, body string, status int, want string) {
	v.t.Helper()
	got, header, text := v.raw(v.t, http.MethodPost, "/messaging/v1/domainverification"+path,
		map[string]string{"Authorization": "Bearer " + v.token, "Content-Type": "application/json"}, body)
	if got != status || !strings.Contains(text, want) {
		v.t.Errorf("%s %s: %d %s, want %d %s", path, body, got, text, status, want)
	}
	if plain := strings.HasPrefix(header.Get("Content-Type"), "text/plain"); plain != (got < 400) {
		v.t.Errorf("%s %s: %d answers %s", path, body, got, header.Get("Content-Type"))
	}
}

func (v verifier) item(domain string) map[string]any {
	v.t.Helper()
	_, a := call(v.t, "GET", v.url+"/messaging/v1/domainverification", v.token, nil)
	items, _ := a["items"].([]any)
	for _, one := range items {
		if m, _ := one.(map[string]any); m["domain"] == domain {
			return m
		}
	}
	v.t.Fatalf("no %s in %v", domain, a)
	return nil
}

// mail waits for the next mail to the address.
func (v verifier) mail(to string) mail.Message {
	v.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case m := <-v.site.mail:
			if m.To.Email == to {
				return m
			}
		case <-deadline:
			v.t.Fatalf("no mail to %s", to)
		}
	}
}

// sends tries to send from the address.
func (v verifier) sends(from string, want bool) {
	v.t.Helper()
	_, a := call(v.t, "POST", v.url+"/messaging/v1/messageDefinitionSends/key:welcome/send", v.token, map[string]any{
		"From": map[string]any{"Address": from, "Name": "Us"},
		"To":   map[string]any{"Address": "ann@example.com", "SubscriberKey": "c1"},
	})
	responses, _ := a["responses"].([]any)
	if len(responses) != 1 {
		v.t.Fatalf("from %s: %v", from, a)
	}
	if r, _ := responses[0].(map[string]any); r["hasErrors"] != !want {
		v.t.Errorf("from %s: %v", from, a)
	}
	if want {
		if m := v.mail("ann@example.com"); !strings.EqualFold(m.From.Email, from) {
			v.t.Errorf("the mail is from %s, not %s", m.From.Email, from)
		}
	}
}
