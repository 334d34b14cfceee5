package tracking_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/tracking"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// world is a connected pair whose clouds refuse single records.
type world struct {
	links   *link.Service
	service *tracking.Service
	store   *sqlstore.Tracking
	machine time.Time

	mu           sync.Mutex
	optedOut     []string        // contacts with Email Opt Out, in the order of their ids
	unsubscribed []string        // subscribers who unsubscribed
	refused      map[string]bool // ids and message keys that the clouds refuse
	told         map[string]bool // subscribers whom the tenant was told of
	ticked       map[string]bool // contacts whom the org was told of
	written      map[string]bool // message keys of results
	read         bool            // whether those who unsubscribed were asked for
}

func newWorld(t *testing.T, kind string) *world {
	t.Helper()
	system, api := linktest.Person{ID: "005000000000001AAA", Username: "system@org.example"}, linktest.Person{ID: "7", Username: "api"}
	org, tenant := linktest.NewOrg(t, []linktest.Person{system}, system.Username), linktest.NewTenant(t, []linktest.Person{api})
	w := &world{machine: time.Now(), refused: map[string]bool{}, told: map[string]bool{}, ticked: map[string]bool{}, written: map[string]bool{}}
	store := sqlstore.New(sqldbtest.Open(t, sqldbtest.DSN(t, kind), []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}))
	tr := client.NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	w.links = link.NewService(store, link.NewKeyring(store, linktest.PutKeys(t, store)), &http.Client{Transport: tr, Timeout: time.Minute}, nil)
	w.store = sqlstore.NewTracking(store)
	w.service = tracking.NewService(w.store, w.store, w.links, func() time.Time { return w.machine })
	ctx := t.Context()
	var err error
	if org.Certificate, tenant.Certificate, err = w.links.Certificates(ctx, linktest.Pair); err != nil {
		t.Fatal(err)
	}
	org.ConsumerKey, tenant.ClientID = "key", "package"
	if err := w.links.Put(ctx, linktest.Pair, vault.HashToken("t"), link.Params{
		Standing: link.Embedded, CRMURL: org.URL, ConsumerKey: "key", ConsoleClientID: "c", AuthURL: tenant.URL, PackageClientID: "package", EID: linktest.EID,
	}); err != nil {
		t.Fatal(err)
	}
	tenant.Grant(api.Username, true)
	org.Install(220, 0)
	if _, err := w.links.ConnectOrg(ctx, linktest.Pair, system.Username, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.links.ConnectTenant(ctx, linktest.Pair, api.Username, 0, "test"); err != nil {
		t.Fatal(err)
	}
	for i := range 150 {
		_, _, err := store.AddSend(ctx, send.Send{Pair: linktest.Pair, MessageKey: messageKey(i), DefinitionKey: "welcome", ContactID: person(i), Recipient: "a@x.example", Status: send.Accepted, CreatedAt: at(1), UpdatedAt: at(1)})
		if err != nil {
			t.Fatal(err)
		}
	}
	org.Before(w.org)
	tenant.Before(w.tenant)
	return w
}

func person(i int) string     { return fmt.Sprintf("003%012dAAA", i) }
func messageKey(i int) string { return fmt.Sprintf("key-%04d", i) }

var ids = regexp.MustCompile(`'(003\w{15})'`)

// org answers for contacts and results.
func (w *world) org(rw http.ResponseWriter, r *http.Request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	query := r.URL.Query().Get("q")
	var found []map[string]any
	switch {
	case strings.Contains(query, "HasOptedOutOfEmail = true"):
		for _, id := range w.optedOut {
			named := ids.FindAllStringSubmatch(query, -1)
			// Those who changed since are none; those who are asked for by id are answered.
			if strings.Contains(query, "FROM Contact") && !strings.Contains(query, "SystemModstamp >=") && (!strings.Contains(query, " IN (") || slices.ContainsFunc(named, func(n []string) bool { return n[1] == id })) {
				found = append(found, map[string]any{"Id": id, "Email": "a@x.example"})
			}
		}
	case strings.Contains(query, "HasOptedOutOfEmail = false"):
		for _, n := range ids.FindAllStringSubmatch(query, -1) {
			if !w.ticked[n[1]] {
				found = append(found, map[string]any{"Id": n[1]})
			}
		}
	case strings.HasSuffix(r.URL.Path, "/describe"):
		linktest.Answer(rw, 200, map[string]any{"fields": []map[string]any{{"name": "et4ae5__Contact__c", "type": "reference"}}})
		return true
	case strings.HasSuffix(r.URL.Path, "/composite/sobjects"):
		w.save(rw, r)
		return true
	default:
		return false
	}
	linktest.Answer(rw, 200, map[string]any{"totalSize": len(found), "done": true, "records": found})
	return true
}

