package upgrade

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/internal/fault"
)

// Reconnect has an upgrade's users reconnected by package migration.
func Reconnect(m *migration.Service) Migration { return reconnect{m} }

type reconnect struct{ migrations *migration.Service }

// runsOf is how many runs of a pair are looked through for an upgrade's: its own is among the newest.
const runsOf = 20

// find is the newest run of an upgrade; found is false where there is none, or it was undone.
func (r reconnect) find(ctx context.Context, l link.Link, upgradeID string) (run migration.Run, found bool, err error) {
	runs, err := r.migrations.List(ctx, l, runsOf)
	for _, run := range runs {
		if run.Upgrade == upgradeID && run.State != migration.Undone {
			return run, true, err
		}
	}
	return migration.Run{}, false, err
}

// Start implements Migration.
func (r reconnect) Start(ctx context.Context, l link.Link, upgradeID, actor string) error {
	_, err := r.migrations.Start(ctx, l, upgradeID, actor)
	if fault.CodeOf(err) == migration.CodeNobody {
		return nil
	}
	return err
}

// Status implements Migration.
func (r reconnect) Status(ctx context.Context, l link.Link, upgradeID string) (MigrationStatus, error) {
	run, found, err := r.find(ctx, l, upgradeID)
	if err != nil {
		return MigrationStatus{}, err
	}
	if !found {
		o, err := r.migrations.Offer(ctx, l)
		s := MigrationStatus{Total: o.Users}
		if o.Code == migration.CodeOver || o.Code == migration.CodeNotUpgraded { // there is nothing to start
			s.Total = 0
		}
		return s, err
	}
	return MigrationStatus{
		Begun: run.State != migration.Stopped, Running: run.State == migration.Queued || run.State == migration.Running, Failure: run.Error, Percent: run.Percent(),
		Total: run.Total, Reconnected: run.Reconnected, Waiting: run.Waiting, Failed: run.Failed, Rate: run.Rate(), Left: run.Left(),
	}, nil
}

// Prove implements Migration.
func (r reconnect) Prove(ctx context.Context, l link.Link, upgradeID, actor string) error {
	run, found, err := r.find(ctx, l, upgradeID)
	if err != nil || !found {
		return err
	}
	_, err = r.migrations.Prove(ctx, l, run.ID, actor)
	if fault.CodeOf(err) == migration.CodeNothingWaits {
		return nil
	}
	return err
}

// Undo implements Migration.
func (r reconnect) Undo(ctx context.Context, l link.Link, upgradeID, actor string) error {
	return r.migrations.Undo(ctx, l, upgradeID, actor)
}

// Cancel implements Migration.
func (r reconnect) Cancel(ctx context.Context, l link.Link, upgradeID, actor string) error {
	run, found, err := r.find(ctx, l, upgradeID)
	if err != nil || !found || run.State != migration.Queued && run.State != migration.Running {
		return err
	}
	_, err = r.migrations.Cancel(ctx, l, run.ID, actor)
	return err
}
