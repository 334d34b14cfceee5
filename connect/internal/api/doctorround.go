package api

import (
	"context"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

type watchBody struct {
	EveryMinutes float64         `json:"every_minutes"` // 0 for never
	Severity     doctor.Severity `json:"severity"`
	Webhook      string          `json:"webhook"` // scheme, host and port; "" where there is none
	Recipients   []string        `json:"recipients"`
}

func (s *Server) watch(ctx context.Context, c call) (any, error) {
	w, err := s.Rounds.Watch(ctx, c.link)
	if err != nil {
		return nil, err
	}
	recipients, err := s.Notices.Recipients(ctx, c.link)
	if err != nil {
		return nil, err
	}
	if recipients == nil {
		recipients = []string{}
	}
	return watchBody{w.Every.Minutes(), w.Severity, w.Origin, recipients}, nil
}

func (s *Server) setWatch(ctx context.Context, c call) (any, error) {
	var in struct {
		EveryMinutes *int             `json:"every_minutes"`
		Severity     *doctor.Severity `json:"severity"`
		Webhook      *string          `json:"webhook"`
		Secret       vault.Secret     `json:"webhook_secret"`
		By           string           `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	change := doctor.WatchChange{Severity: in.Severity, Webhook: in.Webhook, Secret: in.Secret}
	if in.EveryMinutes != nil {
		every := time.Duration(max(min(*in.EveryMinutes, 1<<20), -1)) * time.Minute
		change.Every = &every
	}
	if _, err := s.Rounds.SetWatch(ctx, c.link, change, in.By); err != nil {
		return nil, err
	}
	return s.watch(ctx, c)
}

type roundsBody struct {
	Rounds []roundBody `json:"rounds"` // the newest first
	// Next is the value of "after" for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

type roundBody struct {
	Seq   int64            `json:"seq"`
	At    time.Time        `json:"at"`
	State doctor.Condition `json:"state"`
	doctor.Detail
}

func roundOf(r doctor.Round) roundBody { return roundBody{r.Seq, r.At, r.State, r.Detail} }

func (s *Server) rounds(ctx context.Context, c call) (any, error) {
	var before int64
	if c.after != "" {
		var err error
		if before, err = strconv.ParseInt(c.after, 10, 64); err != nil || before < 1 {
			return nil, fault.New(fault.Invalid, CodeInvalidLimit, "after is the next of the page before.").In("after")
		}
	}
	found, err := s.Rounds.List(ctx, c.link, before, c.limit)
	if err != nil {
		return nil, err
	}
	body := roundsBody{Rounds: make([]roundBody, len(found))}
	for i, r := range found {
		body.Rounds[i] = roundOf(r)
	}
	if len(found) == c.limit {
		body.Next = strconv.FormatInt(found[len(found)-1].Seq, 10)
	}
	return body, nil
}

func (s *Server) makeRound(ctx context.Context, c call) (any, error) {
	var in struct{}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	r, err := s.Rounds.Make(ctx, c.link)
	if err != nil {
		return nil, err
	}
	return roundOf(r), nil
}
