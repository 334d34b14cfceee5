package api

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/standing"
)

// needs is which operation a route does, where that is not possible in every standing; the table of package standing says
// why not. Routes that only read what Connect keeps of its own have none. What of a body decides is checked by its handler.
var needs = map[string]standing.Operation{
	"POST /api/v1/connection/org":                          standing.ReadOrg,
	"POST /api/v1/connection/org/password":                 standing.PasswordIntoOrg,
	"POST /api/v1/connection/engagement":                   standing.PackageIntoEngagement, // a sign-in there is more
	"POST /api/v1/connection/engagement/password":          standing.PasswordIntoEngagement,
	"POST /api/v1/connection/engagement/web-app":           standing.PackageIntoEngagement,
	"GET /api/v1/users":                                    standing.SeeMappings,
	"GET /api/v1/users/{crm_username}":                     standing.SeeMappings,
	"POST /api/v1/users/check":                             standing.SeeMappings,
	"POST /api/v1/users/map":                               standing.MapUsers,
	"POST /api/v1/users/clear":                             standing.ClearMappings,
	"POST /api/v1/imports":                                 standing.MapUsers,
	"GET /api/v1/business-units":                           standing.BusinessUnits,
	"POST /api/v1/business-units":                          standing.BusinessUnits,
	"GET /api/v1/api-user/change":                          standing.APIUserChange,
	"POST /api/v1/api-user/change/pause":                   standing.APIUserChange,
	"POST /api/v1/api-user/change/resume":                  standing.APIUserChange,
	"GET /api/v1/upgrade/tenant-oauth":                     standing.Upgrade,
	"POST /api/v1/upgrade/tenant-oauth/users":              standing.Upgrade,
	"POST /api/v1/upgrade/tenant-oauth/test":               standing.Upgrade,
	"POST /api/v1/integration-user":                        standing.IntegrationUser,
	"POST /api/v1/sends/triggered":                         standing.Send,
	"POST /api/v1/sends/test":                              standing.Send,
	"POST /api/v1/mailings":                                standing.Send,
	"POST /api/v1/tracking/pull":                           standing.Send,
	"POST /api/v1/triggers":                                standing.Send,
	"POST /api/v1/outage":                                  standing.Outage,
	"POST /api/v1/upgrade":                                 standing.Upgrade,
	"POST /api/v1/upgrade/steps/{step}":                    standing.Upgrade,
	"POST /api/v1/upgrade/connect-account":                 standing.Upgrade,
	"POST /api/v1/upgrade/migrations":                      standing.Upgrade,
	"POST /api/v1/upgrade/migrations/retry":                standing.Upgrade,
	"POST /api/v1/upgrade/migrations/{migration_id}/prove": standing.Upgrade,
	"POST /api/v1/doctor/fixes":                            standing.MendFindings,
	"GET /api/v1/upgrade/plan":                             standing.Upgrade,
	"POST /api/v1/upgrade/schedule":                        standing.Upgrade,
}

// may refuses a route that the standing of the connection does not have.
func (r Route) may(l link.Link) error { return l.May(needs[r.Method+" "+r.Path]) }

type standingBody struct {
	Standing          link.Standing `json:"standing"`
	Said              string        `json:"said"` // to people
	OrgURL            string        `json:"org_url,omitempty"`
	EngagementAuthURL string        `json:"engagement_auth_url,omitempty"`
	App               string        `json:"app,omitempty"` // label of the app in the org
	ConsumerKey       string        `json:"consumer_key,omitempty"`
	ConsoleClientID   string        `json:"console_client_id,omitempty"`
	EID               int64         `json:"eid,omitempty"`
	// OrgCertificate is PEM: what the app in the org holds.
	OrgCertificate string        `json:"org_certificate"`
	Rows           []standingRow `json:"rows"` // absent before the standing is said
}

// standingRow is how one thing is done in the standing.
type standingRow struct {
	Document   string               `json:"document"`
	What       string               `json:"what"`
	How        standing.How         `json:"how"`
	Text       string               `json:"text"`
	Instead    string               `json:"instead,omitempty"`
	Operations []standing.Operation `json:"operations,omitempty"`
}

func (s *Server) standingOf(ctx context.Context, l link.Link) (standingBody, error) {
	b := standingBody{
		Standing: l.Standing, Said: l.Standing.String(), OrgURL: l.CRMURL, EngagementAuthURL: l.AuthURL, App: l.ConnectedApp, ConsumerKey: l.ConsumerKey, ConsoleClientID: l.Console(),
		EID: l.EID, Rows: []standingRow{},
	}
	var err error
	if b.OrgCertificate, _, err = s.Links.Certificates(ctx, l.Pair); err != nil {
		return b, err
	}
	rows, err := standing.Rows()
	for _, r := range rows {
		if way := r.In(l.Standing); way.How != "" && r.Section != standing.Steps {
			b.Rows = append(b.Rows, standingRow{r.Section, r.What, way.How, way.Text, way.Instead, r.Operations})
		}
	}
	return b, err
}

// standing says whose clouds the connection stands between, and what can be done there.
func (s *Server) standing(ctx context.Context, c call) (any, error) { return s.standingOf(ctx, c.link) }

// setStanding says it anew.
func (s *Server) setStanding(ctx context.Context, c call) (any, error) {
	var in struct {
		Standing          link.Standing `json:"standing"`
		OrgURL            string        `json:"org_url"`
		EngagementAuthURL string        `json:"engagement_auth_url"`
		App               string        `json:"app"`
		ConsumerKey       string        `json:"consumer_key"`
		ConsoleClientID   string        `json:"console_client_id"`
		EID               int64         `json:"eid"`
		By                string        `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	l, err := s.Links.Stand(ctx, c.link.Pair, link.Params{
		Standing: in.Standing, CRMURL: in.OrgURL, AuthURL: in.EngagementAuthURL, ConnectedApp: in.App, ConsumerKey: in.ConsumerKey, ConsoleClientID: in.ConsoleClientID, EID: in.EID,
	}, in.By)
	if err != nil {
		return nil, err
	}
	return s.standingOf(ctx, l)
}

// maySignIn refuses a sign-in of a span's own user that the standing does not have. By the customer's package nobody signs in.
func maySignIn(l link.Link, op standing.Operation) error {
	err := l.May(op)
	if err != nil {
		return fault.Of(err).In("sign_in")
	}
	return nil
}
