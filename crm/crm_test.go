package crm_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/vaulttest"
)

// house is a Cloud behind a listener, with one org.
type house struct {
	url   string
	cloud *crm.Cloud
	spec  crm.OrgSpec
	admin string // access tokens
	user  string
	mails *outbox
	dns   *zone
}

// each runs test against a house on each kind of database.
func each(t *testing.T, test func(*testing.T, *house)) {
	t.Helper()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, kind))
		})
	}
}

func open(t *testing.T, kind string) *house {
	t.Helper()
	v, err := vault.Open(filepath.Join(t.TempDir(), "key.json"))
	if err != nil {
		t.Fatal(err)
	}
	mails, dns := &outbox{}, &zone{}
	h := openWith(t, crm.Options{DSN: sqldbtest.DSN(t, kind), Relaxed: true, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Vault: v, Mail: mails, DNS: dns}, spec())
	t.Cleanup(func() {
		if err := h.cloud.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	h.dns = dns
	h.useMails(t, mails)
	return h
}

// openWith opens a Cloud with an org of the spec in it, at an address of its own. Who opens it closes it.
func openWith(t *testing.T, o crm.Options, s crm.OrgSpec) *house {
	t.Helper()
	h := &house{spec: s}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.cloud.Handler().ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	h.url, o.BaseURL, o.Schema = server.URL, server.URL, schemaOf(t, o.DSN)
	var err error
	if h.cloud, err = crm.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := h.cloud.CreateOrg(t.Context(), h.spec); err != nil {
		t.Fatal(err)
	}
	h.admin = h.login(t, h.spec.Users[0].Username, "admin-pw-1TOKEN")
	h.user = h.login(t, h.spec.Users[1].Username, "user-pw-1TOKEN")
	return h
}

// schemaOf is the schema that sqldbtest made for a DSN: tests share no queue.
func schemaOf(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("search_path")
}

// useMails lets tests read what the org mails.
func (h *house) useMails(t *testing.T, mails *outbox) {
	h.mails = mails
	mails.settle = func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := h.cloud.Posted(ctx); err != nil {
			t.Errorf("letters do not leave: %v", err)
		}
	}
}

// adminHash and userHash are the hashes of admin-pw-1 and user-pw-1, at next to no cost: a real one takes one of the process's
// few slots, for which the logins of a hundred tests at once would wait longer than a login may.
var adminHash, userHash = vaulttest.Hash("admin-pw-1"), vaulttest.Hash("user-pw-1")

func spec() crm.OrgSpec {
	name := strings.ToLower(rand.Text()[:12])
	return crm.OrgSpec{
		ID: crm.NewOrgID(), Name: "Org of " + name, MyDomain: name,
		Users: []crm.UserSpec{
			{
				Username: "admin@" + name + ".example", FirstName: "Ada", LastName: "Admin", Profile: "System Administrator",
				PasswordHash: adminHash, SecurityToken: "TOKEN",
			},
			{Username: "user@" + name + ".example", FirstName: "Uwe", LastName: "Normal", Profile: "Standard User", PasswordHash: userHash, SecurityToken: "TOKEN"},
		},
		ConnectedApps: []crm.ConnectedAppSpec{{
			Name: "Salesforce Marketing Cloud", Namespace: "et4ae5", ConsumerKey: "3MVG9." + name, Secret: vault.Secret("secret of " + name),
			CallbackURLs: []string{"https://connect.example/cb"}, Scopes: []string{"api", "refresh_token"},
		}},
		PermissionSets: []crm.PermissionSetSpec{{Label: "Marketing Cloud Connector", Namespace: "et4ae5"}},
		Contacts: []crm.ContactSpec{
			{FirstName: "Carla", LastName: "Kunde", Email: "carla@kunde.example"}, {LastName: "O'Brien", Email: "obrien@kunde.example"},
		},
	}
}

// login gets a session by the SOAP API, as jsforce does.
func (h *house) login(t *testing.T, username, password string) string {
	t.Helper()
	body := `<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Header/><se:Body><login xmlns="urn:partner.soap.sforce.com"><username>` +
		username + `</username><password>` + password + `</password></login></se:Body></se:Envelope>`
	status, answer := h.soap(t, "/services/Soap/u/50.0", body)
	token := between(answer, "<sessionId>", "</sessionId>")
	if status != http.StatusOK || token == "" {
		t.Fatalf("login of %s: %d %s", username, status, answer)
	}
	return token
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func (h *house) soap(t *testing.T, path, body string) (int, string) {
	t.Helper()
	res, err := http.Post(h.url+path, "text/xml", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, res)
}

func finish(t *testing.T, res *http.Response) (int, string) {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// call makes a REST request; a body is sent as JSON.
func (h *house) call(t *testing.T, token, method, path string, body any) (int, string) {
	t.Helper()
	status, _, answer := h.send(t, token, method, path, body)
	return status, answer
}

func (h *house) send(t *testing.T, token, method, path string, body any) (int, http.Header, string) {
	t.Helper()
	var in io.Reader
	if body != nil {
		text, ok := body.(string)
		if !ok {
			b, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		in = strings.NewReader(text)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, h.url+path, in)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := finish(t, res)
	return status, res.Header, answer
}

// batch fetches one page of a query, 200 records at a time.
func (h *house) batch(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", h.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.admin)
	req.Header.Set("Sforce-Query-Options", "batchSize=200")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, res)
}

const data = "/services/data/v65.0"

// create makes a record that must be accepted, and returns its id.
func (h *house) create(t *testing.T, object string, body map[string]any) string {
	t.Helper()
	status, answer := h.call(t, h.admin, "POST", data+"/sobjects/"+object, body)
	var out struct {
		ID      string
		Success bool
		Errors  []any
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil || status != http.StatusCreated || !out.Success || len(out.ID) != 18 || out.Errors == nil {
		t.Fatalf("creating %s %v: %d %s", object, body, status, answer)
	}
	return out.ID
}

// query runs SOQL that must be accepted.
func (h *house) query(t *testing.T, token, soql string) (int, []map[string]any) {
	t.Helper()
	status, answer := h.call(t, token, "GET", data+"/query?q="+url.QueryEscape(soql), nil)
	var out struct {
		TotalSize int
		Done      bool
		Records   []map[string]any
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil || status != http.StatusOK || !out.Done || out.Records == nil {
		t.Fatalf("%s: %d %s", soql, status, answer)
	}
	return out.TotalSize, out.Records
}

// ids are the ids of the records of a query.
func (h *house) ids(t *testing.T, soql string) []string {
	t.Helper()
	_, records := h.query(t, h.admin, soql)
	var out []string
	for _, r := range records {
		out = append(out, fmt.Sprint(r["Id"]))
	}
	return out
}

// one is the id of the only record of a query.
func (h *house) one(t *testing.T, soql string) string {
	t.Helper()
	ids := h.ids(t, soql)
	if len(ids) != 1 {
		t.Fatalf("%s: %d records", soql, len(ids))
	}
	return ids[0]
}

func field(t *testing.T, answer, name string) any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(answer), &m); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	return m[name]
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
