package api

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// settingsBody are the settings of a connection. In a change, what is absent stays as it is.
type settingsBody struct {
	// Legacy says what becomes of a new password connection into the org from 1 June 2016 on.
	Legacy *link.LegacyPolicy `json:"legacy,omitempty"`
	// EngagementAuth is by what the span into Engagement is connected next, where nobody says otherwise.
	EngagementAuth *link.Driver `json:"engagement_auth,omitempty"`
	// Names are what things are called in the org, by key; in a change "" takes the default.
	Names map[string]string `json:"names,omitempty"`
}

func settingsOf(l link.Link) settingsBody {
	s := link.SettingsOf(l)
	return settingsBody{Legacy: s.Legacy, EngagementAuth: s.TenantAuth, Names: s.Names}
}

func (s *Server) connectionSettings(_ context.Context, c call) (any, error) {
	return settingsOf(c.link), nil
}

func (s *Server) setConnectionSettings(ctx context.Context, c call) (any, error) {
	var in struct {
		settingsBody
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	l, err := s.Links.SetSettings(ctx, c.link, link.Settings{Legacy: in.Legacy, TenantAuth: in.EngagementAuth, Names: in.Names}, in.By)
	return settingsOf(l), err
}
