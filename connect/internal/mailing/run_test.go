package mailing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

const campaign = "701000000000001AAA"

// world is a connected pair whose tenant keeps a ledger of the messages that it took.
type world struct {
	org      *linktest.Org
	tenant   *linktest.Tenant
	store    *sqlstore.Store
	links    *link.Service
	mappings *mapping.Service
	dsn      string

	mu      sync.Mutex
	members int            // of the campaign
	ledger  map[string]int // how often a message was taken, by its key
	posts   int
	fault   func(n int) string // of the n-th post: "", "lost" (taken, no answer), "failed" (500, not taken), "limited", "refused"
	asked   func() bool        // whether a question for a message is answered
	left    map[int]bool       // members who have opted out since the campaign was read
	gone    map[int]bool       // members whose records are gone since
	pages   int                // how many rows of an audience are read at once; 0 leaves it
	most    int                // how many rows of a data extension the tenant gives at once; 0 is as many as asked for
	cut     bool               // whether the report has more rows than it shows
	grouped bool               // whether the report has groups
	reads   map[string]int     // how often a page of an audience was asked for, by where it begins
	reading func(n int) bool   // whether the n-th such question is answered; nil is always
}

func newWorld(t *testing.T, kind string) *world {
	t.Helper()
	system, user := linktest.Person{ID: "005000000000001AAA", Username: "system@org.example"}, linktest.Person{ID: "005000000000002AAA", Username: "ann@org.example"}
	api, ann := linktest.Person{ID: "7", Username: "api"}, linktest.Person{ID: "8", Username: "ann.mc"}
	w := &world{
		org: linktest.NewOrg(t, []linktest.Person{system, user}, system.Username), tenant: linktest.NewTenant(t, []linktest.Person{api, ann}), dsn: sqldbtest.DSN(t, kind),
		ledger: map[string]int{}, members: 450, fault: func(int) string { return "" }, asked: func() bool { return true }, left: map[int]bool{}, gone: map[int]bool{},
		reads: map[string]int{},
	}
	w.store = sqlstore.New(sqldbtest.Open(t, w.dsn, []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}))
	v := linktest.PutKeys(t, w.store)
	tr := client.NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	w.links = link.NewService(w.store, link.NewKeyring(w.store, v), &http.Client{Transport: tr, Timeout: time.Minute}, nil)
	w.mappings = mapping.NewService(w.store, w.links, nil)
	ctx := t.Context()
	var err error
	if w.org.Certificate, w.tenant.Certificate, err = w.links.Certificates(ctx, linktest.Pair); err != nil {
		t.Fatal(err)
	}
	w.org.ConsumerKey, w.tenant.ClientID = "key", "package"
	err = w.links.Put(ctx, linktest.Pair, vault.HashToken("t"), link.Params{Standing: link.Embedded, CRMURL: w.org.URL, ConsumerKey: "key", ConsoleClientID: "c", AuthURL: w.tenant.URL, PackageClientID: "package", EID: linktest.EID})
	if err != nil {
		t.Fatal(err)
	}
	w.tenant.Grant(api.Username, true)
	w.tenant.Grant(ann.Username, true)
	if _, err := w.links.ConnectOrg(ctx, linktest.Pair, system.Username, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.links.ConnectTenant(ctx, linktest.Pair, api.Username, 0, "test"); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.store.PutMapping(ctx, mapping.Mapping{
		Pair: linktest.Pair, CRMUserID: user.ID, CRMUsername: user.Username, CRMName: "Ann", EngagementUserID: ann.ID, EngagementUser: ann.Username, EngagementName: "Ann", MID: linktest.EID, CreatedAt: time.Now(),
	}, linktest.Why)
	if err != nil {
		t.Fatal(err)
	}
	w.org.Before(w.campaign)
	w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool { return w.extension(rw, r) || w.messages(rw, r) })
	return w
}

