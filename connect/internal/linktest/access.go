package linktest

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

func consoleSessions(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	v := access.Session{
		Token: vault.HashToken("cookie"), Pair: "a", Role: access.Admin, Expires: At(100), Seen: At(1), RoleAt: At(2), Eyes: []byte("sealed"),
		Person: access.Person{Cloud: access.ByOrg, OrgID: "00D", UserID: "005", Username: "u@x.example", Name: "Ü"},
	}
	ok(t, s.AddConsoleSession(ctx, audit.Change{}, v))
	got, err := s.ConsoleSession(ctx, v.Token)
	ok(t, err)
	same(t, got, v)
	v.Role, v.Seen, v.RoleAt = access.User, At(3), At(4)
	ok(t, s.KeepConsoleSession(ctx, v))
	got, err = s.ConsoleSession(ctx, v.Token)
	ok(t, err)
	same(t, got, v)

	// One that is added sweeps out what ended long ago, and nothing else.
	late := v
	late.Eyes = nil // nothing was lent
	late.Token, late.Expires = vault.HashToken("late"), v.Expires.Add(access.SessionLife+25*60*60*1e9)
	ok(t, s.AddConsoleSession(ctx, audit.Change{}, late))
	_, err = s.ConsoleSession(ctx, v.Token)
	wantCode(t, err, access.CodeNotFound)
	got, err = s.ConsoleSession(ctx, late.Token)
	ok(t, err)
	same(t, got, late)
	ok(t, s.KeepConsoleSession(ctx, v)) // it is no more, and stays so
	_, err = s.ConsoleSession(ctx, v.Token)
	wantCode(t, err, access.CodeNotFound)
	ok(t, s.EndConsoleSession(ctx, late.Token))
	ok(t, s.EndConsoleSession(ctx, late.Token))
	_, err = s.ConsoleSession(ctx, late.Token)
	wantCode(t, err, access.CodeNotFound)
}

func apiTokens(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	Put(t, s, "b", 2)
	made := func(pair, id, name string, from, until int) access.Token {
		return access.Token{Pair: pair, ID: id, Hash: vault.HashToken(pair + id), Name: name, Role: access.Reader, By: "admin", Created: At(from), Expires: At(until)}
	}
	why := audit.Change{At: At(5), Actor: "admin", Action: audit.TokenCreated, Subject: "nightly"}
	one := made("a", "1", "nightly", 0, 100)
	ok(t, s.AddToken(ctx, why, one))
	wantCode(t, s.AddToken(ctx, why, made("a", "2", "nightly", 0, 100)), access.CodeTokenName)
	ok(t, s.AddToken(ctx, why, made("b", "1", "nightly", 0, 100)))
	got, err := s.TokenByHash(ctx, one.Hash)
	ok(t, err)
	same(t, got, one)
	_, err = s.TokenByHash(ctx, vault.HashToken("another"))
	wantCode(t, err, access.CodeNotFound)
	ok(t, s.UseToken(ctx, "a", "1", At(7)))
	one.Used = At(7)

	revoke := audit.Change{At: At(9), Actor: "admin", Action: audit.TokenRevoked}
	_, err = s.RevokeToken(ctx, revoke, "b", "2")
	wantCode(t, err, access.CodeNotFound)
	one.Revoked = At(9)
	for range 2 { // the second does nothing
		got, err = s.RevokeToken(ctx, revoke, "a", "1")
		ok(t, err)
		same(t, got, one)
		revoke.At = At(10)
	}
	entries, err := s.Entries(ctx, "a", 0, 10)
	ok(t, err)
	actions := []string{}
	for _, e := range entries[1:] {
		actions = append(actions, e.Action+" "+e.Subject)
	}
	same(t, actions, []string{audit.TokenCreated + " nightly", audit.TokenRevoked + " nightly"})

	// The name is free again, after revocation as after expiry; those that work come first.
	ok(t, s.AddToken(ctx, why, made("a", "3", "nightly", 0, 100)))
	ok(t, s.AddToken(ctx, why, made("a", "4", "nightly", 100, 200)))
	ok(t, s.AddToken(ctx, why, made("a", "5", "another", 100, 200)))
	all, err := s.Tokens(ctx, "a")
	ok(t, err)
	ids := []string{}
	for _, t := range all {
		ids = append(ids, t.ID)
	}
	same(t, ids[:2], []string{"5", "4"})
	same(t, len(ids), 4)
}

func consoleLink(t *testing.T, s Store) {
	ctx := t.Context()
	Put(t, s, "a", 1)
	first, second := vault.HashToken("first"), vault.HashToken("second")
	ok(t, s.PutConsoleLink(ctx, "a", first, At(1)))
	ok(t, s.PutConsoleLink(ctx, "a", second, At(2)))
	_, _, err := s.TakeConsoleLink(ctx, first)
	wantCode(t, err, access.CodeNotFound)
	var won atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			pair, expires, err := s.TakeConsoleLink(ctx, second)
			if err == nil && pair == "a" && expires.Equal(At(2)) {
				won.Add(1)
			} else if fault.CodeOf(err) != access.CodeNotFound {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d took the link", won.Load())
	}
}
