package migration

import (
	"context"
	"encoding/csv"
	"io"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// Whole are the runs that belong together, the oldest first: an upgrade's migration of everybody, and the retries of those who had
// failed. What became of a user is told by the last of them that has him.
type Whole []Run

// runsOf is how many runs of a pair are looked through for those that belong together: they are among the newest.
const runsOf = 20

// Whole are the runs of an upgrade that were not undone.
func (s *Service) Whole(ctx context.Context, l link.Link, upgradeID string) (Whole, error) {
	runs, err := s.store.Runs(ctx, l.Pair, runsOf)
	if err != nil {
		return nil, err
	}
	runs = slices.DeleteFunc(runs, func(r Run) bool { return r.Upgrade != upgradeID || r.State == Undone })
	slices.Reverse(runs)
	return runs, nil
}

// Newest are the runs that belong together with the newest one, which may be none of an upgrade's and stands alone then. A NotFound
// fault with CodeNotFound where nobody was migrated.
func (s *Service) Newest(ctx context.Context, l link.Link) (Whole, error) {
	last, err := s.Status(ctx, l, "")
	if err != nil || last.Upgrade == "" || last.State == Undone {
		return Whole{last}, err
	}
	return s.Whole(ctx, l, last.Upgrade)
}

// Counts are the users of all runs by what became of each last: who failed is tried again, and nobody else.
func (w Whole) Counts() (total, reconnected, waiting, failed int) {
	if len(w) == 0 {
		return 0, 0, 0, 0
	}
	first, last := w[0], w[len(w)-1]
	if waiting = last.Waiting; last.State == Cancelled { // who waited has no outcome, as he who cancelled it wanted
		waiting = 0
	}
	if first.Retry { // there are more of them than are looked through
		return last.Total, last.Reconnected, waiting, last.Failed
	}
	total, reconnected, failed = first.Total, first.Reconnected, first.Failed
	for _, again := range w[1:] {
		reconnected, failed = reconnected+again.Reconnected, failed-again.Reconnected-again.Waiting
	}
	return total, reconnected, waiting, max(0, failed)
}

// each gives pages of the users of all runs with one of the results, each as he stood last. Enough ends it.
func (w Whole) each(ctx context.Context, store Store, results []Result, page func([]User) (enough bool, err error)) error {
	for i, r := range w {
		f := Filter{Results: results, Limit: reportPage}
		for _, later := range w[i+1:] {
			f.NotIn = append(f.NotIn, later.ID)
		}
		for more := true; more; {
			users, err := store.Users(ctx, r.Pair, r.ID, f)
			if err != nil {
				return err
			}
			if enough, err := page(users); enough || err != nil {
				return err
			}
			if more = len(users) == f.Limit; more {
				f.After = users[len(users)-1].Position
			}
		}
	}
	return nil
}

// WholeResults lists users of all runs with one of the results, each as he stood last; at most limit.
func (s *Service) WholeResults(ctx context.Context, w Whole, results []Result, limit int) ([]User, error) {
	var all []User
	err := w.each(ctx, s.store, results, func(users []User) (bool, error) {
		all = append(all, users...)
		return len(all) >= limit, nil
	})
	return all[:min(len(all), limit)], err
}

// WholeReport is Report of all runs as one.
func (s *Service) WholeReport(ctx context.Context, l link.Link, w Whole, report Report) (name string, write func(context.Context, io.Writer) error) {
	zone, err := zoneOf(ctx, s.links, l)
	if err != nil {
		zone = time.UTC // each line says which
	}
	f := Files{Stem: w[0].CreatedAt.In(zone).Format(time.DateOnly)}
	return f.name(report), func(ctx context.Context, to io.Writer) error {
		out := csv.NewWriter(to)
		if err := out.Write(columns); err != nil {
			return err
		}
		err := w.each(ctx, s.store, []Result{report.result()}, func(users []User) (bool, error) {
			for _, u := range users {
				if err := out.Write(u.record(zone)); err != nil {
					return true, err
				}
			}
			return false, nil
		})
		if err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	}
}
