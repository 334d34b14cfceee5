package login

import (
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// wireUnitRole is a role that is given in a business unit.
type wireUnitRole struct {
	Role     string `json:"role"` // customer key
	Name     string `json:"name"`
	Username string `json:"username,omitempty"` // absent where everybody in the unit has it
}

// unitOf is the MID of the path; 0 where it is none, which no tenant has.
func unitOf(r *http.Request) tenant.MID {
	mid, err := strconv.ParseInt(r.PathValue("mid"), 10, 64)
	if err != nil {
		return 0
	}
	return tenant.MID(mid)
}

// listUnitRoles answers GET /v2/business-units/{mid}/roles.
func (s *Server) listUnitRoles(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	all, err := s.o.UnitRoles.List(r.Context(), p, unitOf(r))
	if err != nil {
		return nil, err
	}
	items := make([]wireUnitRole, len(all))
	for i, one := range all {
		items[i] = showUnitRole(one)
	}
	return map[string]any{"items": items}, nil
}

func showUnitRole(r tenant.UnitRole) wireUnitRole {
	return wireUnitRole{Role: r.Role.CustomerKey, Name: r.Role.Name, Username: r.Username}
}

// giveUnitRole answers POST /v2/business-units/{mid}/roles {"role","username"}: the user gets the role in the unit, everybody
// in it where none is named.
func (s *Server) giveUnitRole(w http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	var q struct {
		Role     string `json:"role"` // customer key or name
		Username string `json:"username"`
	}
	if err := web.ReadJSON(w, r, maxBody, &q, strictjson.KnownKeysOnly()); err != nil {
		return nil, err
	}
	if q.Role == "" {
		return nil, missing("role")
	}
	given, err := s.o.UnitRoles.Give(r.Context(), p, unitOf(r), q.Role, q.Username)
	return showUnitRole(given), err
}

// takeUnitRole answers DELETE /v2/business-units/{mid}/roles?role=KEY[&username=NAME].
func (s *Server) takeUnitRole(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	q, err := web.Query(r)
	if err != nil {
		return nil, err
	}
	if q.Get("role") == "" {
		return nil, missing("role")
	}
	return nil, s.o.UnitRoles.Take(r.Context(), p, unitOf(r), q.Get("role"), q.Get("username"))
}
