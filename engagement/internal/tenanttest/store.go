package tenanttest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

// Store is every role of who is in a tenant and what was issued to them.
type Store interface {
	tenant.Directory
	tenant.UserStore
	tenant.GrantStore
	tenant.TokenStore
	tenant.SessionStore
}

// Maker stores a new tenant.
type Maker func(ctx context.Context, plan tenant.Blueprint) error

// RunStore checks that a store does what the roles promise. open gives an empty store and what makes a tenant in it.
func RunStore(t *testing.T, open func(t *testing.T) (Store, Maker)) {
	for name, test := range map[string]func(*testing.T, *bench){
		"directory": testDirectory, "missing": testMissing, "users": testUsers, "passwords": testPasswords, "grants": testGrants,
		"tokens": testTokens, "assertions": testAssertions, "codes": testCodes, "refresh": testRefresh, "sessions": testSessions, "purge": testPurge,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, make := open(t)
			h := Spec()
			plan, err := tenant.Plan(t.Context(), h.Spec, at)
			if err != nil {
				t.Fatal(err)
			}
			if err := make(t.Context(), plan); err != nil {
				t.Fatal(err)
			}
			test(t, &bench{T: t, s: s, h: h, plan: plan, serials: tenant.NewSerials(nil)})
		})
	}
}

// at is the moment of everything in these tests, as databases keep it.
var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type bench struct {
	*testing.T
	s       Store
	h       House
	plan    tenant.Blueprint
	serials *tenant.Serials
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) code(err error, want fault.Code) {
	b.Helper()
	if fault.CodeOf(err) != want {
		b.Fatalf("got %v, want code %q", err, want)
	}
}

func (b *bench) same(got, want any) {
	b.Helper()
	if d := cmp.Diff(want, got); d != "" {
		b.Fatalf("want(-) got(+):\n%s", d)
	}
}

func (b *bench) user(name string) tenant.User {
	b.Helper()
	u, err := b.s.UserByUsername(b.Context(), tenant.FoldUsername(name))
	b.ok(err)
	return u
}

func testDirectory(t *testing.T, b *bench) {
	ctx := t.Context()
	got, err := b.s.Tenant(ctx, b.h.EID)
	b.ok(err)
	b.same(got, b.plan.Tenant)
	units, err := b.s.BusinessUnits(ctx, b.h.EID)
	b.ok(err)
	if len(units) != 3 || units[0].MID != tenant.MID(b.h.EID) || units[0].Parent != 0 || units[1].MID > units[2].MID {
		t.Fatalf("units are not the top one first, then by MID: %+v", units)
	}
	for _, want := range b.plan.Users {
		u, err := b.s.UserByID(ctx, b.h.EID, want.ID)
		b.ok(err)
		// Units come back in order, whatever order they went in.
		if len(u.MIDs) != len(want.MIDs) {
			t.Fatalf("user %s may use %v, want %v", want.Username, u.MIDs, want.MIDs)
		}
		u.MIDs, want.MIDs = nil, nil
		b.same(u, want)
	}
	roles, err := b.s.Roles(ctx, b.h.EID)
	b.ok(err)
	if len(roles) != len(b.plan.Roles) {
		t.Fatalf("%d roles, want %d", len(roles), len(b.plan.Roles))
	}
	given, err := b.s.Assignments(ctx, b.h.EID, b.user(b.h.Sender).ID)
	b.ok(err)
	if len(given) != 3 {
		t.Fatalf("%d assignments, want 3", len(given))
	}
	ids := []int64{1} // and nobody
	for _, u := range b.plan.Users {
		ids = append(ids, u.ID)
	}
	held, err := b.s.Holders(ctx, b.h.EID, ids)
	b.ok(err)
	if len(held) != len(b.plan.Users) {
		t.Fatalf("%d of %d users read at once", len(held), len(b.plan.Users))
	}
	for _, u := range b.plan.Users {
		alone, err := b.s.UserByID(ctx, b.h.EID, u.ID)
		b.ok(err)
		b.same(held[u.ID].User, alone)
		given, err := b.s.Assignments(ctx, b.h.EID, u.ID)
		b.ok(err)
		now := tenant.Holder{User: alone, Given: given}
		if !held[u.ID].Snapshot(roles).Equal(now.Snapshot(roles)) || len(held[u.ID].Given) != len(given) {
			t.Fatalf("%s holds %v, read alone %v", u.Username, held[u.ID].Given, given)
		}
	}
	elsewhere, err := b.s.Holders(ctx, b.h.EID+1, ids)
	b.ok(err)
	if len(elsewhere) != 0 {
		t.Fatalf("another tenant has %d of this one's users", len(elsewhere))
	}
	for _, want := range b.plan.Packages {
		p, err := b.s.PackageByClientID(ctx, want.ClientID)
		b.ok(err)
		if len(want.MIDs) == 0 {
			want.MIDs = []tenant.MID{}
		}
		if want.RedirectURIs == nil {
			want.RedirectURIs = []string{}
		}
		b.same(p, want)
	}
}

