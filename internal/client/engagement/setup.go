package engagement

import (
	"context"
	"net/http"
)

// Settings and packages over HTTP are Twinspan's own addition to the auth host; a real tenant has pages for them.

// Package is an installed package of the tenant.
type Package struct {
	ClientID      string   `json:"client_id"`
	Name          string   `json:"name"`
	Type          string   `json:"type"` // "server", "web", "public", "connect"
	Scopes        []string `json:"scopes"`
	RedirectURIs  []string `json:"redirect_uris"`
	MID           int64    `json:"mid"`
	MIDs          []int64  `json:"mids"` // business units that it may work in; empty is all
	Active        bool     `json:"active"`
	SecretExpires string   `json:"secret_expires,omitempty"` // RFC 3339
	Staged        bool     `json:"staged_secret"`
	Certificate   string   `json:"certificate,omitempty"` // PEM; of a "connect" one, whose assertions are verified with it
}

// Packages lists the tenant's installed packages.
func (s *Session) Packages(ctx context.Context) ([]Package, error) {
	var page struct {
		Items []Package `json:"items"`
	}
	err := s.do(ctx, http.MethodGet, s.c.base+"/v2/packages", nil, &page)
	return page.Items, err
}

// Settings reads the tenant's security settings by name.
func (s *Session) Settings(ctx context.Context) (map[string]any, error) {
	var all map[string]any
	err := s.do(ctx, http.MethodGet, s.c.base+"/v2/settings", nil, &all)
	return all, err
}

// ChangeSettings changes those named and gives all.
func (s *Session) ChangeSettings(ctx context.Context, change map[string]any) (map[string]any, error) {
	var all map[string]any
	err := s.do(ctx, http.MethodPatch, s.c.base+"/v2/settings", change, &all)
	return all, err
}
