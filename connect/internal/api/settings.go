package api

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// settingsBody are the settings of a connection.
type settingsBody struct {
	// Legacy says what becomes of a new password connection into the org from 1 June 2016 on.
	Legacy link.LegacyPolicy `json:"legacy"`
}

func (s *Server) connectionSettings(_ context.Context, c call) (any, error) {
	return settingsBody{Legacy: c.link.Legacy}, nil
}

func (s *Server) setConnectionSettings(ctx context.Context, c call) (any, error) {
	var in struct {
		Legacy link.LegacyPolicy `json:"legacy"`
		By     string            `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	l, err := s.Links.SetLegacy(ctx, c.link, in.Legacy, in.By)
	return settingsBody{Legacy: l.Legacy}, err
}
