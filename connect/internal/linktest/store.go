package linktest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/api"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// Store is all that Connect's rules need of a store.
type Store interface {
	link.Store
	link.Credentials
	link.UserTokens
	link.Keys
	peopleStore
	mappingStore
	send.Store
	api.Calls
	audit.Store
	audit.Keys
	integration.Store
	upgrade.Counts
}

// peopleStore is all that keeps who signs in, and what with.
type peopleStore interface {
	signin.Store
	access.Store
}

// mappingStore is all that keeps mappings.
type mappingStore interface {
	mapping.Store
	mapping.GrantHolders
}

// At is a moment as databases keep it: whole milliseconds, UTC.
func At(seconds int) time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC).Add(time.Duration(seconds) * time.Second)
}

// Why is a change that the audit chain keeps.
var Why = audit.Change{At: At(0), Actor: "admin", Action: "test"}

// Params are parameters of a link; n makes them differ.
func Params(n int) link.Params {
	return link.Params{
		CRMURL: fmt.Sprintf("http://127.0.0.1:%d", 8000+n), ConnectedApp: "Salesforce Marketing Cloud", ConsumerKey: fmt.Sprintf("consumer-%d", n),
		ConsoleClientID: fmt.Sprintf("console-%d", n), AuthURL: fmt.Sprintf("http://127.0.0.1:%d", 9000+n), PackageClientID: fmt.Sprintf("package-%d", n), EID: int64(7000000 + n),
	}
}

