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

// find is the newest run of an upgrade; found is false where there is none, or it was undone.
func (r reconnect) find(ctx context.Context, l link.Link, upgradeID string) (run migration.Run, found bool, err error) {
	runs, err := r.migrations.Whole(ctx, l, upgradeID)
	if err != nil || len(runs) == 0 {
		return migration.Run{}, false, err
	}
	return runs[len(runs)-1], true, nil
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
	runs, err := r.migrations.Whole(ctx, l, upgradeID)
	if err != nil {
		return MigrationStatus{}, err
	}
	if len(runs) == 0 {
		o, err := r.migrations.Offer(ctx, l)
		s := MigrationStatus{Total: o.Users}
		switch o.Code {
		case migration.CodeOver: // they have failed, for a reason, once somebody lets them be migrated
			s.Late = fault.Of(o.Refusal()).Message
		case migration.CodeNotUpgraded: // there is nothing to start
			s.Total = 0
		}
		return s, err
	}
	run := runs[len(runs)-1]
	total, reconnected, waiting, failed := runs.Counts()
	stopped := run.State == migration.Stopped
	return MigrationStatus{
		Begun: !stopped, Stopped: stopped, Running: run.State == migration.Queued || run.State == migration.Running, Failure: run.Error, Percent: run.Percent(),
		Total: total, Reconnected: reconnected, Waiting: waiting, Failed: failed, Rate: run.Rate(), Left: run.Left(),
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
