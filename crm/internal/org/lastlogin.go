package org

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/background"
)

// lastLoginStep is how long User.LastLoginDate stays after a login: the real one moves when a minute has gone by, too, and
// so a busy integration costs one write a minute.
const lastLoginStep = time.Minute

// Bounds of LastLogins: rows of one transaction, users that wait for the next, and how often they are written.
const (
	lastLoginBatch = 200
	maxLastLogins  = 1 << 16
	lastLoginEvery = time.Second
)

// LastLogin is when a user last logged in.
type LastLogin struct {
	Org, User ID
	At        time.Time
}

// LastLoginStore keeps User.LastLoginDate.
type LastLoginStore interface {
	// SetLastLogins keeps the dates of at most 200 users, in the order given, and changes nothing else of them: a login is
	// no change of the record.
	SetLastLogins(ctx context.Context, logins []LastLogin) error
}

// LastLogins gathers when users logged in and writes it beside the logins, which it must not make dearer: a second's users
// share a transaction. What a killed process had not written is in Login History all the same.
type LastLogins struct {
	store LastLoginStore
	log   *slog.Logger
	noted *cache[pair, time.Time]

	mu  sync.Mutex
	due map[pair]time.Time

	writing background.Work
}

// NewLastLogins returns a LastLogins that Start sets going.
func NewLastLogins(store LastLoginStore, log *slog.Logger) *LastLogins {
	return &LastLogins{store: store, log: log, noted: newCache[pair, time.Time](knownMany), due: map[pair]time.Time{}}
}

// note takes down a login at the org's time.
func (l *LastLogins) note(org, user ID, at time.Time) {
	who := pair{org, user}
	if last, ok := l.noted.get(who); ok && at.Sub(last).Abs() < lastLoginStep {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.due[who]; ok || len(l.due) < maxLastLogins {
		l.due[who] = at
		l.noted.put(who, at)
	}
}

// Flush writes what was taken down. What cannot be written is kept for the next time.
func (l *LastLogins) Flush(ctx context.Context) error {
	l.mu.Lock()
	logins := make([]LastLogin, 0, len(l.due))
	for who, at := range l.due {
		logins = append(logins, LastLogin{who.org, who.id, at})
	}
	clear(l.due)
	l.mu.Unlock()
	// Processes that write the same users must do so in the same order.
	slices.SortFunc(logins, func(a, b LastLogin) int { return cmp.Or(cmp.Compare(a.Org, b.Org), cmp.Compare(a.User, b.User)) })
	for len(logins) > 0 {
		n := min(len(logins), lastLoginBatch)
		if err := l.store.SetLastLogins(ctx, logins[:n]); err != nil {
			l.putBack(logins)
			return err
		}
		logins = logins[n:]
	}
	return nil
}

func (l *LastLogins) putBack(logins []LastLogin) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range logins {
		who := pair{x.Org, x.User}
		if _, newer := l.due[who]; !newer {
			l.due[who] = x.At
		}
	}
}

// Start begins to write every second until Stop.
func (l *LastLogins) Start(ctx context.Context) {
	l.writing.Every(ctx, lastLoginEvery, l.log, "users' last logins cannot be written; going on", l.Flush)
}

// Stop ends what Start began and writes the rest.
func (l *LastLogins) Stop(ctx context.Context) error {
	l.writing.Stop()
	return l.Flush(ctx)
}
