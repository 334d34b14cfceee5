package upgrade_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
)

// An outage that somebody had set before the upgrade stands again when the upgrade is closed, as when it is cancelled, unless its time is
// over; and what a killed process left of the upgrade's own never does.
func TestTheOutageBeforeStandsAgain(t *testing.T) {
	t.Parallel()
	now := time.Date(2016, time.May, 2, 8, 0, 0, 0, time.UTC)
	monthEnd := link.Outage{Mode: link.Hold, From: now.Add(-time.Hour), Until: now.Add(24 * time.Hour), Reason: "month end", Actor: "carl"}
	over := monthEnd
	over.Until = now.Add(-time.Minute)
	stays := over
	stays.Stays = true
	ours := link.Outage{Mode: link.Hold, From: now.Add(-time.Hour), Until: now.Add(time.Hour), Stays: true, Reason: "upgrade in progress", Actor: "olga"}
	for name, c := range map[string]struct{ before, after link.Outage }{
		"none":         {},
		"another":      {monthEnd, monthEnd},
		"over":         {over, link.Outage{}},
		"until ended":  {stays, stays},
		"an upgrade's": {ours, link.Outage{}},
	} {
		stood, err := json.Marshal(c.before)
		noError(t, err)
		w := upgrade.Work{Link: link.Link{Outage: ours}, Upgrade: upgrade.Upgrade{Steps: []upgrade.Record{{Step: upgrade.OpenOutage, Stood: stood}}}, Now: now}
		w.Record = w.Upgrade.Steps[0]
		for kind, course := range map[upgrade.Kind]upgrade.Course{upgrade.ConnectedApp: upgrade.NewConnectedApp(upgrade.Parts{}), upgrade.TenantOAuth: upgrade.NewTenantOAuth(nil, nil)} {
			for _, step := range course.Steps[upgrade.Safe] {
				do := step.Do
				switch step.Name {
				case upgrade.CloseDown:
				case upgrade.OpenOutage:
					do = step.Undo
				default:
					continue
				}
				out, err := do(t.Context(), w)
				noError(t, err)
				if out.Outage == nil {
					t.Errorf("%s: %s of %s leaves the upgrade's", name, step.Name, kind)
				} else if diff := cmp.Diff(c.after, *out.Outage); diff != "" {
					t.Errorf("%s: %s of %s: %s", name, step.Name, kind, diff)
				}
			}
		}
	}
}
