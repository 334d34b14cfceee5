package engagement

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// Roles in a business unit are given on pages of a real tenant; these calls are Twinspan's own addition.

// UnitRole is a role that is given in a business unit.
type UnitRole struct {
	Key      string `json:"role"` // customer key
	Name     string `json:"name"`
	Username string `json:"username"` // "" where everybody in the unit has it
}

func unitRoles(mid int64) string {
	return "/v2/business-units/" + strconv.FormatInt(mid, 10) + "/roles"
}

// UnitRoles lists the roles that are given in the business unit.
func (s *Session) UnitRoles(ctx context.Context, mid int64) ([]UnitRole, error) {
	var page struct {
		Items []UnitRole `json:"items"`
	}
	err := s.do(ctx, http.MethodGet, s.c.base+unitRoles(mid), nil, &page)
	return page.Items, err
}

// GiveUnitRole gives a role, by customer key, in the business unit: to the user, to everybody where the name is "".
func (s *Session) GiveUnitRole(ctx context.Context, mid int64, key, username string) error {
	var given UnitRole
	return s.do(ctx, http.MethodPost, s.c.base+unitRoles(mid), map[string]string{"role": key, "username": username}, &given)
}

// TakeUnitRole takes it back.
func (s *Session) TakeUnitRole(ctx context.Context, mid int64, key, username string) error {
	q := url.Values{"role": {key}}
	if username != "" {
		q.Set("username", username)
	}
	return s.empty(ctx, http.MethodDelete, unitRoles(mid)+"?"+q.Encode())
}