// campaign answers for a campaign with members.
func (w *world) campaign(rw http.ResponseWriter, r *http.Request) bool {
	query := r.URL.Query().Get("q")
	switch {
	case strings.HasSuffix(r.URL.Path, "/sobjects/Campaign/"+campaign):
		linktest.Answer(rw, 200, map[string]any{"Id": campaign})
	case strings.Contains(query, "FROM CampaignMember"):
		after := ""
		if _, rest, found := strings.Cut(query, "Id > '"); found {
			after = rest[:18]
		}
		limit := 2000
		if _, rest, found := strings.Cut(query, " LIMIT "); found {
			limit, _ = strconv.Atoi(rest)
		}
		if !w.read(rw, after) {
			return true
		}
		var records []map[string]any
		for i := range w.members {
			id, _ := mailing.RecordID(fmt.Sprintf("00v%012d", i))
			person, _ := mailing.RecordID(fmt.Sprintf("003%012d", i))
			if id > after && len(records) < limit {
				records = append(records, map[string]any{"Id": id, "LeadOrContactId": person, "Email": fmt.Sprintf("p%d@x.example", i), "FirstName": "P", "HasOptedOutOfEmail": i == 7})
			}
		}
		linktest.Answer(rw, 200, map[string]any{"totalSize": len(records), "done": true, "records": records})
	case strings.Contains(query, "FROM Contact"):
		w.mu.Lock()
		defer w.mu.Unlock()
		var records []map[string]any
		for i := range w.members {
			person, _ := mailing.RecordID(fmt.Sprintf("003%012d", i))
			if strings.Contains(query, "'"+person+"'") && !w.gone[i] {
				records = append(records, map[string]any{"Id": person, "Email": fmt.Sprintf("p%d@x.example", i), "FirstName": "P", "HasOptedOutOfEmail": w.left[i]})
			}
		}
		linktest.Answer(rw, 200, map[string]any{"totalSize": len(records), "done": true, "records": records})
	default:
		return w.report(rw, r)
	}
	return true
}