func testMissing(t *testing.T, b *bench) {
	ctx := t.Context()
	for name, look := range map[string]func() error{
		"tenant":   func() error { _, err := b.s.Tenant(ctx, 1); return err },
		"user":     func() error { _, err := b.s.UserByID(ctx, b.h.EID, 1); return err },
		"username": func() error { _, err := b.s.UserByUsername(ctx, "nobody"); return err },
		"package":  func() error { _, err := b.s.PackageByClientID(ctx, "none"); return err },
		"grant":    func() error { _, err := b.s.LiveGrant(ctx, "none", 1); return err },
		"grant id": func() error { _, err := b.s.GrantByID(ctx, 1); return err },
		"clear":    func() error { _, err := b.s.ClearGrant(ctx, "none", 1, 1, at); return err },
		"token":    func() error { _, err := b.s.TokenByID(ctx, 1); return err },
		"family":   func() error { _, err := b.s.FamilyByID(ctx, 1); return err },
		"refresh":  func() error { _, err := b.s.RefreshByID(ctx, 1); return err },
		"session":  func() error { _, err := b.s.SessionByID(ctx, 1); return err },
		"failure": func() error {
			_, err := b.s.CountFailure(ctx, tenant.LoginEvent{ID: 1, Tenant: b.h.EID, UserID: 1, Outcome: tenant.LoginWrong, At: at}, 3)
			return err
		},
		"unlock": func() error { return b.s.Unlock(ctx, b.h.EID, 1, at) },
	} {
		if err := look(); fault.KindOf(err) != fault.NotFound || err == nil {
			t.Errorf("%s: got %v, want a NotFound fault", name, err)
		}
	}
	if units, err := b.s.BusinessUnits(ctx, 1); err != nil || len(units) != 0 {
		t.Errorf("units of nobody: %v, %v", units, err)
	}
}

func testUsers(t *testing.T, b *bench) {
	ctx := t.Context()
	u := b.user(b.h.Sender)
	attempt := func(o tenant.LoginOutcome, when time.Time) tenant.LoginEvent {
		return tenant.LoginEvent{ID: b.serials.Next(), Tenant: u.Tenant, UserID: u.ID, Address: "203.0.113.9", Outcome: o, At: when}
	}
	for i := 1; i <= 4; i++ {
		locked, err := b.s.CountFailure(ctx, attempt(tenant.LoginWrong, at.Add(time.Duration(i)*time.Second)), 3)
		b.ok(err)
		if locked != (i >= 3) {
			t.Fatalf("after %d failures locked is %v", i, locked)
		}
	}
	got := b.user(b.h.Sender)
	if got.FailedLogins != 4 || !got.Locked.Equal(at.Add(3*time.Second)) {
		t.Fatalf("got %d failures, locked %v", got.FailedLogins, got.Locked)
	}
	b.ok(b.s.SignedIn(ctx, attempt(tenant.LoginSuccess, at)))
	if b.user(b.h.Sender).May() {
		t.Fatal("a right password unlocked the user")
	}
	b.ok(b.s.Unlock(ctx, u.Tenant, u.ID, at))
	if got := b.user(b.h.Sender); got.FailedLogins != 0 || !got.Locked.IsZero() {
		t.Fatalf("after unlocking: %+v", got)
	}
	_, err := b.s.CountFailure(ctx, attempt(tenant.LoginWrong, at), 3)
	b.ok(err)
	b.ok(b.s.SignedIn(ctx, attempt(tenant.LoginSuccess, at.Add(time.Minute))))
	if got := b.user(b.h.Sender); got.FailedLogins != 0 || !got.LastLogin.Equal(at.Add(time.Minute)) {
		t.Fatalf("after signing in: %+v", got)
	}
	if other := b.user(b.h.Admin); other.FailedLogins != 0 {
		t.Fatal("another user's count moved")
	}
	// Failures at the same moment are all counted.
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := b.s.CountFailure(ctx, attempt(tenant.LoginWrong, at), 100); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := b.user(b.h.Sender).FailedLogins; got != 20 {
		t.Fatalf("%d of 20 failures counted", got)
	}
}

