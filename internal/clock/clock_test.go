package clock_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
)

func TestEachKeyHasItsOwnTime(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 6, 1, 12, 0, 0, 123456789, time.UTC)
	d := clock.NewDomain(func() time.Time { return base })
	d.Set("a", 336*time.Hour)
	if got, want := d.Now("a"), base.Add(336*time.Hour).Truncate(time.Millisecond); !got.Equal(want) {
		t.Errorf("a: %v, want %v", got, want)
	}
	if got := d.Now("b"); !got.Equal(base.Truncate(time.Millisecond)) {
		t.Errorf("b moved with a: %v", got)
	}
	if !d.Machine().Equal(base) {
		t.Error("machine time moved")
	}
	d.Replace(map[string]time.Duration{"b": -time.Hour})
	if d.Offset("a") != 0 || d.Offset("b") != -time.Hour {
		t.Errorf("after Replace: a %v, b %v", d.Offset("a"), d.Offset("b"))
	}
}
