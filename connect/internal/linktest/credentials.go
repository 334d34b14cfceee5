package linktest

import (
	"slices"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/fault"
)

// credentials holds a store to what it says of credentials and users' tokens.
func credentials(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	_, err := s.Credential(ctx, "a", link.IntoOrg)
	wantCode(t, err, link.CodeNotFound)
	driver := func(d link.Driver) func(link.Link) (link.Link, error) {
		return func(l link.Link) (link.Link, error) {
			l.Org.Driver, l.Org.GivenAt = d, At(7)
			return l, nil
		}
	}
	first := link.SealedCredential{Pair: "a", Direction: link.IntoOrg, Name: "system@x.example", Sealed: []byte("one")}
	l, err := s.UpdateLinkWith(ctx, first, Why, driver(link.Password))
	ok(t, err)
	read, err := s.Link(ctx, "a")
	ok(t, err)
	same(t, read, l)
	if read.Org.Driver != link.Password || !read.Org.GivenAt.Equal(At(7)) || read.Legacy != link.RefuseLegacy {
		t.Fatalf("the link is %+v", read)
	}
	// Others take their place, although nothing else changes.
	second := link.SealedCredential{Pair: "a", Direction: link.IntoOrg, Name: "system@x.example", Sealed: []byte("two")}
	_, err = s.UpdateLinkWith(ctx, second, Why, driver(link.Password))
	ok(t, err)
	got, err := s.Credential(ctx, "a", link.IntoOrg)
	ok(t, err)
	same(t, got, second)
	// A change that is refused leaves them.
	_, err = s.UpdateLinkWith(ctx, first, Why, func(l link.Link) (link.Link, error) { return l, fault.New(fault.Denied, "no", "no") })
	wantCode(t, err, "no")
	got, err = s.Credential(ctx, "a", link.IntoOrg)
	ok(t, err)
	same(t, got, second)
	// A driver that keeps none takes them with it.
	_, err = s.UpdateLink(ctx, "a", Why, driver(link.JWT))
	ok(t, err)
	_, err = s.Credential(ctx, "a", link.IntoOrg)
	wantCode(t, err, link.CodeNotFound)

	// A user's token has one user at a time.
	_, err = s.LeaseUserToken(ctx, "a", "ann", At(0), At(60))
	wantCode(t, err, link.CodeNotFound)
	ok(t, s.PutUserToken(ctx, link.UserToken{Pair: "a", Username: "ann", Sealed: []byte("t0")}))
	held, err := s.LeaseUserToken(ctx, "a", "ann", At(0), At(60))
	ok(t, err)
	same(t, string(held.Sealed), "t0")
	_, err = s.LeaseUserToken(ctx, "a", "ann", At(59), At(100))
	wantCode(t, err, link.CodeTokenBusy)
	next := held
	next.Sealed = []byte("t1")
	done, err := s.SwapUserToken(ctx, next)
	ok(t, err)
	same(t, done, true)
	if done, err = s.SwapUserToken(ctx, held); err != nil || done {
		t.Fatalf("the old one came back: %v %v", done, err)
	}
	// One whose user vanished is free when its lease is over, and his late answer changes nothing.
	lost, err := s.LeaseUserToken(ctx, "a", "ann", At(10), At(20))
	ok(t, err)
	again, err := s.LeaseUserToken(ctx, "a", "ann", At(20), At(30))
	ok(t, err)
	same(t, string(again.Sealed), "t1")
	if done, err = s.SwapUserToken(ctx, lost); err != nil || done {
		t.Fatalf("a lease that was over: %v %v", done, err)
	}
	// A new sign-in takes its place whoever holds it.
	ok(t, s.PutUserToken(ctx, link.UserToken{Pair: "a", Username: "ann", Sealed: []byte("t9")}))
	if done, err = s.SwapUserToken(ctx, again); err != nil || done {
		t.Fatalf("a token of before the sign-in: %v %v", done, err)
	}
	// Those who were not seen for long are found.
	ok(t, s.PutUserToken(ctx, link.UserToken{Pair: "a", Username: "bob", Sealed: []byte("b"), RenewedAt: At(50)}))
	ok(t, s.PutUserToken(ctx, link.UserToken{Pair: "a", Username: "cleo", Sealed: []byte("c"), RenewedAt: At(40)}))
	idle, err := s.IdleUserTokens(ctx, "a", At(50), 10)
	ok(t, err)
	same(t, idle, []string{"ann", "cleo"})
	held, err = s.LeaseUserToken(ctx, "a", "cleo", At(0), At(60))
	ok(t, err)
	if !held.RenewedAt.Equal(At(40)) {
		t.Fatalf("renewed at %v", held.RenewedAt)
	}
	held.RenewedAt = At(60)
	done, err = s.SwapUserToken(ctx, held)
	ok(t, err)
	idle, err = s.IdleUserTokens(ctx, "a", At(55), 1)
	ok(t, err)
	same(t, []any{done, idle}, []any{true, []string{"ann"}})
	ok(t, s.DeleteUserToken(ctx, "a", "ann"))
	ok(t, s.DeleteUserToken(ctx, "a", "ann"))
	_, err = s.LeaseUserToken(ctx, "a", "ann", At(100), At(160))
	wantCode(t, err, link.CodeNotFound)
	tokenMoves(t, s)
	strangers(t, s)
	// What is disconnected keeps none.
	ok(t, s.PutUserToken(ctx, link.UserToken{Pair: "a", Username: "ann", Sealed: []byte("t")}))
	_, err = s.UpdateLink(ctx, "a", Why, func(l link.Link) (link.Link, error) { return l.Disconnected(), nil })
	ok(t, err)
	_, err = s.LeaseUserToken(ctx, "a", "ann", At(100), At(100).Add(time.Minute))
	wantCode(t, err, link.CodeNotFound)
}