func testPasswords(t *testing.T, b *bench) {
	ctx := t.Context()
	u := b.user(b.h.API)
	session := tenant.Session{ID: b.serials.Next(), Tenant: u.Tenant, UserID: u.ID, Created: at, Seen: at}
	b.ok(b.s.AddSession(ctx, session))
	grant := b.grant(b.h.API)
	family := b.family(b.h.API, 0, 0, true)
	short := b.family(b.h.API, session.ID, 0, false)
	done, err := b.s.SetPassword(ctx, u.Tenant, u.ID, "another hash", "x", true, at)
	b.ok(err)
	if done || b.user(b.h.API).PasswordHash != u.PasswordHash {
		t.Fatal("the password changed although the old hash was another")
	}
	done, err = b.s.SetPassword(ctx, u.Tenant, u.ID, u.PasswordHash, "new hash", false, at.Add(time.Second))
	b.ok(err)
	if got := b.user(b.h.API); !done || got.PasswordHash != "new hash" || got.MustChange || !got.PasswordChanged.Equal(at.Add(time.Second)) {
		t.Fatalf("after the change: %v %+v", done, got)
	}
	if s, err := b.s.SessionByID(ctx, session.ID); err != nil || s.Ended.IsZero() {
		t.Fatalf("the session goes on: %+v %v", s, err)
	}
	if g, err := b.s.GrantByID(ctx, grant.ID); err != nil || !g.Live() {
		t.Fatalf("the grant ended: %+v %v", g, err)
	}
	for id, want := range map[int64]bool{family.ID: false, short.ID: true} {
		f, err := b.s.FamilyByID(ctx, id)
		b.ok(err)
		if ended := !f.Ended.IsZero(); ended != want {
			t.Fatalf("family %d ended: %v, want %v", id, ended, want)
		}
	}
	_, err = b.s.SetPassword(ctx, u.Tenant, u.ID, "new hash", "newer hash", true, at)
	b.ok(err)
	if g, err := b.s.GrantByID(ctx, grant.ID); err != nil || g.Live() {
		t.Fatalf("the grant goes on: %+v %v", g, err)
	}
	if f, err := b.s.FamilyByID(ctx, family.ID); err != nil || f.Ended.IsZero() {
		t.Fatalf("the family goes on: %+v %v", f, err)
	}
}

// grant stores a live grant of the user for the connect package.
func (b *bench) grant(name string) tenant.Grant {
	b.Helper()
	u := b.user(name)
	g, err := b.s.PutGrant(b.Context(), tenant.Grant{
		ID: b.serials.Next(), Tenant: u.Tenant, ClientID: b.h.Connect, UserID: u.ID,
		Snapshot: tenant.Snapshot{Base: []string{"Email.Send"}, ByMID: map[tenant.MID][]string{b.h.North: {"Email.Read"}}}, Made: at, MadeBy: u.ID,
	}, false)
	b.ok(err)
	return g
}

