package sqlstore_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/tracking"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/vault"
)

const (
	endContact = "003000000000001AAA"
	endUser    = "005000000000002AAA"
)

// rear are the parts of a connection that work in the background, run by the test instead of the clock.
type rear struct {
	org      *linktest.Org
	tenant   *linktest.Tenant
	links    *link.Service
	sends    *send.Service
	triggers *trigger.Service
	tracked  *tracking.Service
	mailer   *mailing.Worker
	store    *sqlstore.Store
	fired    *sqlstore.Triggers
	kept     *sqlstore.Mailings
	pair     string
	n        int
}

func newRear(t *testing.T, db *sqldb.DB) *rear {
	t.Helper()
	system, api := linktest.Person{ID: "005000000000001AAA", Username: "system@org.example"}, linktest.Person{ID: "7", Username: "api"}
	r := &rear{pair: linktest.Pair, store: sqlstore.New(db)}
	r.org, r.tenant = linktest.NewOrg(t, []linktest.Person{system}, system.Username), linktest.NewTenant(t, []linktest.Person{api})
	sealing := linktest.PutKeys(t, r.store)
	chains := audit.NewKeyring(r.store, sealing)
	r.store.Signing(chains)
	tr := client.NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	r.links = link.NewService(r.store, link.NewKeyring(r.store, sealing), &http.Client{Transport: tr, Timeout: time.Minute}, nil)
	queue := r.store.Queue(jobs.Options{Workers: 1})
	r.fired, r.kept, r.sends = sqlstore.NewTriggers(r.store), sqlstore.NewMailings(r.store, queue), send.NewService(r.store, r.links, nil)
	reported := sqlstore.NewTracking(r.store)
	r.triggers, r.tracked = trigger.NewService(r.fired, r.fired, r.links, r.sends, nil), tracking.NewService(reported, reported, r.links, nil)
	mapped := mapping.NewService(r.store, r.links, chains)
	r.mailer = mailing.NewWorker(r.kept, r.kept, mailing.NewService(r.kept, r.links, mapped), r.links, mapped, queue, nil)
	var err error
	if r.org.Certificate, r.tenant.Certificate, err = r.links.Certificates(t.Context(), r.pair); err != nil {
		t.Fatal(err)
	}
	r.org.ConsumerKey, r.tenant.ClientID = "key", "package"
	r.tenant.Grant(api.Username, true)
	return r
}

// stand has the connection stand somewhere, as it is.
func (r *rear) stand(t *testing.T, s standing.Standing) {
	t.Helper()
	if err := r.links.Put(t.Context(), r.pair, vault.HashToken("t"), link.Params{
		Standing: s, CRMURL: r.org.URL, ConnectedApp: "App", ConsumerKey: "key", ConsoleClientID: "c", AuthURL: r.tenant.URL, PackageClientID: "package", EID: linktest.EID,
	}); err != nil {
		t.Fatal(err)
	}
}

// connect connects both spans, by the keys that an embedded connection has, and has it stand somewhere then.
func (r *rear) connect(t *testing.T, s standing.Standing) {
	t.Helper()
	r.stand(t, standing.Embedded)
	r.tenant.Grant("api", true)
	if _, err := r.links.ConnectOrg(t.Context(), r.pair, "system@org.example", "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.links.ConnectTenant(t.Context(), r.pair, "api", 0, "test"); err != nil {
		t.Fatal(err)
	}
	r.stand(t, s)
}

