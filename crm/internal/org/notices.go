package org

import (
	"context"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// UsageNotice mails a user when the org's API requests of the last 24 hours reach a part of the limit (connect-facts 6,
// API Usage Notifications).
type UsageNotice struct {
	Org       ID
	User      ID
	Threshold int64         // percent of the limit, 0 to 100
	Interval  time.Duration // at most one mail in it, in the org's time; whole hours
	Created   time.Time     // domain time
	// Armed: the next time that use is at the threshold a mail goes out. It is false from then until use has been below.
	Armed bool
	Sent  time.Time // domain time of the last mail; zero before the first

	Username string // as read
}

// due reports whether a mail is due at a reading, or the notice is to be armed again.
func (n UsageNotice) due(r Reading, now time.Time) (mail, arm bool) {
	if reached := r.Max > 0 && r.Used*100 >= n.Threshold*r.Max; !reached {
		return false, !n.Armed
	}
	return n.Armed && n.rested(now), false
}

// rested reports whether the last mail is an interval ago. A clock that was set back does not silence a notice.
func (n UsageNotice) rested(now time.Time) bool {
	return n.Sent.IsZero() || n.Sent.After(now) || now.Sub(n.Sent) >= n.Interval
}

// Bounds of notices.
const (
	maxNotices        = 50 // of an org
	maxNoticeInterval = 24 * time.Hour
)

// NoticeStore keeps notices.
type NoticeStore interface {
	// Notices lists an org's notices by threshold and user name.
	Notices(ctx context.Context, org ID) ([]UsageNotice, error)
	// PutNotice keeps a notice in place of the user's with the same threshold, and runs note in the same transaction.
	PutNotice(ctx context.Context, n UsageNotice, most int, note func(RecordTx) error) error
	// DeleteNotice deletes a notice and runs note in the same transaction; false where there is none.
	DeleteNotice(ctx context.Context, org, user ID, threshold int64, note func(RecordTx) error) (bool, error)
	// ArmNotice arms a notice again.
	ArmNotice(ctx context.Context, n UsageNotice) error
	// SendNotice disarms a notice that is armed and was last sent at n.Sent, keeps when, and queues the letter in the same
	// transaction; another process may have done it before, which is no error.
	SendNotice(ctx context.Context, n UsageNotice, at time.Time, l Letter) error
}

// NoticeMailer writes what a notice says.
type NoticeMailer interface {
	// UsageReached says that the org has used so much of its requests.
	UsageReached(o Org, u User, threshold int64, r Reading) (Letter, error)
}

// Notices mails warnings about the org's use of its API.
type Notices struct {
	Store NoticeStore
	Known *Known
	Clock *clock.Domain
	Mail  NoticeMailer
}

// List lists the notices of the session's org.
func (n *Notices) List(ctx context.Context, s Session) ([]UsageNotice, error) {
	if err := mayNotify(s); err != nil {
		return nil, err
	}
	return n.Store.Notices(ctx, s.Org)
}

// Put mails a user of the org from now on; the one that he has at the threshold is replaced.
func (n *Notices) Put(ctx context.Context, s Session, username string, threshold int64, every time.Duration) error {
	if err := mayNotify(s); err != nil {
		return err
	}
	if threshold < 0 || threshold > 100 {
		return fault.New(fault.Invalid, CodeInvalidValue, "threshold is a percentage, from 0 to 100").In("threshold")
	}
	if every < time.Hour || every > maxNoticeInterval || every%time.Hour != 0 {
		return fault.New(fault.Invalid, CodeInvalidValue, "intervalHours is from 1 to 24").In("intervalHours")
	}
	u, err := n.recipient(ctx, s, username)
	if err != nil {
		return err
	}
	o, err := n.Known.OrgByID(ctx, s.Org)
	if err != nil {
		return err
	}
	if _, err := n.Mail.UsageReached(o, u, threshold, Reading{}); err != nil { // no way to mail
		return err
	}
	now := n.Clock.Now(string(s.Org))
	return n.Store.PutNotice(ctx, UsageNotice{Org: s.Org, User: u.ID, Threshold: threshold, Interval: every, Created: now, Armed: true}, maxNotices, func(tx RecordTx) error {
		return Audit(tx, s, now, "createdapiusagenotification", sectionNotices, fmt.Sprintf("Created API usage notification for %s at %d%%", u.Username, threshold))
	})
}

// Delete ends a notice.
func (n *Notices) Delete(ctx context.Context, s Session, username string, threshold int64) error {
	if err := mayNotify(s); err != nil {
		return err
	}
	u, err := n.recipient(ctx, s, username)
	if err != nil {
		return err
	}
	found, err := n.Store.DeleteNotice(ctx, s.Org, u.ID, threshold, func(tx RecordTx) error {
		return Audit(tx, s, n.Clock.Now(string(s.Org)), "deletedapiusagenotification", sectionNotices, fmt.Sprintf("Deleted API usage notification for %s at %d%%", u.Username, threshold))
	})
	if err == nil && !found {
		err = fault.New(fault.NotFound, CodeNotFound, "The requested resource does not exist")
	}
	return err
}

// sectionNotices is where Setup has notices.
const sectionNotices = "API Usage Notifications"

// mayNotify: API Usage Notifications need Modify All Data (connect-facts 6).
func mayNotify(s Session) error {
	if s.Permissions[PermModifyAllData] {
		return nil
	}
	return fault.New(fault.Denied, CodeInsufficientAccess, "insufficient access rights on object id")
}

func (n *Notices) recipient(ctx context.Context, s Session, username string) (User, error) {
	u, err := n.Known.UserByUsername(ctx, username)
	if fault.KindOf(err) == fault.NotFound || err == nil && u.Org != s.Org {
		return User{}, fault.New(fault.Invalid, CodeInvalidReference, "no user of the org is called %s", clip(username)).In("username")
	}
	return u, err
}

// Check mails whoever is to know of a reading. The meter calls it about once a second for an org that is being called.
func (n *Notices) Check(ctx context.Context, org ID, r Reading) error {
	notices, err := n.Store.Notices(ctx, org)
	if err != nil {
		return err
	}
	now := n.Clock.Now(string(org))
	for _, one := range notices {
		mail, arm := one.due(r, now)
		if arm {
			err = n.Store.ArmNotice(ctx, one)
		} else if mail {
			err = n.send(ctx, one, r, now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (n *Notices) send(ctx context.Context, one UsageNotice, r Reading, now time.Time) error {
	o, err := n.Known.OrgByID(ctx, one.Org)
	if err != nil {
		return err
	}
	u, err := n.Known.UserByID(ctx, one.Org, one.User)
	if err != nil {
		return err
	}
	if !u.Active { // as if it had been sent: he does not hear of it when he is back
		return n.Store.SendNotice(ctx, one, now, Letter{})
	}
	l, err := n.Mail.UsageReached(o, u, one.Threshold, r)
	if err != nil {
		return err
	}
	return n.Store.SendNotice(ctx, one, now, l)
}