func testGrants(t *testing.T, b *bench) {
	ctx := t.Context()
	first := b.grant(b.h.Sender)
	live, err := b.s.LiveGrant(ctx, b.h.Connect, first.UserID)
	b.ok(err)
	b.same(live, first)
	b.same(live.Snapshot.At(b.h.North), []string{"Email.Read"})
	b.same(live.Snapshot.At(b.h.South), []string{"Email.Send"})
	if again := b.grant(b.h.Sender); again.ID != first.ID {
		t.Fatal("a live grant was replaced although nobody asked")
	}
	second, err := b.s.PutGrant(ctx, tenant.Grant{ID: b.serials.Next(), Tenant: b.h.EID, ClientID: b.h.Connect, UserID: first.UserID, Made: at.Add(time.Hour), MadeBy: 7}, true)
	b.ok(err)
	if old, err := b.s.GrantByID(ctx, first.ID); err != nil || old.Live() || old.ClearedBy != 7 {
		t.Fatalf("the old grant goes on: %+v %v", old, err)
	}
	third := b.grant(b.h.Admin)
	list, err := b.s.Grants(ctx, b.h.Connect, 0, 0, 10)
	b.ok(err)
	if len(list) != 2 || list[0].ID != second.ID || list[1].ID != third.ID {
		t.Fatalf("list: %+v", list)
	}
	for _, q := range []struct {
		user, after int64
		limit, want int
	}{{0, second.ID, 10, 1}, {third.UserID, 0, 10, 1}, {0, 0, 1, 1}, {0, third.ID, 10, 0}} {
		if list, err := b.s.Grants(ctx, b.h.Connect, q.user, q.after, q.limit); err != nil || len(list) != q.want {
			t.Fatalf("%+v: %d grants, %v", q, len(list), err)
		}
	}
	cleared, err := b.s.ClearGrant(ctx, b.h.Connect, second.UserID, 9, at.Add(2*time.Hour))
	b.ok(err)
	if cleared.ID != second.ID || cleared.Live() {
		t.Fatalf("cleared: %+v", cleared)
	}
	_, err = b.s.ClearGrant(ctx, b.h.Connect, second.UserID, 9, at)
	b.code(err, tenant.CodeNotFound)
	// Of many made at the same moment one is live, and everybody is told of that one.
	u := b.user(b.h.Analyst)
	ids := make(chan int64, 20)
	var all sync.WaitGroup
	for range cap(ids) {
		all.Go(func() {
			g, err := b.s.PutGrant(ctx, tenant.Grant{ID: b.serials.Next(), Tenant: u.Tenant, ClientID: b.h.Connect, UserID: u.ID, Made: at, MadeBy: u.ID}, false)
			if err != nil {
				t.Error(err)
			}
			ids <- g.ID
		})
	}
	all.Wait()
	one := <-ids
	for range cap(ids) - 1 {
		if other := <-ids; other != one {
			t.Fatalf("two live grants: %d and %d", one, other)
		}
	}
}

func (b *bench) token(family, grant int64) tenant.AccessToken {
	t := tenant.AccessToken{
		ID: b.serials.Next(), Tenant: b.h.EID, ClientID: b.h.Connect, UserID: 12345678, MID: b.h.North,
		Scopes: []string{"email_read", "email_send"}, FamilyID: family, GrantID: grant, Expires: at.Add(20 * time.Minute),
	}
	copy(t.Hash[:], fmt.Sprint("hash of ", t.ID))
	return t
}

func testTokens(t *testing.T, b *bench) {
	ctx := t.Context()
	want := b.token(3, 4)
	b.ok(b.s.AddToken(ctx, want))
	got, err := b.s.TokenByID(ctx, want.ID)
	b.ok(err)
	b.same(got, want)
	b.code(b.s.AddToken(ctx, want), tenant.CodeTaken)
	none := b.token(0, 0)
	none.Scopes = []string{}
	b.ok(b.s.AddToken(ctx, none))
	if got, err := b.s.TokenByID(ctx, none.ID); err != nil || len(got.Scopes) != 0 {
		t.Fatalf("no scopes came back as %v, %v", got.Scopes, err)
	}
	if n, err := b.s.Purge(ctx, time.Now().Add(23*time.Hour), 10); err != nil || n != 0 {
		t.Fatalf("purged %d of what is younger, %v", n, err)
	}
	if n, err := b.s.Purge(ctx, time.Now().Add(25*time.Hour), 1); err != nil || n != 1 {
		t.Fatalf("purged %d, want 1, %v", n, err)
	}
	_, err = b.s.TokenByID(ctx, want.ID)
	b.code(err, tenant.CodeNotFound)
}