func (r *rear) link(t *testing.T) link.Link {
	t.Helper()
	l, err := r.links.Link(t.Context(), r.pair)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// entries are the last n of the chain's entries, "actor action subject", and how many there are.
func (r *rear) entries(t *testing.T, n int) (last []string, all int) {
	t.Helper()
	found, err := r.store.Entries(t.Context(), r.pair, 0, 1000)
	if err != nil || len(found) < n {
		t.Fatal(len(found), err)
	}
	for _, e := range found[len(found)-n:] {
		last = append(last, strings.TrimSpace(e.Actor+" "+e.Action+" "+e.Subject))
	}
	return last, len(found)
}

// begin has a triggered send that is active and has fired, a send for tomorrow, one that is due, and one that is held.
func (r *rear) begin(t *testing.T) (name, tomorrow, due, held string) {
	t.Helper()
	ctx, now, why := t.Context(), time.Now().UTC().Truncate(time.Millisecond), audit.Change{At: time.Now(), Actor: "test", Action: audit.TriggerAdded}
	r.n++
	name = fmt.Sprintf("Trigger %d", r.n)
	why.Subject = name
	v, err := r.fired.AddTrigger(ctx, trigger.Trigger{
		Pair: r.pair, ID: fmt.Sprintf("%016d", r.n), Name: name, Object: "Contact", On: trigger.Either, DefinitionKey: "welcome", Active: true, Actor: "test", CreatedAt: now, ActiveSince: now, Watermark: now,
	}, why)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.fired.Take(ctx, v, []trigger.Change{{RecordID: endContact, Created: now, Seen: trigger.Seen{Modstamp: now, Met: true}, PersonID: endContact}}); err != nil {
		t.Fatal(err)
	}
	why.Action = audit.SendAsked
	ids := []string{fmt.Sprintf("%024d", 2*r.n), fmt.Sprintf("%024d", 2*r.n+1)}
	for i, at := range []time.Time{now.Add(24 * time.Hour), now} {
		why.Subject = ids[i]
		_, _, err := r.kept.AddMailing(ctx, mailing.Mailing{
			Pair: r.pair, ID: ids[i], Audience: mailing.Audience{Kind: mailing.Contact, IDs: []string{endContact}}, DefinitionKey: "welcome", CRMUserID: endUser, CRMUsername: "ann@org.example",
			Actor: "test", CreatedAt: now, DueAt: at, State: mailing.Scheduled,
		}, why)
		if err != nil {
			t.Fatal(err)
		}
	}
	held = fmt.Sprintf("%040d", r.n)
	if _, _, err := r.store.AddSend(ctx, send.Send{Pair: r.pair, MessageKey: held, DefinitionKey: "welcome", ContactID: endContact, Status: send.Held, CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	for n, doubts := range waited { // they wait for their next try
		_, _, err := r.store.AddSend(ctx, send.Send{
			Pair: r.pair, MessageKey: fmt.Sprintf("%s%d", held[1:], n), DefinitionKey: "welcome", ContactID: endContact, Status: send.Held, CreatedAt: now, UpdatedAt: now, Tries: 1, Doubts: doubts, NextTry: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return name, ids[0], ids[1], held
}

// waited are held sends that could not be handed over, by how often the tenant was handed one and nobody could tell whether it has it.
var waited = []int{0, 2}

// wantEnded holds that what begin began is suspended, or has ended, for the reason.
func (r *rear) wantEnded(t *testing.T, code string, name, tomorrow, due, held string) {
	t.Helper()
	all, err := r.fired.Triggers(t.Context(), r.pair)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Active || v.Name == name && (v.ErrorCode != code || v.Error == "") {
			t.Errorf("%s: active %v, %q %q, want suspended by %s", v.Name, v.Active, v.ErrorCode, v.Error, code)
		}
		firings, err := r.fired.Firings(t.Context(), r.pair, v.ID, 10)
		if err != nil || len(firings) != 1 || firings[0].Status != trigger.Failed || v.Name == name && firings[0].Code != code {
			t.Errorf("firings of %s: %+v %v", v.Name, firings, err)
		}
	}
	for _, id := range []string{tomorrow, due} {
		m, err := r.kept.Mailing(t.Context(), r.pair, id)
		if err != nil || m.State != mailing.Failed || m.ReasonCode != code || m.Reason == "" || m.EndedAt.IsZero() {
			t.Errorf("send %s: %+v %v, want failed by %s", id, m, err, code)
		}
	}
	one, err := r.store.Send(t.Context(), r.pair, held)
	if err != nil || one.Status != send.Refused || one.ReasonCode != code {
		t.Errorf("the held send: %+v %v, want refused by %s", one, err, code)
	}
	for n, want := range []send.Status{send.Refused, send.InDoubt} {
		if one, err := r.store.Send(t.Context(), r.pair, fmt.Sprintf("%s%d", held[1:], n)); err != nil || one.Status != want || one.ReasonCode != code {
			t.Errorf("one that was tried: %+v %v, want %s by %s", one, err, want, code)
		}
	}
}

// Whoever disconnects, or says a standing that lacks them, suspends triggered sends and ends other sends, by name.
func TestWorkEndsWithWhatItStandsOn(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}, func(t *testing.T, db *sqldb.DB) {
		r, ctx := newRear(t, db), t.Context()
		disconnect := func() {
			t.Helper()
			if _, err := r.links.Disconnect(ctx, r.link(t), audit.Change{Actor: "olga", Reason: "moving away"}); err != nil {
				t.Fatal(err)
			}
		}
		ends := func(name, tomorrow, due, by string) {
			t.Helper()
			got, _ := r.entries(t, 4)
			if want := []string{"olga trigger.changed " + name, "olga send.ended " + tomorrow, "olga send.ended " + due, "olga " + by}; strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("the chain ends with\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		r.connect(t, standing.OwnLink)
		name, tomorrow, due, held := r.begin(t)
		disconnect()
		r.wantEnded(t, "not_connected", name, tomorrow, due, held)
		ends(name, tomorrow, due, audit.Disconnected)
		_, n := r.entries(t, 0)
		if disconnect(); true {
			if _, again := r.entries(t, 0); again != n {
				t.Errorf("disconnected once more: %d entries after %d", again, n)
			}
		}

		// What came to be active while nothing was connected ends with the standing.
		name, tomorrow, due, held = r.begin(t)
		if _, err := r.links.Stand(ctx, r.pair, link.Params{Standing: standing.BesidePackage, ConsumerKey: "key"}, "olga"); err != nil {
			t.Fatal(err)
		}
		r.wantEnded(t, "not_possible_in_this_standing", name, tomorrow, due, held)
		ends(name, tomorrow, due, audit.StandingSaid)
		if _, err := r.triggers.SetActive(ctx, r.link(t), fmt.Sprintf("%016d", r.n), true, "olga"); fault.CodeOf(err) != standing.CodeNotPossible {
			t.Errorf("active again beside the package: %v", err)
		}
	})
}

// A standing that lacks work in the background has none of it, whatever the database says to be active.
func TestWorkAsksTheStanding(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}, func(t *testing.T, db *sqldb.DB) {
		r, ctx := newRear(t, db), t.Context()
		r.connect(t, standing.BesidePackage)
		r.begin(t)
		var calls atomic.Int64
		count := func(http.ResponseWriter, *http.Request) bool { calls.Add(1); return false }
		r.org.Before(count)
		r.tenant.Before(count)
		work := func() {
			t.Helper()
			_, _ = r.triggers.Look(ctx), r.sends.Release(ctx) // the clouds of this test may refuse; that they are asked is what counts
			if err := r.mailer.Tick(ctx); err != nil {
				t.Error(err)
			}
		}
		work()
		claimed, err := r.tracked.Claim(ctx, time.Nanosecond)
		if err != nil || len(claimed) != 0 {
			t.Errorf("to be brought back from: %d %v", len(claimed), err)
		}
		if _, err := r.tracked.Pull(ctx, r.link(t)); fault.CodeOf(err) != standing.CodeNotPossible {
			t.Errorf("brought back: %v", err)
		}
		if open, err := r.kept.Mailings(ctx, r.pair, mailing.Queued, 10); err != nil || len(open) != 0 {
			t.Errorf("queued: %+v %v", open, err)
		}
		if got := calls.Load(); got != 0 {
			t.Errorf("%d calls, want none", got)
		}
		// The same work where the standing has it.
		r.stand(t, standing.OwnLink)
		if work(); calls.Load() == 0 {
			t.Error("an own link does nothing")
		}
		if claimed, err = r.tracked.Claim(ctx, time.Nanosecond); err != nil || len(claimed) != 1 {
			t.Errorf("to be brought back from under an own link: %d %v", len(claimed), err)
		}
		if open, err := r.kept.Mailings(ctx, r.pair, mailing.Queued, 10); err != nil || len(open) != 1 {
			t.Errorf("queued under an own link: %+v %v", open, err)
		}
	})
}
