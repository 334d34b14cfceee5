package twinspan

import (
	"context"
	"encoding/json"
	"time"

	"github.com/twinspan/twinspan/internal/workbench"
)

// newWorkbench wires the pages of the control surface to what the control API calls.
func (p *Program) newWorkbench(live context.Context) *workbench.Server {
	return workbench.New(workbench.Options{
		Holder: p.holder, Inbox: p.inbox, Recorder: p.recorder, Faults: p.faults, Pairs: benchPairs{p}, Live: live, BaseURL: p.sites.control.url, Log: p.log.With("house", "control"), Machine: p.config.Machine,
	})
}

// holder is whose token of the control API it is.
func (p *Program) holder(token string) (workbench.Holder, bool) {
	s := p.pairs.ofToken(token)
	if s == nil {
		return workbench.Holder{}, false
	}
	return workbench.Holder{Pair: s.PairID, All: s == p.seed}, true
}

// benchPairs are the program's pairs as the workbench has them.
type benchPairs struct{ p *Program }

func (b benchPairs) Pairs() []workbench.Pair {
	out := []workbench.Pair{}
	for _, s := range b.p.pairs.all() {
		if b.p.config.alone() { // a connection, and no pair of clouds
			break
		}
		out = append(out, workbench.Pair{ID: s.PairID, Fixture: s.Fixture, AccountType: s.accountType(), OrgID: s.OrgID, EID: s.EID})
	}
	return out
}

func (b benchPairs) Make(ctx context.Context, n workbench.NewPair) (workbench.Made, error) {
	s, ready, err := b.p.makePair(ctx, wantedPair{n.Fixture, n.Users, n.AccountType, n.Package, false})
	if err != nil {
		return workbench.Made{}, err
	}
	text, err := json.MarshalIndent(ready, "", "  ")
	return workbench.Made{ID: s.PairID, Ready: text}, err
}

func (b benchPairs) Delete(ctx context.Context, id string) error { return b.p.deletePair(ctx, id) }

func (b benchPairs) Clock(pair string) (workbench.Clock, error) {
	s, ok := b.p.pairs.find(pair)
	if !ok {
		return workbench.Clock{}, noPair()
	}
	c := b.p.domainTime(s)
	return workbench.Clock{Now: c.Now, Offset: b.p.offset(s)}, nil
}

func (b benchPairs) Advance(ctx context.Context, pair string, by time.Duration) error {
	return b.move(ctx, pair, func(offset time.Duration) time.Duration { return offset + by })
}

func (b benchPairs) SetClock(ctx context.Context, pair string, now time.Time) error {
	return b.move(ctx, pair, func(time.Duration) time.Duration { return time.Until(now) })
}

func (b benchPairs) move(ctx context.Context, pair string, change func(time.Duration) time.Duration) error {
	s, ok := b.p.pairs.find(pair)
	if !ok {
		return noPair()
	}
	return b.p.moveClock(ctx, s, change)
}