// messages takes messages as the tenant does, with faults.
func (w *world) messages(rw http.ResponseWriter, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/messaging/v1/email/messages") {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method == http.MethodGet {
		key := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		switch {
		case !w.asked():
			linktest.Answer(rw, 500, map[string]any{"errorcode": 1, "message": "x"})
		case w.ledger[key] == 0:
			linktest.Answer(rw, 404, map[string]any{"errorcode": 30003, "message": "No message exists for the key."})
		default:
			linktest.Answer(rw, 200, map[string]any{"requestId": "r", "eventCategoryType": "TransactionalSendEvents.EmailQueued", "info": map[string]any{"messageKey": key}})
		}
		return true
	}
	var in struct {
		Recipients []struct {
			MessageKey string `json:"messageKey"`
			To         string `json:"to"`
		} `json:"recipients"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		linktest.Answer(rw, 400, map[string]any{"errorcode": 1, "message": err.Error()})
		return true
	}
	w.posts++
	what := w.fault(w.posts)
	switch what {
	case "failed":
		linktest.Answer(rw, 500, map[string]any{"errorcode": 30000, "message": "x"})
		return true
	case "limited":
		linktest.Answer(rw, 429, map[string]any{"errorcode": 50100, "message": "Rate limit exceeded"})
		return true
	case "refused":
		linktest.Answer(rw, 403, map[string]any{"errorcode": 20002, "message": "Insufficient Privileges"})
		return true
	}
	var responses []map[string]any
	for _, rcpt := range in.Recipients {
		one := map[string]any{"messageKey": rcpt.MessageKey}
		if rcpt.To == "p9@x.example" {
			one["errorcode"], one["message"] = 5, "InvalidEmailAddress"
		} else {
			w.ledger[rcpt.MessageKey]++
		}
		responses = append(responses, one)
	}
	if what == "lost" {
		panic(http.ErrAbortHandler)
	}
	linktest.Answer(rw, 202, map[string]any{"requestId": "r", "errorcode": 0, "responses": responses})
	return true
}

// work runs a queue on the world until stop.
func (w *world) work(t *testing.T) (*mailing.Service, *mailing.Worker, func()) {
	t.Helper()
	// Back-off is in machine time: it runs a hundred times as fast here, and leases with it.
	begun := time.Now()
	fast := func() time.Time { return begun.Add(100 * time.Since(begun)) }
	queue := w.store.Queue(jobs.Options{Poll: 10 * time.Millisecond, Machine: fast, Lease: 10 * time.Minute})
	kept := sqlstore.NewMailings(w.store, queue)
	service := mailing.NewService(kept, w.links, w.mappings)
	worker := mailing.NewWorker(kept, kept, service, w.links, w.mappings, queue, fast)
	if w.pages > 0 {
		worker.Pages(w.pages)
	}
	queue.Start(t.Context())
	return service, worker, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := queue.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
}

func (w *world) link(t *testing.T) link.Link {
	t.Helper()
	l, err := w.links.Link(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (w *world) start(t *testing.T, s *mailing.Service) mailing.Mailing {
	t.Helper()
	return w.startTo(t, s, mailing.Campaign, campaign)
}

func (w *world) startTo(t *testing.T, s *mailing.Service, kind mailing.Kind, id string) mailing.Mailing {
	t.Helper()
	m, err := s.Start(t.Context(), w.link(t), mailing.Request{Audience: mailing.Audience{Kind: kind, IDs: []string{id}}, DefinitionKey: "welcome", CRMUsername: "ann@org.example", Actor: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (w *world) end(t *testing.T, s *mailing.Service, id string) mailing.Mailing {
	t.Helper()
	return w.until(t, s, id, mailing.State.Over)
}

// until waits for a state of a mailing.
func (w *world) until(t *testing.T, s *mailing.Service, id string, there func(mailing.State) bool) mailing.Mailing {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		m, err := s.Mailing(t.Context(), w.link(t), id)
		if err != nil {
			t.Fatal(err)
		}
		if there(m.State) {
			return m
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it stays %+v", m)
		}
	}
}

// once holds the tenant's ledger to the outcome: nobody was mailed twice, and those who count as accepted were mailed.
func (w *world) once(t *testing.T, m mailing.Mailing) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, n := range w.ledger {
		if n != 1 {
			t.Errorf("message %s was taken %d times", key, n)
		}
	}
	if taken := len(w.ledger); taken != m.Counts.Accepted+m.Counts.InDoubt && m.Counts.InDoubt == 0 {
		t.Errorf("the tenant took %d messages: %+v", taken, m.Counts)
	}
}

// TestFaults: whatever the tenant does to a post, each member is mailed once or named as not mailed.
func TestFaults(t *testing.T) {
	t.Parallel()
	every := func(what string) func(int) string {
		return func(n int) string {
			if n%2 == 1 {
				return what
			}
			return ""
		}
	}
	all := mailing.Counts{Total: 450, Accepted: 448, NotSent: 1, Refused: 1}
	for name, c := range map[string]struct {
		fault  func(int) string
		state  mailing.State
		code   string
		counts mailing.Counts
	}{
		"none":    {func(int) string { return "" }, mailing.Completed, "", all},
		"lost":    {every("lost"), mailing.Completed, "", all},
		"failed":  {every("failed"), mailing.Completed, "", all},
		"limited": {every("limited"), mailing.Completed, "", all},
		"refused": {func(n int) string {
			if n == 2 {
				return "refused"
			}
			return ""
		}, mailing.Failed, "20002", mailing.Counts{Total: 450, Waiting: 269, Accepted: 179, NotSent: 1, Refused: 1}},
	} {
		for _, kind := range sqldbtest.Kinds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, kind)
				w.fault = c.fault
				service, _, stop := w.work(t)
				defer stop()
				m := w.end(t, service, w.start(t, service).ID)
				if m.State != c.state || m.ReasonCode != c.code || m.Counts != c.counts {
					t.Errorf("it ended as %+v", m)
				}
				w.once(t, m)
			})
		}
	}
}

// TestStopped: a mailing that stops in the middle goes on with the next start, and what was lost meanwhile is asked for.
func TestStopped(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			reached := make(chan struct{})
			w.fault = func(n int) string {
				if n == 2 {
					close(reached)
				}
				if n >= 2 {
					return "lost"
				}
				return ""
			}
			w.asked = func() bool { return false }
			service, _, stop := w.work(t)
			id := w.start(t, service).ID
			<-reached
			stop()
			w.mu.Lock()
			w.fault, w.asked = func(int) string { return "" }, func() bool { return true }
			w.mu.Unlock()
			service, worker, stop := w.work(t)
			defer stop()
			if err := worker.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			m := w.end(t, service, id)
			if m.State != mailing.Completed || m.Counts.Accepted != 448 {
				t.Errorf("it ended as %+v", m)
			}
			w.once(t, m)
		})
	}
}

// TestOptedOutMeanwhile: a mailing that an outage held after its audience was read does not go to who opted out, or went
// away, while it lasted; nor does what may have got to the tenant before, where it did not.
func TestOptedOutMeanwhile(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			l := w.link(t)
			w.fault = func(n int) string {
				if n != 1 {
					return ""
				}
				_, err := w.links.Interrupt(context.WithoutCancel(t.Context()), l, link.Outage{Mode: link.Hold, Until: w.links.Now(l).Add(time.Hour), Reason: "upgrade", Actor: "test"})
				if err != nil {
					t.Error(err)
				}
				return "failed"
			}
			service, worker, stop := w.work(t)
			defer stop()
			m := w.until(t, service, w.start(t, service).ID, func(s mailing.State) bool { return s == mailing.Held })
			if !m.Collected {
				t.Fatalf("held before its audience was read: %+v", m)
			}
			w.mu.Lock()
			w.left[20], w.gone[21], w.left[300] = true, true, true // 20 and 21 were in the batch that failed
			w.mu.Unlock()
			if _, err := w.links.Resume(t.Context(), w.link(t), "test"); err != nil {
				t.Fatal(err)
			}
			// Tick comes again and again: the first may meet the lane's job as it ends, which does not see what was queued since.
			m = w.until(t, service, m.ID, func(s mailing.State) bool {
				if err := worker.Tick(t.Context()); err != nil {
					t.Fatal(err)
				}
				return s.Over()
			})
			if want := (mailing.Counts{Total: 450, Accepted: 445, NotSent: 1, Refused: 4}); m.State != mailing.Completed || m.Counts != want {
				t.Errorf("it ended as %+v", m)
			}
			w.once(t, m)
		})
	}
}

// TestUnmapped: who is not mapped any more sends nothing more.
func TestUnmapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	service, _, stop := w.work(t)
	defer stop()
	_, err := service.Start(t.Context(), w.link(t), mailing.Request{Audience: mailing.Audience{Kind: mailing.Campaign, IDs: []string{campaign}}, DefinitionKey: "welcome", CRMUsername: "nobody@org.example"})
	if err == nil {
		t.Fatal("somebody who is not mapped sends")
	}
	w.tenant.Grant("ann.mc", false)
	m := w.end(t, service, w.start(t, service).ID)
	if m.State != mailing.Failed || m.ReasonCode != "invalid_grant" || m.Counts.Waiting != 449 {
		t.Errorf("without a grant: %+v", m)
	}
	if again, err := service.Cancel(t.Context(), w.link(t), m.ID, "test"); err == nil || again.State != mailing.Failed {
		t.Errorf("cancelled: %+v, %v", again, err)
	}
}

// TestHeldWhileNobodyIsApproved: in an upgrade the org refuses everybody for a while (document 003, steps 16 to 35), and users
// are to be reconnected. What is asked for then is held all the same, and what was under way is held and not failed.
func TestHeldWhileNobodyIsApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.fault = func(n int) string {
		if n != 1 {
			return ""
		}
		w.org.Approve("system@org.example", false)
		w.org.DropTokens()
		_, err := w.links.Interrupt(context.WithoutCancel(t.Context()), w.link(t), link.Outage{Mode: link.Hold, Until: time.Now().Add(time.Hour), Stays: true, Reason: "upgrade in progress", Actor: "test"})
		if err != nil {
			t.Error(err)
		}
		return "refused"
	}
	service, worker, stop := w.work(t)
	defer stop()
	under := w.until(t, service, w.start(t, service).ID, func(s mailing.State) bool { return s == mailing.Held })
	if under.ReasonCode != string(link.CodeUnavailable) {
		t.Errorf("held: %+v", under)
	}
	asked := w.start(t, service)
	if asked.State != mailing.Held {
		t.Errorf("asked for meanwhile: %+v", asked)
	}
	later, err := service.Start(t.Context(), w.link(t), mailing.Request{Audience: mailing.Audience{Kind: mailing.Campaign, IDs: []string{campaign}}, DefinitionKey: "welcome", CRMUsername: "ann@org.example", At: time.Now().Add(48 * time.Hour)})
	if err != nil || later.State != mailing.Scheduled {
		t.Errorf("for a time after it: %+v, %v", later, err)
	}
	w.org.Approve("system@org.example", true)
	if _, err := w.links.Resume(t.Context(), w.link(t), "test"); err != nil {
		t.Fatal(err)
	}
	if err := worker.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range []mailing.Mailing{under, asked} {
		if m = w.end(t, service, m.ID); m.State != mailing.Completed || m.Counts.Waiting != 0 {
			t.Errorf("it ended as %+v", m)
		}
	}
}