func (w *world) save(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Records []map[string]any `json:"records"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	out := make([]map[string]any, len(in.Records))
	for i, rec := range in.Records {
		id, _ := rec["Id"].(string)
		key, _ := rec["et4ae5__MergeId__c"].(string)
		switch {
		case w.refused[id+key]:
			out[i] = map[string]any{"success": false, "errors": []map[string]any{{"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Not so."}}}
			continue
		case key != "":
			w.written[key] = true
		default:
			w.ticked[id] = true
		}
		out[i] = map[string]any{"success": true, "id": "a03000000000001AAA"}
	}
	linktest.Answer(rw, 200, out)
}

var (
	subscribers = regexp.MustCompile(`<SubscriberKey>(\w+)</SubscriberKey>`)
	values      = regexp.MustCompile(`<Value>(003\w{15})</Value>`)
)

// tenant answers for subscribers and events.
func (w *world) tenant(rw http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != "/Service.asmx" {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return true
	}
	var out strings.Builder
	kind := "RetrieveResponseMsg"
	switch body := string(text); {
	case strings.Contains(body, "<UpdateRequest"):
		kind = "UpdateResponse"
		for _, m := range subscribers.FindAllStringSubmatch(body, -1) {
			if w.refused[m[1]] {
				out.WriteString(`<Results><StatusCode>Error</StatusCode><ErrorCode>12002</ErrorCode><StatusMessage>InvalidEmailAddress</StatusMessage></Results>`)
				continue
			}
			w.told[m[1]] = true
			out.WriteString(`<Results><StatusCode>OK</StatusCode></Results>`)
		}
	case strings.Contains(body, "<ObjectType>Subscriber<"):
		named := values.FindAllStringSubmatch(body, -1)
		first := !w.read
		w.read = true
		for _, key := range w.unsubscribed {
			if len(named) == 0 && first || slices.ContainsFunc(named, func(n []string) bool { return n[1] == key }) {
				out.WriteString(`<Results><SubscriberKey>` + key + `</SubscriberKey></Results>`)
			}
		}
	case strings.Contains(body, "<ObjectType>TriggeredSendDefinition<"):
		out.WriteString(`<Results><ObjectID>def</ObjectID><CustomerKey>welcome</CustomerKey></Results>`)
	case strings.Contains(body, "<ObjectType>SentEvent<"):
		for i := range 150 {
			fmt.Fprintf(&out, `<Results><ID>%d</ID><ObjectID>m%d</ObjectID><SubscriberKey>%s</SubscriberKey><TriggeredSendDefinitionObjectID>def</TriggeredSendDefinitionObjectID><EventDate>2026-01-02T03:05:00.000Z</EventDate></Results>`, i, i, person(i))
		}
	}
	rw.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = io.WriteString(rw, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><`+kind+` xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>OK</OverallStatus>`+
		out.String()+`</`+kind+`></s:Body></s:Envelope>`) // the test's client may have gone away
	return true
}

func (w *world) pull(t *testing.T) tracking.Summary {
	t.Helper()
	l, err := w.links.Link(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := w.service.Pull(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestRefusals: whom a cloud refuses holds up nobody behind him, in either direction, and a result nobody's result; he is
// counted, tried again later, and given up in the end.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			for i := range 60 {
				w.optedOut = append(w.optedOut, person(i))
				w.unsubscribed = append(w.unsubscribed, person(100+i))
			}
			refused := []string{person(0), person(100), messageKey(0)}
			for _, r := range refused {
				w.refused[r] = true
			}
			if sum := w.pull(t); sum != (tracking.Summary{Events: 150, Written: 149, OptedOut: 59, Unsubscribed: 59, Refused: 3}) {
				t.Errorf("read: %+v", sum)
			}
			l, err := w.links.Link(t.Context(), linktest.Pair)
			if err != nil {
				t.Fatal(err)
			}
			state, err := w.service.State(t.Context(), l)
			if err != nil || state.ErrorCode != "" || state.OptedOutUntil.IsZero() || state.UnsubscribedUntil.IsZero() {
				t.Errorf("after refusals it stands at %+v, %v", state, err)
			}
			listed, err := w.service.Refused(t.Context(), l, tracking.Refusal{}, 10)
			if err != nil || len(listed) != 3 || listed[0].Want != tracking.WantOptOut || listed[0].Subject != person(100) || listed[0].Code != "FIELD_CUSTOM_VALIDATION_EXCEPTION" ||
				listed[1].Want != tracking.WantResult || listed[1].Subject != messageKey(0) || listed[2].Want != tracking.WantUnsubscribe || listed[2].Reason != "InvalidEmailAddress" {
				t.Errorf("listed: %+v, %v", listed, err)
			}

			// Nobody is read anew; those whose time has come are tried again, until they are given up.
			for i := range 11 {
				w.machine = w.machine.Add(25 * time.Hour)
				if sum := w.pull(t); (sum.Refused == 3) != (i < 9) || sum.OptedOut+sum.Unsubscribed+sum.Written > 0 {
					t.Errorf("the time %d: %+v", i, sum)
				}
			}
			waiting, givenUp, err := w.service.CountRefused(t.Context(), l)
			if err != nil || waiting != 0 || givenUp != 3 {
				t.Errorf("%d wait and %d are given up, %v", waiting, givenUp, err)
			}
			w.mu.Lock()
			clear(w.refused)
			w.mu.Unlock()
			if err := w.service.Reconsider(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			w.pull(t)
			w.mu.Lock()
			defer w.mu.Unlock()
			if !w.told[person(0)] || !w.ticked[person(100)] || !w.written[messageKey(0)] {
				t.Error("who was given up is not taken after all")
			}
			if left, err := w.service.Refused(t.Context(), l, tracking.Refusal{}, 10); err != nil || len(left) != 0 {
				t.Errorf("left: %+v, %v", left, err)
			}
		})
	}
}
