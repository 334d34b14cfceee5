package api

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/mapping"
)

type disconnectedBody struct {
	Disconnected bool          `json:"disconnected"`
	Cleared      int           `json:"cleared"`
	Failed       []failureBody `json:"failed"`
	// Next is the value of "after" for the next call; absent where all mappings were seen.
	Next string `json:"next,omitempty"`
}

// disconnect clears mappings with their grants, up to a hundred a call, and takes the spans down when none is left.
func (s *Server) disconnect(ctx context.Context, c call) (any, error) {
	var in struct {
		After  string `json:"after"`
		By     string `json:"by"`
		Reason string `json:"reason"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if err := c.link.MayDisconnect(); err != nil {
		return nil, err
	}
	if err := s.Upgrades.Undisturbed(ctx, c.link); err != nil {
		return nil, err
	}
	done, err := s.Mappings.Clear(ctx, c.link, mapping.ClearRequest{All: true, After: in.After, Actor: in.By, Reason: in.Reason})
	if err != nil {
		return nil, err
	}
	body := disconnectedBody{Cleared: len(done.Cleared), Failed: make([]failureBody, 0, len(done.Failed)), Next: done.Next}
	for _, f := range done.Failed {
		_, e := translate(f.Err)
		body.Failed = append(body.Failed, failureBody{f.CRMUsername, e.Error})
	}
	if done.Next != "" || len(done.Failed) > 0 {
		return body, nil
	}
	left, err := s.Mappings.Any(ctx, c.link)
	if err != nil || left {
		return body, err // an earlier page has those that failed: beginning again tries them again
	}
	_, err = s.Links.Disconnect(ctx, c.link, audit.Change{Actor: in.By, Reason: in.Reason})
	body.Disconnected = err == nil
	return body, err
}
