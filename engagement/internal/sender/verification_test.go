package sender_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// proofs are the mails with links that prove addresses.
type proofs struct {
	links []string
	fail  error
}

func (m *proofs) mail(_ context.Context, to, _, link string) error {
	if m.fail == nil {
		m.links = append(m.links, to+" "+link)
	}
	return m.fail
}

// last is the token and the address of the link that was mailed last.
func (m *proofs) last(t *testing.T) (token, address string) {
	t.Helper()
	if len(m.links) == 0 {
		t.Fatal("nothing was mailed")
	}
	_, link, _ := strings.Cut(m.links[len(m.links)-1], " ")
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return path.Base(u.Path), u.Query().Get("u")
}

func verifying(t *testing.T, db *sqldb.DB) (*sendertest.Kit, *proofs) {
	k := sendertest.New(t, db, sendertest.Options{Idle: true, Links: tenant.Links{Base: "http://x.example", Key: []byte(strings.Repeat("k", 32))}})
	m := &proofs{}
	k.Verification.Mail = m.mail
	return k, m
}

// Whoever may register addresses may not have strangers flooded with mail, not even by removing and registering them anew.
func TestVerificationMailsAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k, m := verifying(t, db)
		ctx, p := t.Context(), sendertest.Principal(sendertest.Top)
		add := func(address string, want fault.Code) {
			t.Helper()
			if _, err := k.Verification.Add(ctx, p, address); fault.CodeOf(err) != want {
				t.Errorf("%s: %v", address, err)
			}
		}
		add("boss@shop.example", "")
		add("BOSS@shop.example", tenant.CodeMailedLately)
		if n, err := k.Verification.Remove(ctx, p, []string{"boss@shop.example"}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		add("boss@shop.example", tenant.CodeMailedLately)
		if len(m.links) != 1 {
			t.Errorf("mailed %v", m.links)
		}
		k.Time.Advance(61 * time.Minute)
		add("boss@shop.example", "")
		// A mail that did not go out does not count.
		m.fail = errors.New("the mail server is away")
		if _, err := k.Verification.Add(ctx, p, "clerk@shop.example"); !errors.Is(err, m.fail) {
			t.Errorf("%v", err)
		}
		m.fail = nil
		add("clerk@shop.example", "")
		for i := range 48 {
			add(fmt.Sprintf("a%d@shop.example", i), "")
		}
		add("one.more@shop.example", tenant.CodeMailedLately)
		if len(m.links) != 51 {
			t.Errorf("%d mails", len(m.links))
		}
	})
}

// A link is good for the registration that it was mailed for, once, and for seven days.
func TestALinkProvesOneRegistration(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k, m := verifying(t, db)
		ctx, p := t.Context(), sendertest.Principal(sendertest.Top)
		add := func() (token, address string) {
			t.Helper()
			k.Time.Advance(2 * time.Hour)
			if _, err := k.Verification.Add(ctx, p, "Boss@shop.example"); err != nil {
				t.Fatal(err)
			}
			return m.last(t)
		}
		prove := func(token, address string, good bool) {
			t.Helper()
			if err := k.Verification.Prove(ctx, token, address); (err == nil) != good || !good && fault.KindOf(err) != fault.NotFound {
				t.Errorf("%v", err)
			}
			senders, err := k.Store.SendersFor(ctx, sendertest.EID, address)
			if err != nil || tenant.MaySend(senders, address) != good {
				t.Errorf("usable %v, %v", senders, err)
			}
		}
		first, address := add()
		second, _ := add()
		prove(first, address, false) // the later mail took its place
		k.Time.Advance(7 * 24 * time.Hour)
		prove(second, address, false)
		third, _ := add()
		prove(third, address, true)
		k.Time.Advance(30 * 24 * time.Hour)
		prove(third, address, true) // a second click
		if n, err := k.Verification.Remove(ctx, p, []string{address}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		fourth, _ := add()
		prove(third, address, false)
		prove(fourth, address, true)
	})
}

// Addresses and domains belong to the business unit that registered them: all may send from them, it and the top unit
// may change them. The default sender stays in use.
func TestSendersBelongToTheirUnit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k, m := verifying(t, db)
		ctx, top, child := t.Context(), sendertest.Principal(sendertest.Top), sendertest.Principal(sendertest.Child)
		confined := top
		confined.Units = []tenant.MID{sendertest.Top}
		for address, p := range map[string]tenant.Principal{"top@shop.example": top, "child@shop.example": child} {
			if _, err := k.Verification.Add(ctx, p, address); err != nil {
				t.Fatal(err)
			}
			token, _ := m.last(t)
			if err := k.Verification.Prove(ctx, token, address); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			name, address    string
			p                tenant.Principal
			sendable, remove bool
			want             int
		}{
			{"a child's, by itself", "child@shop.example", child, false, false, 1},
			{"a child's, from the top", "child@shop.example", top, true, false, 1},
			{"a child's, by a package of the top unit alone", "child@shop.example", confined, false, false, 0},
			{"the top unit's, by a child", "top@shop.example", child, false, false, 0},
			{"the top unit's removed by a child", "top@shop.example", child, false, true, 0},
			{"the default sender", sendertest.From, top, false, false, 0},
			{"the default sender, on as it is", sendertest.From, top, true, false, 1},
			{"the default sender removed", sendertest.From, top, false, true, 0},
			{"the top unit's", "top@shop.example", top, false, true, 1},
		} {
			change := func() (int, error) { return k.Verification.Change(ctx, c.p, []string{c.address}, c.sendable) }
			if c.remove {
				change = func() (int, error) { return k.Verification.Remove(ctx, c.p, []string{c.address}) }
			}
			if n, err := change(); n != c.want || err != nil {
				t.Errorf("%s: %d, %v", c.name, n, err)
			}
		}
	})
}