// testPurge: sign-ins go when they are old and nothing of them can be used, and not before.
func testPurge(t *testing.T, b *bench) {
	ctx := t.Context()
	now := time.Now()
	old, young := b.family(b.h.Sender, 0, 0, true), b.family(b.h.Sender, 0, 0, true)
	expired, live := b.refresh(old.ID), b.refresh(young.ID)
	expired.Expires, live.Expires = now.Add(time.Hour), now.Add(100*24*time.Hour)
	for f, r := range map[int64]tenant.RefreshToken{old.ID: expired, young.ID: live} {
		if won, err := b.s.UseCode(ctx, f, at, b.token(f, 0), r); err != nil || !won {
			t.Fatal(won, err)
		}
	}
	session := tenant.Session{ID: b.serials.Next(), Tenant: b.h.EID, UserID: b.user(b.h.Sender).ID, Created: now, Seen: now}
	b.ok(b.s.AddSession(ctx, session))
	needed := tenant.Session{ID: b.serials.Next(), Tenant: b.h.EID, UserID: session.UserID, Created: now, Seen: now}
	b.ok(b.s.AddSession(ctx, needed))
	hung := b.family(b.h.Sender, needed.ID, 0, false)
	kept := b.refresh(hung.ID)
	kept.Expires = live.Expires
	if won, err := b.s.UseCode(ctx, hung.ID, at, b.token(hung.ID, 0), kept); err != nil || !won {
		t.Fatal(won, err)
	}
	purge := func(after time.Duration) {
		for range 5 {
			_, err := b.s.Purge(ctx, now.Add(after), 100)
			b.ok(err)
		}
	}
	purge(30 * 24 * time.Hour)
	for _, r := range []int64{expired.ID, live.ID} {
		_, err := b.s.RefreshByID(ctx, r)
		b.ok(err)
	}
	purge(32 * 24 * time.Hour)
	_, err := b.s.RefreshByID(ctx, expired.ID)
	b.code(err, tenant.CodeNotFound)
	_, err = b.s.FamilyByID(ctx, old.ID)
	b.code(err, tenant.CodeNotFound)
	_, err = b.s.SessionByID(ctx, session.ID)
	b.code(err, tenant.CodeNotFound)
	_, err = b.s.RefreshByID(ctx, live.ID)
	b.ok(err)
	_, err = b.s.FamilyByID(ctx, young.ID)
	b.ok(err)
	_, err = b.s.SessionByID(ctx, needed.ID) // its log-out ends a sign-in that lives
	b.ok(err)
}

func testAssertions(t *testing.T, b *bench) {
	ctx := t.Context()
	first := b.token(0, 1)
	b.ok(b.s.SpendAssertion(ctx, first, [32]byte{1}))
	second := b.token(0, 1)
	b.code(b.s.SpendAssertion(ctx, second, [32]byte{1}), tenant.CodeReplayed)
	_, err := b.s.TokenByID(ctx, second.ID)
	b.code(err, tenant.CodeNotFound)
	b.ok(b.s.SpendAssertion(ctx, second, [32]byte{2}))
	_, err = b.s.TokenByID(ctx, second.ID)
	b.ok(err)
	wins := make(chan bool, 30)
	var all sync.WaitGroup
	for range cap(wins) {
		all.Go(func() { wins <- b.s.SpendAssertion(ctx, b.token(0, 1), [32]byte{3}) == nil })
	}
	all.Wait()
	if n := count(wins); n != 1 {
		t.Fatalf("%d of %d spent the same assertion", n, cap(wins))
	}
}

func count(wins chan bool) int {
	close(wins)
	n := 0
	for w := range wins {
		if w {
			n++
		}
	}
	return n
}

// session begins a browser session of Sender and gives its number.
func (b *bench) session() int64 {
	b.Helper()
	s := tenant.Session{ID: b.serials.Next(), Tenant: b.h.EID, UserID: b.user(b.h.Sender).ID, Created: at, Seen: at}
	b.ok(b.s.AddSession(b.Context(), s))
	return s.ID
}

