package upgrade_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/upgrade"
)

// The hour that is proposed: without scheduled sends inside, with the fewest messages, then the fewest calls, then the soonest.
func TestQuietest(t *testing.T) {
	t.Parallel()
	first := time.Date(2016, 5, 2, 10, 0, 0, 0, time.UTC)
	var busy [24]upgrade.Hour
	for h := range busy {
		busy[h] = upgrade.Hour{Sends: 100, Calls: 1000}
	}
	quiet := busy
	quiet[2], quiet[3], quiet[4] = upgrade.Hour{Sends: 0, Calls: 50}, upgrade.Hour{Sends: 0, Calls: 20}, upgrade.Hour{Sends: 0, Calls: 10}
	night := time.Date(2016, 5, 3, 3, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		hours  [24]upgrade.Hour
		window time.Duration
		due    []time.Time
		want   time.Time
		sends  int64
		calls  int64
		inside int
	}{
		"nothing happened":           {window: 2 * time.Hour, want: first},
		"all alike":                  {hours: busy, window: 2 * time.Hour, want: first, sends: 200, calls: 2000},
		"a quiet night":              {hours: quiet, window: 2 * time.Hour, want: night, calls: 30},
		"with one hour":              {hours: quiet, window: time.Hour, want: night.Add(time.Hour), calls: 10},
		"part of an hour":            {hours: quiet, window: 90 * time.Minute, want: night, calls: 30},
		"a send that night":          {hours: quiet, window: 2 * time.Hour, due: []time.Time{night.Add(time.Hour)}, want: night.Add(24 * time.Hour), calls: 30},
		"a send at its end":          {hours: quiet, window: 2 * time.Hour, due: []time.Time{night.Add(2 * time.Hour)}, want: night, calls: 30},
		"longer than the quiet time": {hours: quiet, window: 4 * time.Hour, want: night.Add(-2 * time.Hour), sends: 100, calls: 1080},
	} {
		p := upgrade.Quietest(first, c.window, c.hours, c.due)
		if !p.At.Equal(c.want) || p.Until.Sub(p.At) != c.window || p.Sends != c.sends || p.Calls != c.calls || p.Inside != c.inside {
			t.Errorf("%s: %v, %d sends, %d calls, %d inside; want %v, %d, %d", name, p.At, p.Sends, p.Calls, p.Inside, c.want, c.sends, c.calls)
		}
	}
}
