package upgrade

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/standing"
)

// Times of letters.
const (
	// soon is how long before its outage opens both admins are reminded of it, where it was booked before that.
	soon = 24 * time.Hour
	// letterLease is how long after a crash nobody else sends a letter; letterTimeout bounds one sending.
	letterLease   = 2 * time.Minute
	letterTimeout = 30 * time.Second
	lettersAtOnce = 50
	// lookForAdmins is how long is waited after a cloud did not say who its administrators are.
	lookForAdmins = 15 * time.Second
)

// Tell makes the letters whose time has come, and sends those that were not sent. Any number of processes may do so.
func (s *Scheduler) Tell(ctx context.Context) error {
	if s.Sender == nil {
		return nil
	}
	open, err := s.Store.OpenBookings(ctx)
	if err != nil {
		return err
	}
	failed := []error{s.unbooked(ctx)}
	for _, b := range open {
		failed = append(failed, s.tell(ctx, b))
	}
	return errors.Join(append(failed, s.send(ctx))...)
}

// unbooked has both admins told of upgrades that were begun without a booking, from their opening on.
func (s *Scheduler) unbooked(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Machine().Before(s.later) {
		return nil
	}
	begun, err := s.Store.Unbooked(ctx)
	for _, u := range begun {
		var r ScheduleRequest
		l, linkErr := s.Links.Link(ctx, u.Pair)
		if linkErr == nil && l.May(standing.TellUpgrades) != nil {
			continue
		}
		if linkErr == nil {
			linkErr = s.admins(ctx, l, &r, Schedule{})
		}
		if linkErr == nil {
			linkErr = s.Store.PutBooking(ctx, Schedule{Upgrade: u, EngagementAdmins: r.EngagementAdmins, CRMAdmins: r.CRMAdmins})
		}
		err = errors.Join(err, linkErr)
	}
	if err != nil {
		s.later = s.Machine().Add(lookForAdmins)
	}
	return err
}

// tell makes the letters of a schedule that are due, reading it again where it was changed meanwhile.
func (s *Scheduler) tell(ctx context.Context, b Schedule) error {
	if s.Sender == nil {
		return nil
	}
	for try := 0; ; try++ {
		err := s.letters(ctx, b)
		if fault.CodeOf(err) != CodeChanged || try == 20 {
			return err
		}
		if b.Upgrade, err = s.Upgrades.store.Upgrade(ctx, b.Pair, b.ID); err != nil {
			return err
		}
		if b, err = s.Store.Booking(ctx, b.Upgrade); err != nil {
			return err
		}
	}
}

// letters makes those of a schedule as it was read.
func (s *Scheduler) letters(ctx context.Context, b Schedule) error {
	l, err := s.Links.Link(ctx, b.Pair)
	if err != nil || l.May(standing.TellUpgrades) != nil {
		return err
	}
	events, last := b.events(s.Links.Now(l))
	var letters []Letter
	for i, e := range events {
		made := s.Links.Now(l).Add(time.Duration(i) * time.Millisecond) // they are sent in this order
		for side, to := range map[string][]string{"Engagement": b.EngagementAdmins, "CRM": b.CRMAdmins} {
			for _, one := range to {
				letters = append(letters, b.letter(e, side, one, made, s.Base))
			}
		}
	}
	return s.Store.AddLetters(ctx, b, letters, last)
}

// events are what is to be told by a time, in the order in which it happened; last is whether nothing more will be.
func (b Schedule) events(now time.Time) (all []string, last bool) {
	// Whatever is changed of a booking is told, also where it becomes what it was once.
	key := func(what string) string {
		return fmt.Sprintf("%s@%d,%d,%d,%s", what, max(b.BookedAt.UnixMilli(), 0), max(b.At.UnixMilli(), 0), b.Window.Milliseconds(), b.Mode)
	}
	if b.OpenedAt.IsZero() {
		silent := b.BookedAt.IsZero() && b.At.IsZero() // begun as soon as it was thought of: nobody was told of an hour
		switch {
		case b.State == Cancelled && silent:
			return nil, true
		case b.State == Cancelled:
			return []string{"withdrawn"}, true
		case silent:
			return nil, false
		}
		all = append(all, key("booked"))
		if b.missed(now) {
			return append(all, key("missed")), false
		}
		if !b.At.IsZero() && b.BookedAt.Before(b.At.Add(-soon)) && !now.Before(b.At.Add(-soon)) && now.Before(b.At) {
			all = append(all, key("soon"))
		}
		return all, false
	}
	all = append(all, "opened")
	switch {
	case b.State == Watching || b.State == Done || b.State == Cancelled:
		return append(all, "closed"), true
	case b.State == Cancelling && !b.outageEnded().IsZero() && (b.Waiting != nil || b.Failure != ""): // the rest may take somebody days
		return append(all, "ended"), false
	}
	return all, false
}

// left says what is still to be put back once the outage of a cancelled upgrade has ended.
func (b Schedule) left() string {
	w := b.Waiting
	if w == nil {
		return "Connect still reads how the org stands, and tries again: " + oneLine(b.Failure)
	}
	who := map[Owner]string{CRMAdmin: "Sales or Service Cloud administrator", EngagementAdmin: "Engagement administrator"}[w.For]
	if who == "" {
		return "Connect is putting back what is left."
	}
	text := "Something is left for the " + who + " to put back.\nIt is: " + oneLine(w.Have) + "\nIt was: " + oneLine(w.Want)
	if w.Click != "" {
		text += "\nIn the browser: " + oneLine(w.Click)
	}
	if w.Command != "" {
		text += "\nBy command: `" + oneLine(w.Command) + "`"
	}
	return text
}

