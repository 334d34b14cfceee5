package sqlstore_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/internal/fault"
)

func code(o orgtest.Org, id int64) org.AuthCode {
	return org.AuthCode{
		ID: id, Hash: sha256.Sum256([]byte("code")), Org: o.ID, User: o.Normal.User, App: o.App, ConsumerKey: "key", RedirectURI: "https://c/cb",
		Challenge: "ch", Nonce: "no", Scopes: []string{"api", "refresh_token"}, AuthTime: orgtest.Start, Created: orgtest.Start, Expires: orgtest.Start.Add(time.Minute),
	}
}

func redemption(o orgtest.Org, c org.AuthCode, grant, session int64) org.Redemption {
	r := org.Redemption{
		Code: c.ID, Session: stored(o, session), Event: event(o, session), At: orgtest.Start,
		Grant: org.Grant{ID: grant, Org: o.ID, User: c.User, App: c.App, Scopes: c.Scopes, RefreshHash: []byte(fmt.Sprint("hash", grant)), Created: orgtest.Start},
	}
	r.Session.Grant = grant
	return r
}

func TestCodesAreKeptAndRedeemedOnce(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "acme")
		s, ctx := h.Store, t.Context()
		want := code(o, number(1))
		if _, err := s.AddCode(ctx, want, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddCode(ctx, want, nil); fault.CodeOf(err) != org.CodeNumberTaken {
			t.Errorf("a second answer to one sign-in: %v", err)
		}
		got, err := s.Code(ctx, want.ID)
		if err != nil || got.Hash != want.Hash || got.RedirectURI != want.RedirectURI || got.Challenge != "ch" || got.Nonce != "no" || got.Used ||
			!slices.Equal(got.Scopes, want.Scopes) || !got.Expires.Equal(want.Expires) || !got.AuthTime.Equal(want.AuthTime) {
			t.Errorf("code %+v, %v", got, err)
		}
		if _, err := s.Code(ctx, 5); fault.KindOf(err) != fault.NotFound {
			t.Errorf("missing: %v", err)
		}
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range int64(20) {
			wg.Go(func() {
				_, err := s.RedeemCode(ctx, redemption(o, want, number(100+i), number(200+i)))
				switch {
				case err == nil:
					won.Add(1)
				case fault.CodeOf(err) != org.CodeAlreadyUsed:
					t.Errorf("a loser got %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d redeemed one code", won.Load())
		}
		var sessions, grants int
		row := s.DB().QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM auth_session), (SELECT COUNT(*) FROM oauth_grant)`)
		if err := row.Scan(&sessions, &grants); err != nil || sessions != 1 || grants != 1 {
			t.Errorf("%d sessions, %d grants, %v: the losers left something", sessions, grants, err)
		}
		used, err := s.Code(ctx, want.ID)
		if err != nil || !used.Used || used.Grant == 0 {
			t.Fatalf("used code %+v %v", used, err)
		}
		if err := s.RevokeCode(ctx, want.ID, orgtest.Start); err != nil {
			t.Fatal(err)
		}
		if g, err := s.Grant(ctx, used.Grant); err != nil || !g.Revoked {
			t.Errorf("grant after a second use: %+v %v", g, err)
		}
		if ss := mustFind(t, s, used.Grant+100); !ss.Ended { // sessions were numbered a hundred after grants
			t.Error("its session goes on")
		}
	})
}

func TestGrantsAreUsedAndRevoked(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "acme")
		s, ctx := h.Store, t.Context()
		c := code(o, number(1))
		approval := org.Grant{ID: number(2), Org: o.ID, User: c.User, App: c.App, Scopes: []string{"api"}, Created: orgtest.Start}
		if _, err := s.AddCode(ctx, c, &approval); err != nil {
			t.Fatal(err)
		}
		if scopes, err := s.ApprovedScopes(ctx, o.ID, c.User, c.App); err != nil || !slices.Equal(scopes, []string{"api"}) {
			t.Errorf("approved %v %v", scopes, err)
		}
		if scopes, err := s.ApprovedScopes(ctx, o.ID, o.Admin.User, c.App); err != nil || scopes != nil {
			t.Errorf("another user approved %v %v", scopes, err)
		}
		// Redeeming fills the approval in.
		r := redemption(o, c, approval.ID, number(10))
		if _, err := s.RedeemCode(ctx, r); err != nil {
			t.Fatal(err)
		}
		g, err := s.Grant(ctx, approval.ID)
		if err != nil || !bytes.Equal(g.RefreshHash, r.Grant.RefreshHash) || g.Revoked || !g.LastUsed.Equal(orgtest.Start) {
			t.Errorf("grant %+v %v", g, err)
		}
		// Nobody can fill it in again, whatever code he has.
		other := code(o, number(3))
		if _, err := s.AddCode(ctx, other, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RedeemCode(ctx, redemption(o, other, approval.ID, number(11))); fault.CodeOf(err) != org.CodeGrantRevoked {
			t.Errorf("a grant of another code: %v", err)
		}
		if again, err := s.Code(ctx, other.ID); err != nil || again.Used {
			t.Errorf("the failed redemption used the code up: %v", err)
		}
		ss := stored(o, number(12))
		ss.Grant, ss.Created = g.ID, orgtest.Start.Add(time.Hour)
		if err := s.UseGrant(ctx, g.ID, ss, event(o, ss.ID)); err != nil {
			t.Fatal(err)
		}
		if g, err = s.Grant(ctx, g.ID); err != nil || !g.LastUsed.Equal(ss.Created) {
			t.Errorf("last used %v %v", g.LastUsed, err)
		}
		for range 2 {
			if err := s.RevokeGrant(ctx, g.ID, orgtest.Start); err != nil {
				t.Fatal(err)
			}
		}
		if !mustFind(t, s, ss.ID).Ended || !mustFind(t, s, number(10)).Ended {
			t.Error("sessions outlive their grant")
		}
		late := stored(o, number(13))
		if err := s.UseGrant(ctx, g.ID, late, event(o, late.ID)); fault.CodeOf(err) != org.CodeGrantRevoked {
			t.Errorf("a revoked grant is used: %v", err)
		}
		if _, err := s.SessionByID(ctx, late.ID); fault.KindOf(err) != fault.NotFound {
			t.Errorf("and left a session: %v", err)
		}
		if _, err := s.Grant(ctx, 5); fault.KindOf(err) != fault.NotFound {
			t.Errorf("missing: %v", err)
		}
	})
}

func TestFiveGrantsAtMost(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "acme")
		s, ctx := h.Store, t.Context()
		for i := range int64(7) {
			g := org.Grant{ID: number(50 + i), Org: o.ID, User: o.Normal.User, App: o.App, Scopes: []string{"api"}, Created: orgtest.Start}
			dropped, err := s.AddCode(ctx, code(o, number(i)), &g)
			if err != nil || dropped != (i >= 5) {
				t.Errorf("approval %d: dropped %v, %v", i, dropped, err)
			}
		}
		for i := range int64(7) {
			if g, err := s.Grant(ctx, number(50+i)); err != nil || g.Revoked != (i < 2) {
				t.Errorf("approval %d: revoked %v, %v", i, g.Revoked, err)
			}
		}
	})
}

func TestAssertionsAreUsedOnce(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "acme")
		s, ctx := h.Store, t.Context()
		use := func(name string, at time.Time, id int64) error {
			ss := stored(o, number(id))
			return s.UseAssertion(ctx, sha256.Sum256([]byte(name)), at, at.Add(time.Minute), ss, event(o, ss.ID))
		}
		if err := use("a", orgtest.Start, 1); err != nil {
			t.Fatal(err)
		}
		if err := use("a", orgtest.Start, 2); fault.CodeOf(err) != org.CodeAlreadyUsed {
			t.Errorf("again: %v", err)
		}
		if _, err := s.SessionByID(ctx, number(2)); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a replay left a session: %v", err)
		}
		// What nobody can use any more is swept out by those that follow.
		for i := range int64(5) {
			if err := use(fmt.Sprint("later", i), orgtest.Start.Add(time.Hour), 10+i); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := s.DB().QueryRow(ctx, `SELECT COUNT(*) FROM oauth_assertion`).Scan(&n); err != nil || n != 5 {
			t.Errorf("%d assertions are remembered, %v, want the 5 that are live", n, err)
		}
	})
}
