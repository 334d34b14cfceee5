package migration

import (
	"cmp"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
)

// A failure of the moment is a user's outcome after eight attempts, or a day after the first one; where a run that had stopped was
// resumed, the day counts from then.
func TestTriesEnd(t *testing.T) {
	t.Parallel()
	now := time.Date(2016, 5, 7, 22, 0, 0, 0, time.UTC)
	down := fault.New(fault.Unavailable, "down", "The org does not answer.")
	refused := fault.New(fault.Unauthenticated, client.CodeUnauthorized, "The org refuses the token.") // twice: a fresh one was tried
	for name, c := range map[string]struct {
		since, resumed time.Duration // ago; 0 for never
		attempts       int
		want           Result
		err            error // nil for down
	}{
		"a token refused":          {since: time.Minute, attempts: 1, want: UserPlanned, err: refused},
		"a token always refused":   {since: time.Minute, attempts: 8, want: UserFailed, err: refused},
		"just now":                 {since: time.Minute, attempts: 1, want: UserPlanned},
		"seven attempts":           {since: time.Hour, attempts: 7, want: UserPlanned},
		"eight attempts":           {since: time.Hour, attempts: 8, want: UserFailed},
		"the last second":          {since: 24*time.Hour - time.Second, attempts: 1, want: UserPlanned},
		"a day":                    {since: 24 * time.Hour, attempts: 1, want: UserFailed},
		"a day, resumed since":     {since: 48 * time.Hour, resumed: time.Hour, attempts: 1, want: UserPlanned},
		"resumed, and another day": {since: 72 * time.Hour, resumed: 25 * time.Hour, attempts: 1, want: UserFailed},
		"never tried":              {attempts: 1, want: UserPlanned},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ago := func(d time.Duration) time.Time {
				if d == 0 {
					return time.Time{}
				}
				return now.Add(-d)
			}
			err := cmp.Or[error](c.err, down)
			u := User{Attempts: c.attempts, Since: ago(c.since)}
			u = u.after(err, false, Run{ResumedAt: ago(c.resumed)}.old(u, now))
			if u.Result != c.want || (u.Result == UserFailed) != (u.Reason == fault.Of(err).Message) {
				t.Errorf("he is %s: %s %s", u.Result, u.Code, u.Reason)
			}
		})
	}
}
