package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/doctor"
)

type fixBody struct {
	ID    string           `json:"id"`
	By    string           `json:"by"`
	Begun time.Time        `json:"begun_at"`
	Ended *time.Time       `json:"ended_at"` // null while it is under way
	Mends []doctor.Mending `json:"mends"`
}

func fixOf(f doctor.Fix) fixBody {
	body := fixBody{ID: f.ID, By: f.Actor, Begun: f.Begun, Mends: f.Mends}
	if !f.Ended.IsZero() {
		body.Ended = &f.Ended
	}
	return body
}

// beginFix puts on record what somebody is about to mend.
func (s *Server) beginFix(ctx context.Context, c call) (any, error) {
	var in struct {
		By    string `json:"by"`
		Mends []struct {
			Check   string `json:"check"`
			Subject string `json:"subject"`
			Seen    string `json:"seen"`
			Command string `json:"command"`
		} `json:"mends"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	mends := make([]doctor.Mending, len(in.Mends))
	for i, m := range in.Mends {
		mends[i] = doctor.Mending{Check: m.Check, Subject: m.Subject, Seen: m.Seen, Command: m.Command}
	}
	f, err := s.Doctor.BeginFix(ctx, c.link, in.By, mends)
	if err != nil {
		return nil, err
	}
	return fixOf(f), nil
}

type fixedBody struct {
	Fix       fixBody    `json:"fix"`
	Diagnosis doctorBody `json:"diagnosis"` // of the look that judged it
}

// endFix looks again.
func (s *Server) endFix(ctx context.Context, c call) (any, error) {
	var in struct {
		lent
		By     string `json:"by"`
		Failed []struct {
			Check   string `json:"check"`
			Subject string `json:"subject"`
			Why     string `json:"why"`
		} `json:"failed"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	failed := make([]doctor.Unmended, len(in.Failed))
	for i, f := range in.Failed {
		failed[i] = doctor.Unmended{Check: f.Check, Subject: f.Subject, Why: f.Why}
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	f, r, err := s.Doctor.EndFix(ctx, c.link, c.value, in.By, in.eyes(), failed)
	if err != nil {
		return nil, err
	}
	return fixedBody{fixOf(f), doctorOf(r)}, nil
}
