package usage

import (
	"context"
	"slices"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodeInvalidAlerts: thresholds that cannot be meant.
const CodeInvalidAlerts fault.Code = "invalid_alerts"

// ActionAlertsSet is the audit chain's word for a change of the thresholds.
const ActionAlertsSet = "usage.alerts"

// maxPercents bounds the thresholds of a connection.
const maxPercents = 5

// Alerts are the thresholds at which people are told.
type Alerts struct {
	// Percents are of the org's rolling 24-hour limit, as all its callers use it; ascending.
	Percents []int
	// Counted is a number of Connect's own calls in 24 hours that count against that limit; 0 for none.
	Counted int64
}

// DefaultAlerts are those of a connection for which nobody has set any.
func DefaultAlerts() Alerts { return Alerts{Percents: []int{80, 95}} }

// check refuses thresholds that cannot be meant, and sorts them.
func (a Alerts) check() (Alerts, error) {
	a.Percents = slices.Compact(slices.Sorted(slices.Values(a.Percents)))
	switch n := len(a.Percents); {
	case n > maxPercents:
		return a, fault.New(fault.Invalid, CodeInvalidAlerts, "Name at most %d percentages.", maxPercents).In("percents")
	case n > 0 && (a.Percents[0] < 1 || a.Percents[n-1] > 100):
		return a, fault.New(fault.Invalid, CodeInvalidAlerts, "A percentage is a whole number from 1 to 100.").In("percents")
	case a.Counted < 0:
		return a, fault.New(fault.Invalid, CodeInvalidAlerts, "The number of calls is 0 or more.").In("counted")
	}
	return a, nil
}

// What is watched.
const (
	OrgLimit     = "org_limit"     // percent of the org's limit that all its callers have used
	ConnectCalls = "connect_calls" // calls of Connect that count
)

// Crossing is a threshold that use has reached.
type Crossing struct {
	Of        string // OrgLimit or ConnectCalls
	Threshold int64  // percent or calls
	Used, Max int64  // requests in the last 24 hours; Max is the org's limit, 0 where it is not known
}

// crossed are the thresholds that a report has reached, the highest of each kind first.
func (a Alerts) crossed(r Report) []Crossing {
	var all []Crossing
	limit := r.Org.DailyAPIRequests
	for _, p := range slices.Backward(a.Percents) {
		if limit.Max > 0 && r.Used >= float64(p) {
			all = append(all, Crossing{OrgLimit, int64(p), limit.Max - limit.Remaining, limit.Max})
		}
	}
	if a.Counted > 0 && r.Counted >= a.Counted {
		all = append(all, Crossing{ConnectCalls, a.Counted, r.Counted, limit.Max})
	}
	return all
}

// Thresholds keeps alerts.
type Thresholds interface {
	// Alerts reads a pair's; DefaultAlerts where none were set.
	Alerts(ctx context.Context, pair string) (Alerts, error)
	// SetAlerts stores them, with an entry in the audit chain.
	SetAlerts(ctx context.Context, pair string, a Alerts, why audit.Change) error
}

// SetAlerts says at which thresholds people are told; none tells nobody.
func (s *Service) SetAlerts(ctx context.Context, l link.Link, a Alerts, actor string) error {
	a, err := a.check()
	if err != nil {
		return err
	}
	return s.store.SetAlerts(ctx, l.Pair, a, audit.Change{At: s.links.Now(l), Actor: actor, Action: ActionAlertsSet})
}

// Watch looks which thresholds are reached. told is false where the org does not tell how much is used, so that nobody knows
// of OrgLimit. The org is asked only where there is a threshold for it.
func (s *Service) Watch(ctx context.Context, l link.Link) (reached []Crossing, told bool, err error) {
	a, err := s.store.Alerts(ctx, l.Pair)
	if err != nil || len(a.Percents) == 0 && a.Counted == 0 {
		return nil, true, err
	}
	r, err := s.report(ctx, l, a, len(a.Percents) > 0)
	return r.Reached, r.OrgError == nil, err
}
