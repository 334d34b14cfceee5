package upgrade_test

import (
	"context"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
)

// standing is a migration that stands as it says.
type standing struct {
	upgrade.Migration
	status upgrade.MigrationStatus
}

func (s standing) Status(context.Context, link.Link, string) (upgrade.MigrationStatus, error) {
	return s.status, nil
}

// The steps about users are done when everybody has an outcome, and not where the work on them has stopped.
func TestStepsOfUsers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status          upgrade.MigrationStatus
		migrated, prove bool
		says            string
	}{
		"nobody":                   {upgrade.MigrationStatus{}, true, true, "nobody to reconnect"},
		"not begun":                {upgrade.MigrationStatus{Total: 3}, false, true, "3 users to reconnect"},
		"running":                  {upgrade.MigrationStatus{Begun: true, Running: true, Total: 3, Reconnected: 1}, false, false, "1 of 3 reconnected"},
		"some wait":                {upgrade.MigrationStatus{Begun: true, Total: 3, Reconnected: 1, Waiting: 2}, true, false, "2 waiting for approval"},
		"all have an outcome":      {upgrade.MigrationStatus{Begun: true, Total: 3, Reconnected: 2, Failed: 1}, true, true, "2 of 3 reconnected, 1 failed"},
		"stopped while proving":    {upgrade.MigrationStatus{Stopped: true, Total: 33, Failed: 1, Failure: "the org does not answer"}, false, false, "stopped: the org does not answer"},
		"stopped before the count": {upgrade.MigrationStatus{Stopped: true}, false, false, ""},
		"too late":                 {upgrade.MigrationStatus{Total: 3, Late: "It ended."}, false, true, "3 users to reconnect, too late: It ended."},
	} {
		steps := upgrade.NewConnectedApp(upgrade.Parts{Users: standing{status: c.status}}).Steps[upgrade.Documented]
		for _, step := range steps {
			want := c.migrated
			switch step.Name {
			case upgrade.Prove:
				want = c.prove
			case upgrade.Migrate:
			default:
				continue
			}
			f, err := step.Look(t.Context(), upgrade.Work{})
			if err != nil || f.Done != want || !strings.Contains(f.Have, c.says) {
				t.Errorf("%s, %s: done %v, want %v: %q, %v", name, step.Name, f.Done, want, f.Have, err)
			}
		}
	}
}
