package rest

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// quickflow answers GET /platform/v1/setup/quickflow/data: what the page that makes users chooses from. Command line
// tools read roles and time zones from it (engagement-wire 4).
func (s *Server) quickflow(ctx context.Context, r request) (int, any, error) {
	roles, err := s.o.Registry.Roles(ctx, r.p)
	if err != nil {
		return 0, nil, err
	}
	type keyed struct{ Key, Value string }
	type role struct {
		ID          string `json:"roleID"`
		Name        string `json:"roleName"`
		Description string `json:"description"`
	}
	type zone struct {
		ID          string `json:"id"`
		Description string `json:"description"`
	}
	answer := struct {
		Languages []keyed `json:"languages"`
		Roles     []role  `json:"roles"`
		TimeZones []zone  `json:"timeZones"`
	}{Languages: []keyed{{"en-US", "English (United States)"}}}
	for _, one := range roles {
		answer.Roles = append(answer.Roles, role{one.ID, one.Name, one.Description})
	}
	for _, z := range tenant.TimeZones() {
		answer.TimeZones = append(answer.TimeZones, zone{z.ID, z.Description})
	}
	return http.StatusOK, answer, nil
}

// deliveryProfiles answers GET /legacy/v1/beta/messaging/deliverypolicy: there is the default one.
func (s *Server) deliveryProfiles(_ context.Context, r request) (int, any, error) {
	type profile struct {
		ID          string `json:"id"`
		Key         string `json:"key"`
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	entries := []profile{}
	if q, err := parameters(r.Request); err != nil {
		return 0, nil, err
	} else if skip := q["skip"]; skip == "" || skip == "0" {
		entries = append(entries, profile{ID: tenant.DefaultDeliveryProfileID(r.p.MID), Key: "Default", Name: "Default", Description: "Default delivery profile"})
	}
	return http.StatusOK, map[string]any{"startIndex": 0, "itemsPerPage": len(entries), "totalResults": 1, "entry": entries}, nil
}
