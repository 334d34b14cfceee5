package tracking_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/tracking"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

func at(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }

// TestChoose: an event goes to the message that it is of, and to none where Engagement sent of itself.
func TestChoose(t *testing.T) {
	t.Parallel()
	result := func(sent int, id string) *tracking.Result {
		r := &tracking.Result{TrackingID: id}
		if sent >= 0 {
			r.SentAt = at(sent)
		}
		return r
	}
	one := func(asked int, r *tracking.Result) tracking.Candidate {
		return tracking.Candidate{DefinitionKey: "Welcome", AskedAt: at(asked), Result: r}
	}
	for name, c := range map[string]struct {
		kind       string
		id         string
		at         int
		candidates []tracking.Candidate
		want       int
	}{
		"nobody":                          {engagement.EventSent, "", 9, nil, -1},
		"the only one":                    {engagement.EventSent, "", 9, []tracking.Candidate{one(8, nil)}, 0},
		"asked for later":                 {engagement.EventSent, "", 5, []tracking.Candidate{one(8, nil)}, -1},
		"the oldest that waits":           {engagement.EventSent, "", 9, []tracking.Candidate{one(8, nil), one(3, nil), one(1, result(2, ""))}, 1},
		"not sent, the oldest that waits": {engagement.EventNotSent, "", 9, []tracking.Candidate{one(8, nil), one(3, nil)}, 1},
		"sent of itself":                  {engagement.EventSent, "", 9, []tracking.Candidate{one(1, result(2, ""))}, -1},
		"opened, the last one sent":       {engagement.EventOpen, "", 9, []tracking.Candidate{one(1, result(2, "")), one(3, result(4, "")), one(5, nil)}, 1},
		"opened before the last was sent": {engagement.EventOpen, "", 4, []tracking.Candidate{one(1, result(2, "")), one(1, result(8, ""))}, 0},
		"opened, by its id":               {engagement.EventOpen, "a", 9, []tracking.Candidate{one(1, result(2, "a")), one(3, result(4, "b"))}, 0},
		"opened, another's id":            {engagement.EventOpen, "c", 9, []tracking.Candidate{one(1, result(2, "a")), one(3, result(4, "b"))}, -1},
		"bounced, unsent":                 {engagement.EventBounce, "", 9, []tracking.Candidate{one(1, result(2, "")), one(8, nil)}, 1},
		"bounced, by its id":              {engagement.EventBounce, "a", 9, []tracking.Candidate{one(8, result(8, "b")), one(1, result(2, "a"))}, 1},
	} {
		e := tracking.Event{Kind: c.kind, TrackingID: c.id, DefinitionKey: "welcome", At: at(c.at)}
		if got := tracking.Choose(e, c.candidates); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if tracking.Choose(tracking.Event{Kind: engagement.EventSent, DefinitionKey: "other", At: at(9)}, []tracking.Candidate{one(8, nil)}) != -1 {
		t.Error("an event of another definition was taken")
	}
}

// TestWith: whatever the order in which events are read, the result is the same.
func TestWith(t *testing.T) {
	t.Parallel()
	events := []tracking.Event{
		{Kind: engagement.EventSent, TrackingID: "a", At: at(1)},
		{Kind: engagement.EventOpen, TrackingID: "a", At: at(5)},
		{Kind: engagement.EventOpen, TrackingID: "a", At: at(3)},
		{Kind: engagement.EventClick, TrackingID: "a", At: at(4), URL: "x"},
		{Kind: engagement.EventUnsubscribe, TrackingID: "a", At: at(6)},
		{Kind: engagement.EventBounce, TrackingID: "a", At: at(7), Bounce: "Soft bounce"},
	}
	want := tracking.Result{TrackingID: "a", SentAt: at(1), OpenedAt: at(3), Clicks: 1, UniqueClicks: 1, SoftBounce: true, BouncedAt: at(7), UnsubscribedAt: at(6)}
	for turn := range events {
		var r tracking.Result
		for i := range events {
			r = r.With(events[(i+turn)%len(events)], true)
		}
		if r != want || !r.Told() {
			t.Errorf("turned by %d: %+v", turn, r)
		}
	}
	if r := (tracking.Result{}).With(tracking.Event{Kind: engagement.EventNotSent, At: at(1)}, false); r.Told() {
		t.Errorf("a message that was not sent is told: %+v", r)
	}
	if r := (tracking.Result{}).With(tracking.Event{Kind: engagement.EventBounce, At: at(1), Bounce: "Hard bounce"}, false); !r.HardBounce || r.SoftBounce || !r.Told() {
		t.Errorf("a hard bounce: %+v", r)
	}
}

// TestHash: no two events that differ in anything look the same.
func TestHash(t *testing.T) {
	t.Parallel()
	base := tracking.Event{Kind: "ClickEvent", ID: "1", TrackingID: "2", RecordID: "3", DefinitionKey: "4", At: at(1), URL: "5"}
	seen := [][]byte{base.Hash()}
	for _, change := range []func(*tracking.Event){
		func(e *tracking.Event) { e.Kind = "OpenEvent" }, func(e *tracking.Event) { e.ID, e.TrackingID = "12", "" }, func(e *tracking.Event) { e.RecordID = "x" },
		func(e *tracking.Event) { e.DefinitionKey = "x" }, func(e *tracking.Event) { e.At = at(2) }, func(e *tracking.Event) { e.URL = "x" },
	} {
		other := base
		change(&other)
		for _, hash := range seen {
			if bytes.Equal(hash, other.Hash()) {
				t.Errorf("%+v looks like another", other)
			}
		}
		seen = append(seen, other.Hash())
	}
}
