package notice

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/mail"
)

// watchEvery is how often a connection's use is looked at, in machine time: where its calls count, each look is one.
const watchEvery = 10 * time.Minute

// Spent tells of use that has reached a threshold; usage.Service is one.
type Spent interface {
	// Watch gives them, the highest of each kind first. told is false where the org does not tell how much is used.
	Watch(ctx context.Context, l link.Link) (reached []usage.Crossing, told bool, err error)
}

// reached are the thresholds that are, to be told as exceptions are. watched says of each subject whether it was looked at:
// what was mailed of one that was not stays mailed.
func (s *Service) reached(ctx context.Context, l link.Link) (found []Exception, watched map[string]bool, err error) {
	watched = map[string]bool{usage.OrgLimit: false, usage.ConnectCalls: false}
	now := s.machine()
	s.mu.Lock()
	early := now.Before(s.next[l.Pair])
	if !early {
		s.next[l.Pair] = now.Add(watchEvery)
	}
	s.mu.Unlock()
	if early {
		return nil, watched, nil
	}
	crossings, told, err := s.spent.Watch(ctx, l)
	if err != nil {
		return nil, watched, err
	}
	watched[usage.OrgLimit], watched[usage.ConnectCalls] = told, true
	highest := map[string]bool{}
	for _, c := range crossings {
		found = append(found, Exception{Subject: c.Of, Cause: link.Cause{Code: strconv.FormatInt(c.Threshold, 10)}, reached: &c, silent: highest[c.Of]})
		highest[c.Of] = true
	}
	return found, watched, nil
}

// useLetter tells of a threshold that is reached.
func (s *Service) useLetter(l link.Link, e Exception, m Mail, id string) mail.Message {
	c := *e.reached
	var subject, what string
	switch c.Of {
	case usage.OrgLimit:
		subject = fmt.Sprintf("The org has used %d%% of its API requests", c.Threshold)
		what = fmt.Sprintf("%d of %d requests in the last 24 hours, by all who call the org", c.Used, c.Max)
	default:
		subject = fmt.Sprintf("Connect has made %d calls that count", c.Threshold)
		what = fmt.Sprintf("%d calls of Connect in the last 24 hours count against the org's limit", c.Used)
	}
	text := fmt.Sprintf("%s.\n\nWhat:  %s\nSince: %s at the latest\nWhere: %s, connection %s (org %s, Engagement %d)\n\n`twinspan usage` says who calls, `twinspan usage --connect` what Connect's own calls cost. "+
		"You are told again only after use was below. `twinspan usage alerts` changes the thresholds.\n",
		subject, what, m.SeenAt.Format("2 January 2006, 15:04 MST"), s.base, l.Pair, l.Org.OrgID, l.EID)
	return mail.Message{From: s.from, To: mail.Address{Email: m.Recipient}, Subject: subject, Text: text, MessageID: id, Headers: map[string]string{"Auto-Submitted": "auto-generated"}}
}
