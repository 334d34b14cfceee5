package migration_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/migration"
)

// TestPace: how fast a run goes, and how long the rest takes, is of the time since the job took it up last.
func TestPace(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		run  migration.Run
		rate float64
		left time.Duration
	}{
		"not begun":         {migration.Run{State: migration.Running, Total: 10}, 0, 0},
		"no outcome yet":    {migration.Run{State: migration.Running, Total: 10, Pace: migration.Pace{Since: began, Last: began}}, 0, 0},
		"half of it":        {migration.Run{State: migration.Running, Total: 600, Reconnected: 290, Failed: 10, Pace: migration.Pace{Since: began, Last: began.Add(time.Minute)}}, 5, time.Minute},
		"those who wait":    {migration.Run{State: migration.Running, Total: 600, Reconnected: 200, Waiting: 100, Pace: migration.Pace{Since: began, Last: began.Add(time.Minute)}}, 5, time.Minute},
		"taken up again":    {migration.Run{State: migration.Queued, Total: 600, Reconnected: 300, Pace: migration.Pace{Since: began, Before: 240, Last: began.Add(time.Minute)}}, 1, 5 * time.Minute},
		"over":              {migration.Run{State: migration.Done, Total: 600, Reconnected: 600, Pace: migration.Pace{Since: began, Last: began.Add(2 * time.Minute)}}, 5, 0},
		"stopped":           {migration.Run{State: migration.Stopped, Total: 600, Reconnected: 300, Pace: migration.Pace{Since: began, Last: began.Add(time.Minute)}}, 5, 0},
		"fewer than before": {migration.Run{State: migration.Running, Total: 600, Reconnected: 100, Pace: migration.Pace{Since: began, Before: 300, Last: began.Add(time.Minute)}}, 0, 0},
	} {
		if rate, left := c.run.Rate(), c.run.Left(); rate != c.rate || left != c.left {
			t.Errorf("%s: %v a second, %v left; want %v, %v", name, rate, left, c.rate, c.left)
		}
	}
}