// Put makes the link of a pair with Params(n) and the API token "token-" + pair.
func Put(t testing.TB, s Store, pair string, n int) link.Link {
	t.Helper()
	if err := s.PutLink(t.Context(), pair, vault.HashToken("token-"+pair), Why, func(l link.Link) link.Link { return l.Revise(Params(n)) }); err != nil {
		t.Fatal(err)
	}
	l, err := s.Link(t.Context(), pair)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// RunStore holds a store to its contract. open returns a new, empty store.
func RunStore(t *testing.T, open func(*testing.T) Store) {
	for name, test := range map[string]func(*testing.T, Store){
		"links": links, "links swap": linksSwap, "keys": keys, "flows": flows, "sessions": sessions, "mappings": mappings, "sends": sends, "calls": calls,
		"integration user": integrationUser, "credentials": credentials, "console sessions": consoleSessions, "API tokens": apiTokens, "console link": consoleLink,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Fatalf("error %v, want code %q", err, code)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("-want +got\n%s", d)
	}
}

func links(t *testing.T, s Store) {
	ctx := t.Context()
	_, err := s.Link(ctx, "a")
	wantCode(t, err, link.CodeNotFound)
	_, err = s.FirstLink(ctx)
	wantCode(t, err, link.CodeNotFound)
	a := Put(t, s, "a", 1)
	b := Put(t, s, "b", 2)
	if a.Params != Params(1) || a.State() != link.NotConnected {
		t.Fatalf("link a is %+v", a)
	}
	first, err := s.FirstLink(ctx)
	ok(t, err)
	same(t, first, a)
	byToken, err := s.LinkByToken(ctx, vault.HashToken("token-b"))
	ok(t, err)
	same(t, byToken, b)
	_, err = s.LinkByToken(ctx, vault.HashToken("token-c"))
	wantCode(t, err, link.CodeNotFound)
	// Another pair's token is refused and changes nothing.
	err = s.PutLink(ctx, "b", vault.HashToken("token-a"), Why, func(l link.Link) link.Link { return l.Revise(Params(3)) })
	wantCode(t, err, link.CodeInvalidLink)
	still, err := s.Link(ctx, "b")
	ok(t, err)
	same(t, still, b)
	// A new token replaces the old one.
	ok(t, s.PutLink(ctx, "b", vault.HashToken("token-new"), Why, func(l link.Link) link.Link { return l.Revise(Params(4)) }))
	_, err = s.LinkByToken(ctx, vault.HashToken("token-b"))
	wantCode(t, err, link.CodeNotFound)
	moved, err := s.LinkByToken(ctx, vault.HashToken("token-new"))
	ok(t, err)
	if moved.Params != Params(4) || moved.Revision <= b.Revision {
		t.Fatalf("link b is %+v", moved)
	}
	// An outage is part of the link, and ends without a trace but in the audit chain.
	o := link.Outage{Mode: link.Hold, From: At(0), Until: At(60), Stays: true, Reason: "why", Actor: "admin"}
	interrupted, err := s.SetOutage(ctx, "a", Why, o)
	ok(t, err)
	same(t, interrupted.Outage, o)
	again, err := s.Link(ctx, "a")
	ok(t, err)
	same(t, again, interrupted)
	resumed, err := s.SetOutage(ctx, "a", Why, link.Outage{})
	ok(t, err)
	same(t, resumed.Outage, link.Outage{})
	_, err = s.SetOutage(ctx, "none", Why, o)
	wantCode(t, err, link.CodeNotFound)
	ok(t, s.SetClock(ctx, "a", 14*24*time.Hour))
	a, err = s.Link(ctx, "a")
	ok(t, err)
	if a.ClockOffset != 14*24*time.Hour {
		t.Fatalf("offset is %v", a.ClockOffset)
	}
	wantCode(t, s.SetClock(ctx, "none", time.Hour), link.CodeNotFound)
	// A sweep is one claimer's until its time is over.
	for _, c := range []struct {
		now, before int
		want        int
	}{{100, 40, 2}, {101, 41, 0}, {160, 100, 0}, {161, 101, 2}} {
		pairs, err := s.ClaimSweep(ctx, At(c.now), At(c.before))
		ok(t, err)
		same(t, len(pairs), c.want)
	}
}

func linksSwap(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	want := link.OrgSpan{State: link.SpanUp, Username: "system@x.example", UserID: "005000000000001AAA", OrgID: "00D000000000001AAA", ConnectedAt: At(0)}
	broken := link.TenantSpan{State: link.SpanBroken, Username: "api", UserID: "712", MID: 7000001, ConnectedAt: At(1), Cause: link.Cause{Code: "invalid_grant", Text: "gone"}}
	got, err := s.UpdateLink(ctx, "a", Why, func(l link.Link) (link.Link, error) {
		l.Org, l.Tenant, l.Package = want, broken, link.ProtectedSince
		return l, nil
	})
	ok(t, err)
	read, err := s.Link(ctx, "a")
	ok(t, err)
	same(t, read, got)
	same(t, read.Org, want)
	same(t, read.Tenant, broken)
	same(t, read.Package, link.ProtectedSince)
	refused := fault.New(fault.Denied, "no", "no")
	_, err = s.UpdateLink(ctx, "a", Why, func(l link.Link) (link.Link, error) {
		l.Org.Username = "other"
		return l, refused
	})
	wantCode(t, err, "no")
	_, err = s.UpdateLink(ctx, "none", Why, func(l link.Link) (link.Link, error) { return l, nil })
	wantCode(t, err, link.CodeNotFound)
	// No change of concurrent writers is lost.
	const writers = 8
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			_, err := s.UpdateLink(ctx, "a", Why, func(l link.Link) (link.Link, error) {
				l.Tenant.MID++
				return l, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	read, err = s.Link(ctx, "a")
	ok(t, err)
	if read.Tenant.MID != broken.MID+writers || read.Org.Username != want.Username {
		t.Fatalf("after %d increments: %+v", writers, read)
	}
}

func keys(t *testing.T, s Store) {
	ctx := t.Context()
	_, err := s.Key(ctx, "a", link.IntoOrg)
	wantCode(t, err, link.CodeNotFound)
	one := link.SealedKey{Pair: "a", Direction: link.IntoOrg, Sealed: []byte{0, 1, 255}, Certificate: "PEM 1", CreatedAt: At(0)}
	two := one
	two.Sealed, two.Certificate = []byte{9}, "PEM 2"
	got, err := s.AddKey(ctx, one)
	ok(t, err)
	same(t, got, one)
	got, err = s.AddKey(ctx, two) // the first stays
	ok(t, err)
	same(t, got, one)
	two.Direction = link.IntoTenant
	got, err = s.AddKey(ctx, two)
	ok(t, err)
	same(t, got, two)
	got, err = s.Key(ctx, "a", link.IntoOrg)
	ok(t, err)
	same(t, got, one)
}

func flows(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	f := signin.Flow{
		Key: vault.HashToken("state"), Pair: "a", Purpose: signin.MapUser, Step: signin.Away, Browser: vault.HashToken("browser"), Secrets: []byte{1, 2},
		Expires: At(0), Visitor: signin.Visitor{Pair: "a", OrgID: "00D", UserID: "005", Username: "u@x.example", Name: "U"}, Username: "api", MID: 7,
	}
	ok(t, s.AddFlow(ctx, f))
	got, err := s.Flow(ctx, f.Key)
	ok(t, err)
	same(t, got, f)
	offered := signin.Flow{Key: vault.HashToken("handle"), Pair: "a", Purpose: signin.APIUser, Step: signin.Offered, Expires: At(0), Username: "api", Visitor: signin.Visitor{Pair: "a"}}
	ok(t, s.AddFlow(ctx, offered))
	got, err = s.Flow(ctx, offered.Key)
	ok(t, err)
	if len(got.Browser) != 0 || len(got.Secrets) != 0 {
		t.Fatalf("an offered flow has a browser or secrets: %+v", got)
	}
	// One of many takers wins.
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch err := s.TakeFlow(ctx, f.Key); fault.CodeOf(err) {
			case "":
				mu.Lock()
				won++
				mu.Unlock()
			case signin.CodeFlowUnknown:
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Fatalf("%d took the flow, want 1", won)
	}
	_, err = s.Flow(ctx, f.Key)
	wantCode(t, err, signin.CodeFlowUnknown)
	// What has expired keeps no secrets, and is known still.
	old, young := f, f
	old.Key, young.Key, young.Expires = vault.HashToken("old"), vault.HashToken("young"), At(1)
	ok(t, s.AddFlow(ctx, old))
	ok(t, s.AddFlow(ctx, young))
	ok(t, s.ForgetSecrets(ctx, "a", At(0)))
	got, err = s.Flow(ctx, old.Key)
	ok(t, err)
	same(t, len(got.Secrets), 0)
	got, err = s.Flow(ctx, young.Key)
	ok(t, err)
	same(t, got, young)
	// A flow that comes sweeps out what expired half an hour before.
	late := f
	late.Key, late.Expires = vault.HashToken("late"), At(0).Add(time.Hour)
	ok(t, s.AddFlow(ctx, late))
	_, err = s.Flow(ctx, offered.Key)
	wantCode(t, err, signin.CodeFlowUnknown)
}

func sessions(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	v := signin.Session{Token: vault.HashToken("cookie"), Visitor: signin.Visitor{Pair: "a", OrgID: "00D", UserID: "005", Username: "u@x.example", Name: "Ü"}, Expires: At(0)}
	ok(t, s.AddSession(ctx, v))
	got, err := s.Session(ctx, v.Token)
	ok(t, err)
	same(t, got, v)
	ok(t, s.EndSession(ctx, v.Token))
	ok(t, s.EndSession(ctx, v.Token))
	_, err = s.Session(ctx, v.Token)
	wantCode(t, err, signin.CodeNotFound)
}

func mappings(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	Put(t, s, "b", 2)
	m := func(pair, crm, eng string) mapping.Mapping {
		return mapping.Mapping{Pair: pair, CRMUserID: "005" + crm, CRMUsername: crm + "@x.example", CRMName: crm, EngagementUserID: eng, EngagementUser: "eng-" + eng, EngagementName: "E", MID: 7, CreatedAt: At(0), Era: link.JWT}
	}
	put := func(m mapping.Mapping) error {
		_, _, err := s.PutMapping(ctx, m, Why)
		return err
	}
	ok(t, put(m("a", "one", "1")))
	ok(t, put(m("a", "two", "2")))
	ok(t, put(m("b", "one", "1"))) // another pair is another world
	got, err := s.Mapping(ctx, "a", "005one")
	ok(t, err)
	same(t, got, m("a", "one", "1"))
	n, err := s.CountMappings(ctx, "a")
	ok(t, err)
	same(t, n, 2)
	got, err = s.MappingTo(ctx, "a", "2")
	ok(t, err)
	same(t, got, m("a", "two", "2"))
	_, err = s.MappingTo(ctx, "a", "3")
	wantCode(t, err, mapping.CodeNotFound)
	// An Engagement user belongs to one CRM user, and a refused change leaves the former mapping.
	err = put(m("a", "two", "1"))
	wantCode(t, err, mapping.CodeTaken)
	got, err = s.Mapping(ctx, "a", "005two")
	ok(t, err)
	same(t, got, m("a", "two", "2"))
	// A CRM user has one mapping: the newest.
	ok(t, put(m("a", "two", "3")))
	all, err := s.Known(ctx, "a", "", 10)
	ok(t, err)
	same(t, all, []mapping.Known{{Mapping: m("a", "one", "1")}, {Mapping: m("a", "two", "3")}})
	page, err := s.Known(ctx, "a", "one@x.example", 1)
	ok(t, err)
	same(t, page, []mapping.Known{{Mapping: m("a", "two", "3")}})
	// Whose grants a package needs is asked by name in any letters, of its own connections.
	_, err = s.UpdateLink(ctx, "a", Why, func(l link.Link) (link.Link, error) {
		l.Tenant.Username = "API-User"
		return l, nil
	})
	ok(t, err)
	unknown, err := s.UnknownOf(ctx, Params(1).PackageClientID, Params(1).EID, []string{"ENG-1", "eng-2", "eng-3", "api-user", "stranger"})
	ok(t, err)
	same(t, unknown, []string{"eng-2", "stranger"})
	unknown, err = s.UnknownOf(ctx, Params(2).PackageClientID, Params(2).EID, []string{"eng-1", "eng-3", "api-user"})
	ok(t, err)
	same(t, unknown, []string{"eng-3", "api-user"})
	unknown, err = s.UnknownOf(ctx, Params(2).PackageClientID, Params(1).EID, []string{"eng-1"})
	ok(t, err)
	same(t, unknown, []string{"eng-1"})
	// A mark stays until it is taken away, and is of this Engagement user.
	ok(t, s.MarkMapping(ctx, m("a", "two", "2"), At(1)))
	ok(t, s.MarkMapping(ctx, m("a", "one", "1"), At(1)))
	got, err = s.Mapping(ctx, "a", "005two")
	ok(t, err)
	same(t, got, m("a", "two", "3"))
	got, err = s.Mapping(ctx, "a", "005one")
	ok(t, err)
	same(t, got.BrokenAt, At(1))
	ok(t, s.MarkMapping(ctx, m("a", "one", "1"), time.Time{}))
	// A handle is of this very mapping.
	with := m("a", "two", "3")
	with.Handle = mapping.Handle{1, 2, 3}
	later := with
	later.CreatedAt = At(1)
	ok(t, s.SetHandle(ctx, later, mapping.Handle{9}))
	ok(t, s.SetHandle(ctx, with, with.Handle))
	got, err = s.Mapping(ctx, "a", "005two")
	ok(t, err)
	same(t, got, with)
	ok(t, s.SetHandle(ctx, with, mapping.Handle{}))
	got, err = s.MappingTo(ctx, "a", "3")
	ok(t, err)
	same(t, got, m("a", "two", "3"))
	held := m("b", "six", "9")
	held.Handle = with.Handle
	ok(t, put(held))
	got, err = s.Mapping(ctx, "b", "005six")
	ok(t, err)
	same(t, got, held)
	// The same once more is no change: the first stays, and the chain has no entry of it.
	before, err := s.ChainHead(ctx, "b")
	ok(t, err)
	twice := held
	twice.Handle, twice.CreatedAt = mapping.Handle{7}, At(9)
	got, former, err := s.PutMapping(ctx, twice, Why)
	ok(t, err)
	same(t, []mapping.Mapping{got, former}, []mapping.Mapping{held, held})
	head, err := s.ChainHead(ctx, "b")
	ok(t, err)
	same(t, head, before)
	// Made under another driver it is another one, and takes the place of the first.
	early := m("b", "seven", "17")
	early.Era = link.Password
	ok(t, put(early))
	got, err = s.Mapping(ctx, "b", "005seven")
	ok(t, err)
	same(t, got, early)
	ok(t, put(m("b", "seven", "17")))
	got, err = s.Mapping(ctx, "b", "005seven")
	ok(t, err)
	same(t, got, m("b", "seven", "17"))
	gone, err := s.ClearMapping(ctx, mapping.Clear{ID: "c0", Mapping: later, Actor: "admin", Reason: "of another one", At: At(2)})
	ok(t, err)
	same(t, gone, false)
	// Clearing is of this Engagement user, once, and is on record until the user is mapped again.
	clearOf := func(eng, id string, n int) mapping.Clear {
		return mapping.Clear{ID: id, Mapping: m("a", "two", eng), Actor: "admin", Reason: "why", At: At(n)}
	}
	for _, c := range []struct {
		clear mapping.Clear
		want  bool
	}{{clearOf("2", "c1", 1), false}, {clearOf("3", "c2", 2), true}, {clearOf("3", "c3", 3), false}} {
		cleared, err := s.ClearMapping(ctx, c.clear)
		ok(t, err)
		same(t, cleared, c.want)
	}
	_, err = s.Mapping(ctx, "a", "005two")
	wantCode(t, err, mapping.CodeNotFound)
	for pair, want := range map[string]bool{"a": true, "nowhere": false} {
		if any, err := s.AnyMapping(ctx, pair); err != nil || any != want {
			t.Errorf("anybody is mapped in %s: %t, %v", pair, any, err)
		}
	}
	k, err := s.KnownUser(ctx, "a", "two@x.example")
	ok(t, err)
	k.Mapping.Era, k.Clear.Mapping.Era = link.JWT, link.JWT // of a cleared one it is not kept
	same(t, k, mapping.Known{Mapping: m("a", "two", "3"), Clear: clearOf("3", "c2", 2)})
	all, err = s.Known(ctx, "a", "", 10)
	ok(t, err)
	same(t, len(all), 2)
	ok(t, put(m("a", "two", "4")))
	k, err = s.KnownUser(ctx, "a", "two@x.example")
	ok(t, err)
	same(t, k, mapping.Known{Mapping: m("a", "two", "4")})
	k, err = s.KnownUser(ctx, "a", "TWO@X.example")
	ok(t, err)
	same(t, k, mapping.Known{Mapping: m("a", "two", "4")})
	_, err = s.KnownUser(ctx, "b", "two@x.example")
	wantCode(t, err, mapping.CodeNotFound)
	renamed := m("a", "two", "4")
	renamed.CRMUsername, renamed.CRMName = "deux@x.example", "Deux"
	ok(t, s.RenameUser(ctx, renamed))
	k, err = s.KnownUser(ctx, "a", "deux@x.example")
	ok(t, err)
	same(t, k, mapping.Known{Mapping: renamed})
	// A name that passed to another user stands in two records for a while: no page ends between them.
	for _, crm := range []string{"p", "q", "r"} {
		ok(t, put(m("b", crm, "of-"+crm)))
		named := m("b", crm, "of-"+crm)
		named.CRMUsername = "passed@x.example"
		ok(t, s.RenameUser(ctx, named))
	}
	ok(t, put(m("b", "z", "of-z"))) // behind them
	for limit, want := range map[int]int{1: 1, 2: 4, 3: 4, 4: 4, 5: 5} {
		page, err := s.Known(ctx, "b", "", limit) // one, then the three
		ok(t, err)
		same(t, len(page), want)
	}
	page, err = s.Known(ctx, "b", "one@x.example", 1)
	ok(t, err)
	same(t, len(page), 3)
}

func sends(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	key := send.MessageKey("a", "welcome", "003000000000001", "key:1")
	_, err := s.Send(ctx, "a", key)
	wantCode(t, err, send.CodeNotFound)
	v := send.Send{
		Pair: "a", MessageKey: key, DefinitionKey: "welcome", ContactID: "003000000000001AAA", Recipient: "ann@x.example", Status: send.Queueing,
		CreatedAt: At(0), UpdatedAt: At(0), Lease: At(90),
	}
	stored, added, err := s.AddSend(ctx, v)
	ok(t, err)
	v.Revision = stored.Revision
	same(t, stored, v)
	if !added {
		t.Fatal("a new send is not new")
	}
	other := v
	other.Recipient = "bob@x.example"
	stored, added, err = s.AddSend(ctx, other)
	ok(t, err)
	if added {
		t.Fatal("a send was added twice")
	}
	same(t, stored, v)
	// Of two who hold the same revision one wins.
	v.Status, v.ReasonCode, v.Reason, v.RequestID, v.UpdatedAt, v.Lease = send.InDoubt, "cloud_no_answer", "…", "req", At(5), time.Time{}
	v.Doubts, v.Tries, v.NextTry = 2, 3, At(7)
	won, isMine, err := s.UpdateSend(ctx, v)
	ok(t, err)
	if !isMine || won.Revision != v.Revision+1 || won.Doubts != 2 || won.Tries != 3 || !won.NextTry.Equal(At(7)) {
		t.Fatalf("the first update: %+v %v", won, isMine)
	}
	v.Status = send.NotSent
	lost, isMine, err := s.UpdateSend(ctx, v)
	ok(t, err)
	if isMine {
		t.Fatal("a stale update won")
	}
	same(t, lost, won)
	read, err := s.Send(ctx, "a", key)
	ok(t, err)
	same(t, read, won)
	// What is held comes the oldest first, of all pairs.
	for i := range 3 {
		_, _, err := s.AddSend(ctx, send.Send{Pair: "a", MessageKey: fmt.Sprintf("%040d", i), ContactID: "003", Status: send.Held, CreatedAt: At(9 - i), UpdatedAt: At(9)})
		ok(t, err)
	}
	Put(t, s, "other", 9)
	_, _, err = s.AddSend(ctx, send.Send{Pair: "other", MessageKey: fmt.Sprintf("%040d", 9), ContactID: "003", Status: send.Held, CreatedAt: At(20), UpdatedAt: At(20)})
	ok(t, err)
	held, err := s.HeldSends(ctx, 2) // of each
	ok(t, err)
	if len(held) != 3 || !held[0].CreatedAt.Equal(At(7)) || !held[1].CreatedAt.Equal(At(8)) || held[2].Pair != "other" {
		t.Fatalf("held: %+v", held)
	}
}

func calls(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	now := At(0)
	c := api.Call{Pair: "a", Key: vault.HashToken("key"), Request: vault.HashToken("request"), Holder: "one", Lease: now.Add(time.Minute), Created: now}
	begin := func(c api.Call, now time.Time) (api.Call, bool) {
		t.Helper()
		stored, won, err := s.BeginCall(ctx, c, now, now.Add(-api.CallLife))
		ok(t, err)
		return stored, won
	}
	if _, won := begin(c, now); !won {
		t.Fatal("a new call is not its holder's")
	}
	second := c
	second.Holder = "two"
	if stored, won := begin(second, now); won || stored.Holder != "one" || stored.Status != 0 {
		t.Fatalf("a running call passed on: %+v", stored)
	}
	// While its lease is renewed it stays its holder's, and nobody else renews it.
	later := now.Add(2 * time.Minute)
	c.Lease = later.Add(time.Minute)
	ok(t, s.RenewCall(ctx, c))
	later = later.Add(30 * time.Second)
	if _, won := begin(second, later); won {
		t.Fatal("a call whose lease was renewed passed on")
	}
	second.Lease = later.Add(time.Hour)
	ok(t, s.RenewCall(ctx, second))
	// Its lease over, the call passes to the next holder of the same request, not to another request.
	later = later.Add(2 * time.Minute)
	second.Lease = later.Add(time.Minute)
	foreign := second
	foreign.Request = vault.HashToken("another")
	if stored, won := begin(foreign, later); won || !bytes.Equal(stored.Request, c.Request) {
		t.Fatal("another request took a call over")
	}
	if _, won := begin(second, later); !won {
		t.Fatal("an abandoned call cannot be taken over")
	}
	first := c
	first.Status, first.Answer = 200, []byte("late")
	ok(t, s.FinishCall(ctx, first)) // the former holder comes too late
	ok(t, s.ForgetCall(ctx, first))
	second.Status, second.Answer = 200, []byte("answer")
	ok(t, s.FinishCall(ctx, second))
	stored, won := begin(c, later.Add(time.Hour))
	if won || stored.Status != 200 || string(stored.Answer) != "answer" {
		t.Fatalf("the answer is %+v, %v", stored, won)
	}
	// A day later the key is free again.
	tomorrow := now.Add(api.CallLife + time.Second)
	c.Created = tomorrow
	if _, won := begin(c, tomorrow); !won {
		t.Fatal("an old call is in the way")
	}
	ok(t, s.ForgetCall(ctx, c))
	if _, won := begin(second, tomorrow); !won {
		t.Fatal("a forgotten call is in the way")
	}
}

func integrationUser(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	_, _, err := s.Account(ctx, "a")
	wantCode(t, err, integration.CodeNotFound)
	a := integration.Account{Pair: "a", Username: "robot@x.example", UserID: "005", OrgID: "00D", ClientID: "app", State: link.SpanUp, ConnectedAt: At(1), CheckedAt: At(2)}
	stored, err := s.PutAccount(ctx, a, []byte{1}, Why)
	ok(t, err)
	broken := stored
	broken.State, broken.Cause, broken.CheckedAt = link.SpanBroken, link.Cause{Code: "c", Text: "t"}, At(3)
	ok(t, s.MarkAccount(ctx, broken))
	got, secrets, err := s.Account(ctx, "a")
	ok(t, err)
	same(t, got, broken)
	same(t, secrets, []byte{1})
	// What an old one's trial shows says nothing about new credentials.
	a.ConnectedAt = At(5)
	stored, err = s.PutAccount(ctx, a, []byte{2}, Why)
	ok(t, err)
	ok(t, s.MarkAccount(ctx, broken))
	got, secrets, err = s.Account(ctx, "a")
	ok(t, err)
	same(t, got, stored)
	same(t, secrets, []byte{2})
	head, err := s.ChainHead(ctx, "a")
	ok(t, err)
	same(t, head.Seq, int64(3)) // the first is of the connection itself
}
