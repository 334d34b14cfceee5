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
	// Next is the value of "after" for the next call; absent where all mappings were seen.
	Next string `json:"next,omitempty"`
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
	l, err := s.Upgrades.WhileVerifying(ctx, c.link)
	if err != nil {
		return nil, err
	}
	all, err := s.Units.List(ctx, l)
	return unitsOf(all), err
}

// setBusinessUnits enables business units, or disables them and clears the mappings in them, up to a hundred a call.
func (s *Server) setBusinessUnits(ctx context.Context, c call) (any, error) {
	var in struct {
		AccountIDs []int64 `json:"account_ids"`
		Enabled    bool    `json:"enabled"`
		After      string  `json:"after"`
		By         string  `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	l := c.link
	if in.Enabled { // what an upgrade is confirmed by
		var err error
		if l, err = s.Upgrades.WhileVerifying(ctx, l); err != nil {
			return nil, err
		}
	}
	all, err := s.Units.Set(ctx, l, in.AccountIDs, in.Enabled, audit.Change{Actor: in.By})
	body := unitsOf(all)
	if err != nil || in.Enabled {
		return body, err
	}
	done, err := s.Mappings.ClearUnits(ctx, c.link, in.AccountIDs, in.After, in.By)
	if err != nil {
		return nil, err
	}
	body.Cleared, body.Failed, body.Next = len(done.Cleared), failuresOf(done.Failed), done.Next
	return body, nil
}
