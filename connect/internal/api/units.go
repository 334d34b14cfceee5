package api

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/units"
)

type unitsBody struct {
	BusinessUnits []unitBody `json:"business_units"`
	// Cleared and Failed are of the mappings in business units that were removed.
	Cleared int           `json:"cleared,omitempty"`
	Failed  []failureBody `json:"failed,omitempty"`
}

type unitBody struct {
	AccountID int64  `json:"account_id"`
	ParentID  int64  `json:"parent_id,omitempty"`
	Name      string `json:"name"`
	Enabled   bool   `json:"enabled"`
	Reached   bool   `json:"reached"`
	Problem   string `json:"problem,omitempty"`
}

func unitsOf(all []units.Unit) unitsBody {
	body := unitsBody{BusinessUnits: make([]unitBody, 0, len(all))}
	for _, u := range all {
		body.BusinessUnits = append(body.BusinessUnits, unitBody{u.MID, u.ParentMID, u.Name, u.Enabled, u.Reached, u.Problem()})
	}
	return body
}

func (s *Server) businessUnits(ctx context.Context, c call) (any, error) {
	all, err := s.Units.List(ctx, c.link)
	return unitsOf(all), err
}

func (s *Server) setBusinessUnits(ctx context.Context, c call) (any, error) {
	var in struct {
		AccountIDs []int64 `json:"account_ids"`
		Enabled    bool    `json:"enabled"`
		By         string  `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	all, err := s.Units.Set(ctx, c.link, in.AccountIDs, in.Enabled, audit.Change{Actor: in.By})
	body := unitsOf(all)
	if err != nil || in.Enabled {
		return body, err
	}
	for _, mid := range in.AccountIDs {
		done, err := s.Mappings.ClearUnit(ctx, c.link, mid, in.By)
		if err != nil {
			return nil, err
		}
		body.Cleared += len(done.Cleared)
		for _, f := range done.Failed {
			_, e := translate(f.Err)
			body.Failed = append(body.Failed, failureBody{f.CRMUsername, e.Error})
		}
	}
	return body, nil
}
