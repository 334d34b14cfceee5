package link_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// What whoever needs the connection is told: why, and until when; and by how much it is late, where it is.
func TestOutageRefusal(t *testing.T) {
	t.Parallel()
	from := time.Date(2016, 5, 7, 22, 0, 0, 0, time.UTC)
	o := link.Outage{Mode: link.Hold, From: from, Until: from.Add(2 * time.Hour), Stays: true, Reason: "upgrade in progress"}
	for after, want := range map[time.Duration]string{
		0:                              "The connection is unavailable: upgrade in progress until 2016-05-08 00:00 UTC.",
		2 * time.Hour:                  "upgrade in progress, planned until 2016-05-08 00:00 UTC; it takes longer, by 1m0s so far.",
		2*time.Hour + 25*time.Minute:   "longer, by 25m0s so far.",
		2*time.Hour - time.Millisecond: "until 2016-05-08 00:00 UTC.",
	} {
		if !o.Open(from.Add(after)) {
			t.Errorf("after %s it is not open", after)
		}
		if got := o.Refusal(from.Add(after)).Error(); !strings.Contains(got, want) {
			t.Errorf("after %s: %q", after, got)
		}
	}
}
