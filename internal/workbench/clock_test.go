package workbench_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/workbench"
)

// twoPairs are a program's pairs, in memory.
type twoPairs struct {
	list    []workbench.Pair
	offsets map[string]time.Duration
	wanted  workbench.NewPair
}

func newPairs() *twoPairs {
	return &twoPairs{
		list: []workbench.Pair{
			{ID: "first", Fixture: "demo", AccountType: "enterprise-2", OrgID: "00D000000000001", EID: 7001},
			{ID: "second", Fixture: "legacy", AccountType: "core", OrgID: "00D000000000002", EID: 7002},
		},
		offsets: map[string]time.Duration{},
	}
}

func (p *twoPairs) Pairs() []workbench.Pair { return p.list }

func (p *twoPairs) Make(_ context.Context, n workbench.NewPair) (workbench.Made, error) {
	p.wanted = n
	if n.Package == "1" {
		return workbench.Made{}, fault.New(fault.Invalid, "invalid_pair", "There is no such release.").In("package")
	}
	p.list = append(p.list, workbench.Pair{ID: "third", Fixture: n.Fixture, AccountType: n.AccountType, OrgID: "00D000000000003", EID: 7003})
	return workbench.Made{ID: "third", Ready: []byte("{\n  \"password\": \"shown once\"\n}")}, nil
}

func (p *twoPairs) Delete(_ context.Context, id string) error {
	for i, one := range p.list {
		if one.ID == id && i > 0 {
			p.list = append(p.list[:i:i], p.list[i+1:]...)
			return nil
		}
	}
	return fault.New(fault.NotFound, "no_such_pair", "There is no pair of that id.")
}

func (p *twoPairs) Clock(pair string) (workbench.Clock, error) {
	for _, one := range p.list {
		if one.ID == pair {
			return workbench.Clock{Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(p.offsets[pair]), Offset: p.offsets[pair]}, nil
		}
	}
	return workbench.Clock{}, fault.New(fault.NotFound, "no_such_pair", "There is no pair of that id.")
}

func (p *twoPairs) Advance(_ context.Context, pair string, by time.Duration) error {
	if by > 1000*time.Hour {
		return fault.New(fault.Invalid, "invalid_clock", "Domain time stays within 50 years of the machine's.")
	}
	p.offsets[pair] += by
	return nil
}

func (p *twoPairs) SetClock(_ context.Context, pair string, now time.Time) error {
	p.offsets[pair] = now.Sub(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	if now.Year() == time.Now().Year() && time.Until(now).Abs() < time.Minute {
		p.offsets[pair] = 0
	}
	return nil
}

func TestClock(t *testing.T) {
	t.Parallel()
	b := signedIn(t)
	b.Open("/workbench/clock").Sees("22 November 2026, 12:00:00 UTC", "not at all", "Moving it by 12 hours or more ends sessions").SeesNot("Back to the machine's time")
	b.Fill("By", "two weeks").Press("Move").Sees("Error: A duration is written as 336h or 90m.")
	if b.Value("By") != "two weeks" || b.Status() != http.StatusBadRequest {
		t.Errorf("%d, %q stays", b.Status(), b.Value("By"))
	}
	b.Fill("By", "9999h").Press("Move").Sees("Error: Domain time stays within 50 years")
	b.Fill("By", "336h").Press("Move").Sees("The clock is moved", "6 December 2026, 12:00:00 UTC", "336h0m0s")
	b.Fill("Date and time (UTC)", "soon").Press("Set").Sees("Error: A time is written as")
	b.Fill("Date and time (UTC)", "2026-12-24T18:00").Press("Set").Sees("24 December 2026, 18:00:00 UTC")
	b.Press("Back to the machine's time").Sees("not at all")
	b.Choose("Pair", "second").Press("Show").Sees("Pair second").Fill("By", "1h").Press("Move").Sees("Pair second", "13:00:00")
	if b.both.offsets["first"] != 0 || b.both.offsets["second"] != time.Hour {
		t.Errorf("%v", b.both.offsets)
	}
	b.Open("/workbench/clock?pair=none").Sees("There is no pair of that id.")
}

// A pair's token moves that pair's clock and no other.
func TestAPairsClock(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Open("/workbench/clock").Fill("Control token", pairToken).Press("Sign in").Sees("Clock", "Pair second").SeesNot("first")
	b.Fill("By", "12h").Press("Move").Sees("12h0m0s")
	b.Open("/workbench/clock?pair=first").Sees("which reaches that pair's clock alone")
	b.Open("/workbench/pairs").Sees("This page is about all pairs.")
	if b.Status() != http.StatusForbidden || b.both.offsets["first"] != 0 {
		t.Errorf("%d, %v", b.Status(), b.both.offsets)
	}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	b := signedIn(t)
	b.Open("/workbench/pairs").Sees("first", "second", "7002", "the first pair stays")
	b.Fill("Managed package", "1").Choose("Account type", "core").Press("Make the pair").Sees("Error: There is no such release.")
	if b.Value("Account type") != "core" || b.Value("Managed package") != "1" {
		t.Errorf("%q and %q stay", b.Value("Account type"), b.Value("Managed package"))
	}
	b.Fill("Managed package", "219").Fill("Users", "many").Press("Make the pair").Sees("Error: That is no whole number.")
	b.Fill("Users", "20").Choose("Fixture", "legacy").Press("Make the pair").Sees("A new pair: third", "shown once")
	if want := (workbench.NewPair{Fixture: "legacy", Users: 20, AccountType: "core", Package: "219"}); b.both.wanted != want {
		t.Errorf("wanted %+v", b.both.wanted)
	}
	b.Click("All pairs").Sees("third").SeesNot("shown once").ClickIn("third", "Clock").Sees("Pair third")
	b.Open("/workbench/pairs").ClickIn("third", "Delete").Sees("the org 00D000000000003", "It does not come back.").Press("Delete the pair").Sees("The pair is deleted").SeesNot("third")
	for _, id := range []string{"first", "third"} {
		if b.Open("/workbench/pairs/" + id); b.Status() != http.StatusNotFound {
			t.Errorf("%s: %d", id, b.Status())
		}
	}
}