// missed reports whether the hour of an upgrade has come and nobody has acknowledged the changes: nothing opens then.
func (u Upgrade) missed(now time.Time) bool {
	r := u.Record(Acknowledge)
	return u.OpenedAt.IsZero() && u.Live() && u.State != Cancelling && !u.At.IsZero() && !now.Before(u.At) && r != nil && r.Status == Planned && r.ToldAt.IsZero()
}

// letter writes one.
func (b Schedule) letter(event, side, to string, now time.Time, base string) Letter {
	what, _, _ := strings.Cut(event, "@")
	title := map[Kind]string{ConnectedApp: "upgrade to Connected App authentication", TenantOAuth: "upgrade to tenant-specific OAuth"}[b.Kind]
	from := "as soon as it is begun"
	if !b.At.IsZero() {
		from = "from " + clockTime(b.At) + " to " + clockTime(b.At.Add(b.Window))
	}
	if b.AfterSends {
		from += ", once the sends have completed that are due before its end"
	}
	subject, body := "", ""
	switch what {
	case "booked":
		subject = "Booked: outage for the " + title
		body = "The outage is booked " + from + ".\n\nThe Engagement administrator acknowledges the changes before, by `twinspan upgrade start --yes`: nothing opens without that. `twinspan upgrade plan` says what will change and who will fail."
	case "soon":
		subject = "Tomorrow: outage for the " + title
		body = "The outage is " + from + ".\n\nEnsure that all Marketing Cloud Connect activities are paused. Nothing opens before the Engagement administrator has acknowledged the changes, by `twinspan upgrade start --yes`."
	case "missed":
		subject = "Not opened: outage for the " + title
		body = "The outage was booked " + from + ". Its hour has come, and nobody has acknowledged the changes: nothing was opened, and nothing has changed.\n\n`twinspan upgrade start --yes` acknowledges, and opens it at once. `twinspan upgrade schedule --at TIME` books another hour, `twinspan upgrade schedule --withdraw` none."
	case "opened":
		subject = "Open: outage for the " + title
		body = "The outage was opened at " + clockTime(b.OpenedAt) + " and is planned until " + clockTime(b.OpenedAt.Add(b.Window)) + "; it ends early once the upgrade is verified, and does not stop halfway.\n\n`twinspan upgrade watch` shows how far it is and whose turn it is."
	case "withdrawn":
		subject = "Withdrawn: outage for the " + title
		body = "No outage will be. It was withdrawn by " + oneLine(b.CancelledBy) + reasonOf(b.Reason)
	case "ended":
		subject = "Over: outage for the " + title
		body = "The outage ended at " + clockTime(b.outageEnded()) + ", and the connection works as before. The upgrade was cancelled by " + oneLine(b.CancelledBy) + reasonOf(b.Reason) + "\n\n" + b.left()
	case "closed":
		subject = "Over: outage for the " + title
		body = "The outage is over, and the upgrade is done."
		if b.State == Cancelled {
			body = "The outage is over. The upgrade was cancelled by " + oneLine(b.CancelledBy) + reasonOf(b.Reason) + "\nEverything is as it was before."
		}
	}
	if b.OpenedAt.IsZero() && what != "withdrawn" && what != "missed" {
		body += "\n\nThe connection between the clouds isn't available then. " + sentence(ModeText(b.Mode))
	}
	body += fmt.Sprintf("\n\nTroubleshoot Connected App: %s%s\nWhere: %s, connection %s\nYou are told as the %s administrator.\n", base, explain.Path, base, b.Pair, side)
	return Letter{Pair: b.Pair, Upgrade: b.ID, Event: event, Recipient: to, MadeAt: now, Subject: subject, Text: body}
}

func reasonOf(reason string) string {
	if reason == "" {
		return "."
	}
	return ": " + oneLine(reason)
}

// oneLine keeps somebody's words from looking like lines of ours.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// send sends letters that were not sent. One that the server will never take, or may have taken, is not sent again.
func (s *Scheduler) send(ctx context.Context) error {
	letters, err := s.Store.TakeLetters(ctx, s.Machine(), s.Machine().Add(letterLease), lettersAtOnce)
	if err != nil {
		return err
	}
	storing := context.WithoutCancel(ctx) // what became of a letter is kept, also while the program stops
	var failed []error
	for _, one := range letters {
		if ctx.Err() != nil { // not begun: whoever opens the database next sends it at once
			failed = append(failed, s.Store.RetryLetter(storing, one, s.Machine()))
			continue
		}
		sending, cancel := context.WithTimeout(ctx, letterTimeout)
		err := s.Sender.Send(sending, s.message(one))
		stopped := sending.Err() != nil
		cancel()
		switch {
		case fault.CodeOf(err) == mail.CodeDeferred:
			err = errors.Join(err, s.Store.RetryLetter(storing, one, s.Machine().Add(s.Retry)))
		case stopped: // its lease ends, and it is tried again
		default:
			err = errors.Join(err, s.Store.SentLetter(storing, one))
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (s *Scheduler) message(l Letter) mail.Message {
	domain := "connect.invalid"
	if u, err := url.Parse(s.Base); err == nil && u.Hostname() != "" && net.ParseIP(u.Hostname()) == nil {
		domain = u.Hostname()
	}
	id := sha256.Sum256([]byte(strings.Join([]string{"upgrade", l.Pair, l.Upgrade, l.Event, l.Recipient}, "\x00"))) // the same where it is sent again
	return mail.Message{
		From: mail.Address{Name: "Twinspan Connect", Email: "noreply@" + domain}, To: mail.Address{Email: l.Recipient}, Subject: l.Subject, Text: l.Text,
		MessageID: hex.EncodeToString(id[:16]) + "@" + domain, Headers: map[string]string{"Auto-Submitted": "auto-generated"},
	}
}
