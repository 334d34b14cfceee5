package engagement

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/internal/client"
)

// Grants are Twinspan's own addition to the auth host (DESIGN 5.2): the standing permissions of users for a connect
// package to act for them. A tenant without them answers with a refusal.

// Grant is a user's standing permission for the token's package.
type Grant struct {
	ID          string    `json:"id"`
	Username    string    `json:"username"`
	ClientID    string    `json:"client_id"`
	MadeBy      string    `json:"made_by"` // user name: the user himself, or the API user who vouched for him
	MadeAt      time.Time `json:"made_at"`
	Stale       bool      `json:"stale"` // the user's permissions have changed since
	Permissions []string  `json:"permissions"`
}

// PackageGrants lists the live grants of another package of the tenant, for who may write users; "" is the token's own.
func (s *Session) PackageGrants(ctx context.Context, clientID string) (all []Grant, err error) {
	err = s.GrantPages(ctx, clientID, func(page []Grant) error {
		all = append(all, page...)
		return nil
	})
	return all, err
}

// GrantPages calls fn with the grants that PackageGrants lists, at most 1,000 at a time. An error of fn ends it.
func (s *Session) GrantPages(ctx context.Context, clientID string, fn func([]Grant) error) error {
	const maxPages = 10_000
	after := ""
	for range maxPages {
		var page struct {
			Items []Grant `json:"items"`
			Next  string  `json:"next"`
		}
		q := url.Values{"limit": {"1000"}}
		if clientID != "" {
			q.Set("client_id", clientID)
		}
		if after != "" {
			q.Set("after", after)
		}
		if err := s.do(ctx, http.MethodGet, s.c.base+"/v2/grants?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		if err := fn(page.Items); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		if page.Next == after {
			return s.c.call.Protocol(http.StatusOK, "its next page is the same page")
		}
		after = page.Next
	}
	return s.c.call.Protocol(http.StatusOK, "the list has more than %d pages", maxPages)
}

// grantsOf is how many users one question for grants may name.
const grantsOf = 50

// GrantsOf lists the live grants of the users named; who has none is left out.
func (s *Session) GrantsOf(ctx context.Context, usernames []string) ([]Grant, error) {
	var all []Grant
	for _, names := range client.Parts(usernames, grantsOf) {
		var page struct {
			Items []Grant `json:"items"`
		}
		if err := s.do(ctx, http.MethodGet, s.c.base+"/v2/grants?"+url.Values{"username": names}.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
	}
	return all, nil
}

// MakeGrant lets the API user vouch for a user whose Salesforce.com Status is set. A live grant is left as it is.
func (s *Session) MakeGrant(ctx context.Context, username string) (Grant, error) {
	var g Grant
	err := s.do(ctx, http.MethodPost, s.c.base+"/v2/grants", map[string]string{"username": username}, &g)
	return g, err
}

// ClearGrant ends a user's grant and every token that came of it. One that is not there is a NotFound fault.
func (s *Session) ClearGrant(ctx context.Context, username string) error {
	return s.empty(ctx, http.MethodDelete, "/v2/grants/"+url.PathEscape(username))
}

// ClearPackageGrant ends a user's grant for another package of the tenant, for who may write users.
func (s *Session) ClearPackageGrant(ctx context.Context, clientID, username string) error {
	return s.empty(ctx, http.MethodDelete, "/v2/grants/"+url.PathEscape(username)+"?client_id="+url.QueryEscape(clientID))
}