// family stores a sign-in of the user.
func (b *bench) family(name string, session, grant int64, offline bool) tenant.Family {
	b.Helper()
	u := b.user(name)
	f := tenant.Family{
		ID: b.serials.Next(), CodeHash: [32]byte{9}, Tenant: u.Tenant, ClientID: b.h.Connect, UserID: u.ID, MID: b.h.South,
		Scopes: []string{"email_read"}, Snapshot: tenant.Snapshot{Base: []string{"Email.Read"}}, RedirectURI: RedirectURI, Challenge: "challenge",
		SessionID: session, GrantID: grant, Offline: offline, Created: at, CodeExpires: at.Add(5 * time.Minute),
	}
	b.ok(b.s.AddFamily(b.Context(), f))
	return f
}

func (b *bench) refresh(family int64) tenant.RefreshToken {
	r := tenant.RefreshToken{ID: b.serials.Next(), FamilyID: family, Scopes: []string{"email_read"}, MID: b.h.South, Created: at, Expires: at.Add(time.Hour)}
	copy(r.Hash[:], fmt.Sprint("hash of ", r.ID))
	return r
}

func testCodes(t *testing.T, b *bench) {
	ctx := t.Context()
	f := b.family(b.h.Sender, b.session(), 6, true)
	got, err := b.s.FamilyByID(ctx, f.ID)
	b.ok(err)
	b.same(got, f)
	wins := make(chan bool, 30)
	var all sync.WaitGroup
	for range cap(wins) {
		all.Go(func() {
			won, err := b.s.UseCode(ctx, f.ID, at.Add(time.Second), b.token(f.ID, 6), b.refresh(f.ID))
			if err != nil {
				t.Error(err)
			}
			wins <- won
		})
	}
	all.Wait()
	if n := count(wins); n != 1 {
		t.Fatalf("%d of %d used the code", n, cap(wins))
	}
	got, err = b.s.FamilyByID(ctx, f.ID)
	b.ok(err)
	if !got.CodeUsed.Equal(at.Add(time.Second)) {
		t.Fatalf("used at %v", got.CodeUsed)
	}
	b.ok(b.s.EndFamily(ctx, f.ID, at.Add(time.Minute)))
	b.ok(b.s.EndFamily(ctx, f.ID, at.Add(time.Hour)))
	if got, err = b.s.FamilyByID(ctx, f.ID); err != nil || !got.Ended.Equal(at.Add(time.Minute)) {
		t.Fatalf("ended at %v, %v", got.Ended, err)
	}
	ended := b.family(b.h.Sender, b.session(), 6, true)
	b.ok(b.s.EndFamily(ctx, ended.ID, at))
	token := b.token(ended.ID, 0)
	if won, err := b.s.UseCode(ctx, ended.ID, at, token, b.refresh(ended.ID)); err != nil || won {
		t.Fatalf("the code of an ended sign-in was used: %v, %v", won, err)
	}
	_, err = b.s.TokenByID(ctx, token.ID)
	b.code(err, tenant.CodeNotFound)
}

func testRefresh(t *testing.T, b *bench) {
	ctx := t.Context()
	f := b.family(b.h.Sender, b.session(), 0, true)
	first := b.refresh(f.ID)
	won, err := b.s.UseCode(ctx, f.ID, at, b.token(f.ID, 0), first)
	b.ok(err)
	if got, err := b.s.RefreshByID(ctx, first.ID); !won || err != nil {
		t.Fatal(won, err)
	} else {
		b.same(got, first)
	}
	second := b.refresh(f.ID)
	second.PreviousID = first.ID
	won, err = b.s.Rotate(ctx, first, second, []byte("seed"), b.token(f.ID, 0), at.Add(time.Second))
	b.ok(err)
	got, err := b.s.RefreshByID(ctx, first.ID)
	b.ok(err)
	if !won || got.NextID != second.ID || string(got.NextSeed) != "seed" || !got.Used.Equal(at.Add(time.Second)) {
		t.Fatalf("after rotating: %v %+v", won, got)
	}
	token := b.token(f.ID, 0)
	won, err = b.s.Rotate(ctx, first, b.refresh(f.ID), []byte("other"), token, at)
	b.ok(err)
	if won {
		t.Fatal("a used refresh token was used again")
	}
	_, err = b.s.TokenByID(ctx, token.ID)
	b.code(err, tenant.CodeNotFound)
	wins := make(chan bool, 20)
	var all sync.WaitGroup
	for range cap(wins) {
		all.Go(func() {
			third := b.refresh(f.ID)
			third.PreviousID = second.ID
			won, err := b.s.Rotate(ctx, second, third, []byte("seed"), b.token(f.ID, 0), at)
			if err != nil {
				t.Error(err)
			}
			wins <- won
		})
	}
	all.Wait()
	if n := count(wins); n != 1 {
		t.Fatalf("%d of %d rotated", n, cap(wins))
	}
	if got, err = b.s.RefreshByID(ctx, first.ID); err != nil || got.NextSeed != nil {
		t.Fatalf("the seed of what was rotated before is still there: %v", err)
	}
}

