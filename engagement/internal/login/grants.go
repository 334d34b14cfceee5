package login

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// Grants of a connect package over HTTP are an addition of ours; the real service keeps what it does there to itself
// (DESIGN 5.2). All calls carry a token that the package got for its API user, or for the user himself.

// pageSize is how many grants a page holds that is asked for no other number, and how many users one question may name;
// maxPageSize is the largest page.
const (
	pageSize    = 50
	maxPageSize = 1000
)

// wireGrant is a grant as these calls show it.
type wireGrant struct {
	ID          string   `json:"id"`
	Username    string   `json:"username"`
	ClientID    string   `json:"client_id"`
	MadeBy      string   `json:"made_by"`
	MadeAt      string   `json:"made_at"` // RFC 3339
	Stale       bool     `json:"stale"`   // the user's permissions have changed since
	Permissions []string `json:"permissions"`
	// PermissionsIn are those in business units where they differ, by MID.
	PermissionsIn map[tenant.MID][]string `json:"permissions_in,omitempty"`
}

func showGrant(g tenant.NamedGrant) wireGrant {
	return wireGrant{
		ID: strconv.FormatInt(g.ID, 10), Username: g.Username, ClientID: g.ClientID, MadeBy: g.MadeBy, MadeAt: g.Made.Format(time.RFC3339),
		Stale: g.Stale, Permissions: noNil(g.Snapshot.Base), PermissionsIn: g.Snapshot.ByMID,
	}
}

// makeGrant answers POST /v2/grants {"username"}: the API user vouches for an integrated user. 201 for a new grant, 200
// for one that was there and is left as it is.
func (s *Server) makeGrant(w http.ResponseWriter, r *http.Request) {
	p, err := s.bearer(r)
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	var q struct {
		Username string `json:"username"`
	}
	if err := web.ReadJSON(w, r, maxBody, &q, strictjson.KnownKeysOnly()); err != nil {
		s.restFault(w, r, err)
		return
	}
	if q.Username == "" {
		s.restFault(w, r, missing("username"))
		return
	}
	g, made, err := s.o.Vouching.Make(r.Context(), p, q.Username)
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	status := http.StatusOK
	if made {
		status = http.StatusCreated
		w.Header().Set("Location", s.o.BaseURL+"/v2/grants/"+url.PathEscape(g.Username))
	}
	s.writeJSON(w, r, status, showGrant(g))
}

// listGrants answers GET /v2/grants[?after=ID][&limit=N][&client_id=PACKAGE] with one page of live grants and, where there may be more, the id to go on
// after; and GET /v2/grants?username=A&username=B with those of the users named.
func (s *Server) listGrants(w http.ResponseWriter, r *http.Request) {
	p, err := s.bearer(r)
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	var after int64
	if text := r.URL.Query().Get("after"); text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 0 {
			s.restFault(w, r, fault.New(fault.Invalid, codeMissing, "The parameter after is not an id of a grant.").In("after"))
			return
		}
	}
	limit := pageSize
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPageSize {
			s.restFault(w, r, fault.New(fault.Invalid, codeMissing, "The parameter limit is a number from 1 to %d.", maxPageSize).In("limit"))
			return
		}
	}
	names := r.URL.Query()["username"]
	if len(names) > pageSize {
		s.restFault(w, r, fault.New(fault.Invalid, codeMissing, "Name at most %d users.", pageSize).In("username"))
		return
	}
	var grants []tenant.NamedGrant
	if len(names) > 0 {
		grants, err = s.o.Vouching.Of(r.Context(), p, r.URL.Query().Get("client_id"), names)
	} else {
		grants, err = s.o.Vouching.List(r.Context(), p, r.URL.Query().Get("client_id"), after, limit)
	}
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	answer := struct {
		Items []wireGrant `json:"items"`
		Next  string      `json:"next,omitempty"`
	}{Items: []wireGrant{}}
	for _, g := range grants {
		answer.Items = append(answer.Items, showGrant(g))
	}
	if len(names) == 0 && len(grants) == limit {
		answer.Next = answer.Items[limit-1].ID
	}
	s.writeJSON(w, r, http.StatusOK, answer)
}

// clearGrant answers DELETE /v2/grants/{username}: the grant ends, and with it every token that came of it.
func (s *Server) clearGrant(w http.ResponseWriter, r *http.Request) {
	p, err := s.bearer(r)
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	if err := s.o.Vouching.Clear(r.Context(), p, r.URL.Query().Get("client_id"), r.PathValue("username")); err != nil {
		s.restFault(w, r, err)
		return
	}
	web.NoStore(w)
	w.WriteHeader(http.StatusNoContent)
}
