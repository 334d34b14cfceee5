package pages

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/upgrade"
)

// TestProgressText: the wizard's line has how many users are through, how fast it goes and how long the rest takes, where these are known.
func TestProgressText(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]upgrade.Progress{
		"3 of 11 steps done": {Done: 3, Steps: 11},
		"6 of 11 steps done; 290 of 600 users reconnected, 4 waiting for approval, 10 failed; 5 users a second; about 1m2s left": {
			Done: 6, Steps: 11, Users: upgrade.MigrationStatus{Total: 600, Reconnected: 290, Waiting: 4, Failed: 10, Rate: 5.1, Left: 61*time.Second + 700*time.Millisecond},
		},
		"6 of 11 steps done; 0 of 600 users reconnected, 0 waiting for approval, 0 failed": {Done: 6, Steps: 11, Users: upgrade.MigrationStatus{Total: 600}},
	} {
		if got := progressText(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