// strangers holds a store to what it says of tokens of people with whom nothing works. It leaves no mapping.
func strangers(t *testing.T, s Store) {
	ctx := t.Context()
	_, err := s.UpdateLink(ctx, "a", Why, func(l link.Link) (link.Link, error) {
		l.Tenant.Username = "API.User"
		return l, nil
	})
	ok(t, err)
	m := mapping.Mapping{Pair: "a", CRMUserID: "005A", CRMUsername: "u@x.example", EngagementUserID: "7", EngagementUser: "\u00c4nn.MC", CreatedAt: At(0)}
	_, _, err = s.PutMapping(ctx, m, Why)
	ok(t, err)
	for name, renewed := range map[string]int{"\u00e4nn.mc": 1, "api.user": 1, "carl": 1, "dora": 1, "emil": 9} {
		ok(t, s.PutUserToken(ctx, link.UserToken{Pair: "a", Username: name, Sealed: []byte("t"), RenewedAt: At(renewed)}))
	}
	for _, want := range [][]string{{"carl", "dora"}, nil} {
		gone, err := s.DeleteStrangers(ctx, "a", At(9))
		ok(t, err)
		same(t, gone, want)
	}
	left, err := s.IdleUserTokens(ctx, "a", At(100), 10)
	ok(t, err)
	slices.Sort(left)
	same(t, left, []string{"api.user", "emil", "\u00e4nn.mc"})
	cleared, err := s.ClearMapping(ctx, mapping.Clear{ID: "c-strangers", Mapping: m, Actor: "x", Reason: "r", At: At(1)})
	ok(t, err)
	same(t, cleared, true)
}

// tokenMoves holds a store to what it says of tokens on the way to grants; bob and cleo have one, ann has none. It leaves none.
func tokenMoves(t *testing.T, s Store) {
	ctx := t.Context()
	count := func(want link.TokenMoves) {
		t.Helper()
		n, err := s.CountTokens(ctx, "a")
		ok(t, err)
		same(t, n, want)
	}
	waiting, err := s.WaitingTokens(ctx, "a", "", 1)
	ok(t, err)
	same(t, waiting, []string{"bob"})
	ok(t, s.MoveToken(ctx, "a", "bob", link.TokenMoved))
	ok(t, s.MoveToken(ctx, "a", "cleo", link.TokenRefused))
	ok(t, s.MoveToken(ctx, "a", "nobody", link.TokenMoved))
	count(link.TokenMoves{Moved: 1, Refused: 1})
	// A new sign-in waits again, and all do when the span went back.
	ok(t, s.PutUserToken(ctx, link.UserToken{Pair: "a", Username: "cleo", Sealed: []byte("c2")}))
	waiting, err = s.WaitingTokens(ctx, "a", "bob", 10)
	ok(t, err)
	same(t, waiting, []string{"cleo"})
	ok(t, s.ResetTokens(ctx, "a"))
	count(link.TokenMoves{Waiting: 2})
	gone, err := s.DeleteMovedTokens(ctx, "a", 10)
	ok(t, err)
	same(t, gone, 0)

	for range 2 {
		ok(t, s.MoveToken(ctx, "a", "bob", link.TokenMoved))
		ok(t, s.MoveToken(ctx, "a", "cleo", link.TokenMoved))
		_, err = s.DeleteMovedTokens(ctx, "a", 1)
		ok(t, err)
	}
	count(link.TokenMoves{})
}