func testSessions(t *testing.T, b *bench) {
	ctx := t.Context()
	u := b.user(b.h.Sender)
	session := func() tenant.Session {
		s := tenant.Session{ID: b.serials.Next(), Hash: [32]byte{7}, Tenant: u.Tenant, UserID: u.ID, UserAgent: "Browser/1", Created: at, Seen: at}
		b.ok(b.s.AddSession(ctx, s))
		return s
	}
	one, two := session(), session()
	got, err := b.s.SessionByID(ctx, one.ID)
	b.ok(err)
	b.same(got, one)
	b.ok(b.s.EnterUnit(ctx, one.ID, b.h.North))
	if got, err := b.s.SessionByID(ctx, one.ID); err != nil || got.MID != b.h.North {
		t.Fatalf("the session goes on in %d: %v", got.MID, err)
	}
	b.ok(b.s.TouchSession(ctx, one.ID, at.Add(time.Minute)))
	list, err := b.s.Sessions(ctx, u.Tenant, u.ID, 10)
	b.ok(err)
	if len(list) != 2 || list[0].ID != two.ID || !list[1].Seen.Equal(at.Add(time.Minute)) {
		t.Fatalf("list: %+v", list)
	}
	stays, goes := b.family(b.h.Sender, one.ID, 0, true), b.family(b.h.Sender, one.ID, 0, false)
	other := b.family(b.h.Sender, two.ID, 0, false)
	b.ok(b.s.EndSession(ctx, one.ID, at.Add(time.Hour)))
	for id, want := range map[int64]bool{stays.ID: false, goes.ID: true, other.ID: false} {
		f, err := b.s.FamilyByID(ctx, id)
		b.ok(err)
		if ended := !f.Ended.IsZero(); ended != want {
			t.Fatalf("family %d ended: %v, want %v", id, ended, want)
		}
	}
	if list, err = b.s.Sessions(ctx, u.Tenant, u.ID, 10); err != nil || len(list) != 1 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	b.ok(b.s.EndSessions(ctx, u.Tenant, u.ID, at.Add(time.Hour)))
	if f, err := b.s.FamilyByID(ctx, other.ID); err != nil || f.Ended.IsZero() {
		t.Fatalf("the family goes on: %+v %v", f, err)
	}
	if f, err := b.s.FamilyByID(ctx, stays.ID); err != nil || !f.Ended.IsZero() {
		t.Fatalf("the family that works offline ended: %+v %v", f, err)
	}
	// A sign-in that the log-out overtook.
	late := stays
	late.ID = b.serials.Next()
	b.code(b.s.AddFamily(ctx, late), tenant.CodeNoSession)
	// Both at once: whichever was first, nothing is left alive.
	for range 10 {
		s := session()
		f := late
		f.ID, f.SessionID, f.Offline = b.serials.Next(), s.ID, false
		var all sync.WaitGroup
		var added error
		all.Go(func() { added = b.s.AddFamily(ctx, f) })
		b.ok(b.s.EndSession(ctx, s.ID, at.Add(time.Hour)))
		all.Wait()
		if added != nil {
			b.code(added, tenant.CodeNoSession)
			continue
		}
		if f, err := b.s.FamilyByID(ctx, f.ID); err != nil || f.Ended.IsZero() {
			t.Fatalf("the sign-in outlives the log-out: %+v %v", f, err)
		}
	}
}
