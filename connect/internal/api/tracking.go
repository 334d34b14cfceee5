package api

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/tracking"
)

type resultBody struct {
	MessageKey     string     `json:"message_key"`
	RecordID       string     `json:"record_id"`
	SentAt         *time.Time `json:"sent_at,omitempty"`
	OpenedAt       *time.Time `json:"opened_at,omitempty"`
	Clicks         int        `json:"clicks"`
	UniqueClicks   int        `json:"unique_clicks"`
	HardBounce     bool       `json:"hard_bounce"`
	SoftBounce     bool       `json:"soft_bounce"`
	BouncedAt      *time.Time `json:"bounced_at,omitempty"`
	UnsubscribedAt *time.Time `json:"unsubscribed_at,omitempty"`
	// ResultID is of the Individual Email Result in the org; absent before it is made.
	ResultID string `json:"result_id,omitempty"`
}

func resultOf(r tracking.Result) resultBody {
	return resultBody{
		MessageKey: r.MessageKey, RecordID: r.RecordID, SentAt: when(r.SentAt), OpenedAt: when(r.OpenedAt), Clicks: r.Clicks, UniqueClicks: r.UniqueClicks, HardBounce: r.HardBounce,
		SoftBounce: r.SoftBounce, BouncedAt: when(r.BouncedAt), UnsubscribedAt: when(r.UnsubscribedAt), ResultID: r.ResultID,
	}
}

type resultsBody struct {
	Results []resultBody `json:"results"`
	// Next is the value of "after" for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

func (s *Server) mailingResults(ctx context.Context, c call) (any, error) {
	m, err := s.Mailings.Mailing(ctx, c.link, c.value)
	if err != nil {
		return nil, err
	}
	found, err := s.Tracking.Results(ctx, c.link, m.ID, c.after, c.limit)
	if err != nil {
		return nil, err
	}
	body := resultsBody{Results: make([]resultBody, 0, len(found))}
	for _, r := range found {
		body.Results = append(body.Results, resultOf(r))
	}
	if len(found) == c.limit {
		body.Next = found[len(found)-1].MessageKey
	}
	return body, nil
}

type trackingBody struct {
	EventsUntil       *time.Time `json:"events_until,omitempty"`
	UnsubscribedUntil *time.Time `json:"unsubscribed_until,omitempty"`
	OptedOutUntil     *time.Time `json:"opted_out_until,omitempty"`
	// Refused are people and results that a cloud refused and that will be tried again; GivenUp those that will not.
	Refused int `json:"refused"`
	GivenUp int `json:"given_up"`
	// Cause is why reading failed last.
	Cause *causeBody `json:"cause,omitempty"`
}

func (s *Server) trackingState(ctx context.Context, c call) (any, error) {
	v, err := s.Tracking.State(ctx, c.link)
	if err != nil {
		return nil, err
	}
	waiting, givenUp, err := s.Tracking.CountRefused(ctx, c.link)
	if err != nil {
		return nil, err
	}
	body := trackingBody{Refused: waiting, GivenUp: givenUp, EventsUntil: when(v.EventsUntil), UnsubscribedUntil: when(v.UnsubscribedUntil), OptedOutUntil: when(v.OptedOutUntil)}
	if v.ErrorCode != "" {
		body.Cause = &causeBody{v.ErrorCode, v.Error}
	}
	return body, nil
}

type refusalBody struct {
	Want     string    `json:"want"`
	Subject  string    `json:"subject"`
	Attempts int       `json:"attempts"`
	At       time.Time `json:"at"`
	GivenUp  bool      `json:"given_up"`
	Reason   causeBody `json:"reason"`
}

type refusalsBody struct {
	Refusals []refusalBody `json:"refusals"`
	// Next is the value of "after" for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

// trackingRefusals lists what a cloud refused of single people and results.
func (s *Server) trackingRefusals(ctx context.Context, c call) (any, error) {
	want, subject, _ := strings.Cut(c.after, ":")
	found, err := s.Tracking.Refused(ctx, c.link, tracking.Refusal{Want: tracking.Want(want), Subject: subject}, c.limit)
	if err != nil {
		return nil, err
	}
	body := refusalsBody{Refusals: make([]refusalBody, 0, len(found))}
	for _, r := range found {
		body.Refusals = append(body.Refusals, refusalBody{string(r.Want), r.Subject, r.Attempts, r.At, r.RetryAt.IsZero(), causeBody{r.Code, r.Reason}})
	}
	if len(found) == c.limit {
		last := found[len(found)-1]
		body.Next = string(last.Want) + ":" + last.Subject
	}
	return body, nil
}

type pulledBody struct {
	Events       int `json:"events"`
	Written      int `json:"written"`
	OptedOut     int `json:"opted_out"`
	Unsubscribed int `json:"unsubscribed"`
	Refused      int `json:"refused"`
}

// pullTracking reads both clouds now, which is done once a minute anyhow.
func (s *Server) pullTracking(ctx context.Context, c call) (any, error) {
	var in struct {
		RetryRefused bool `json:"retry_refused"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.RetryRefused {
		if err := s.Tracking.Reconsider(ctx, c.link); err != nil {
			return nil, err
		}
	}
	sum, err := s.Tracking.Pull(ctx, c.link)
	return pulledBody{sum.Events, sum.Written, sum.OptedOut, sum.Unsubscribed, sum.Refused}, err
}
