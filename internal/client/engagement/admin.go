package engagement

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
)

// What an administrator does beyond the documented APIs: packages and their secrets, sessions, messages in doubt, and
// documents are Twinspan's own addition; a real tenant has pages for them, and refuses these calls.

// NewPackage describes a package to be made.
type NewPackage struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"` // "server", "web", "public"
	Scopes       []string `json:"scopes"`
	RedirectURIs []string `json:"redirect_uris,omitempty"`
	MID          int64    `json:"mid,omitempty"` // the unit that makes it; 0 is the caller's
	// MIDs are the business units that it may work in; empty is all that the caller reaches.
	MIDs []int64 `json:"mids,omitempty"`
}

// Secret is a client secret that was just made. It is told this once.
type Secret struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"` // "" for types that have none
	Expires      string `json:"expires,omitempty"`       // RFC 3339; "" for never
}

// CreatePackage installs a package.
func (s *Session) CreatePackage(ctx context.Context, p NewPackage) (Secret, error) {
	var made Secret
	err := s.do(ctx, http.MethodPost, s.c.base+"/v2/packages", p, &made)
	return made, err
}

// PackageChange is what to change of a package; nil leaves a thing as it is.
type PackageChange struct {
	Name         *string   `json:"name,omitempty"`
	Active       *bool     `json:"active,omitempty"`
	Scopes       *[]string `json:"scopes,omitempty"`
	RedirectURIs *[]string `json:"redirect_uris,omitempty"`
	MIDs         *[]int64  `json:"mids,omitempty"`
}

// ChangedPackage is a package after a change, with what ended by it.
type ChangedPackage struct {
	Package
	EndedSignIns int    `json:"ended_sign_ins"`
	EndedGrants  int    `json:"ended_grants"`
	Notice       string `json:"notice,omitempty"` // what stops, or does not come back, in words
}

// ChangePackage changes an installed package, at once.
func (s *Session) ChangePackage(ctx context.Context, clientID string, change PackageChange) (ChangedPackage, error) {
	var changed ChangedPackage
	err := s.do(ctx, http.MethodPatch, s.c.base+"/v2/packages/"+url.PathEscape(clientID), change, &changed)
	return changed, err
}

// DeletePackage uninstalls a package; all that was issued to it ends.
func (s *Session) DeletePackage(ctx context.Context, clientID string) error {
	return s.empty(ctx, http.MethodDelete, "/v2/packages/"+url.PathEscape(clientID))
}

// StageSecret makes a second secret for a package; both are good until it is activated. One that is staged already is a
// refusal, unless it is to be replaced: then it ends.
func (s *Session) StageSecret(ctx context.Context, clientID string, replace bool) (Secret, error) {
	var made Secret
	err := s.do(ctx, http.MethodPost, s.c.base+"/v2/packages/"+url.PathEscape(clientID)+"/secret", map[string]bool{"replace": replace}, &made)
	return made, err
}

// ActivateSecret ends the old secret of a package.
func (s *Session) ActivateSecret(ctx context.Context, clientID string) error {
	return s.empty(ctx, http.MethodPost, "/v2/packages/"+url.PathEscape(clientID)+"/secret/activate")
}

// WebSession is a user's live session in a browser.
type WebSession struct {
	ID        string `json:"id"`
	Since     string `json:"since"`     // RFC 3339
	LastUsed  string `json:"last_used"` // RFC 3339
	UserAgent string `json:"user_agent"`
}

// WebSessions lists the live sessions of a user.
func (s *Session) WebSessions(ctx context.Context, username string) ([]WebSession, error) {
	var page struct {
		Items []WebSession `json:"items"`
	}
	err := s.do(ctx, http.MethodGet, s.c.base+"/v2/sessions?username="+url.QueryEscape(username), nil, &page)
	return page.Items, err
}

// EndWebSession ends one session.
func (s *Session) EndWebSession(ctx context.Context, id string) error {
	return s.empty(ctx, http.MethodDelete, "/v2/sessions/"+url.PathEscape(id))
}

// Send is a message as the tenant's list of sends shows it.
type Send struct {
	MessageKey    string    `json:"messageKey"`
	DefinitionKey string    `json:"definitionKey"`
	ContactKey    string    `json:"contactKey"`
	To            string    `json:"to"`
	State         string    `json:"state"` // queued, sending, sent, not_sent, in_doubt
	StatusMessage string    `json:"statusMessage,omitempty"`
	Attempts      int       `json:"attempts"`
	Accepted      time.Time `json:"accepted"`
	Changed       time.Time `json:"changed"`
}

// Sends lists the business unit's messages in a state, at most limit.
func (s *Session) Sends(ctx context.Context, state string, limit int) ([]Send, error) {
	const size = 500
	var all []Send
	after := ""
	for len(all) < limit {
		var page struct {
			Items []Send `json:"items"`
			Next  string `json:"next"`
		}
		q := url.Values{"state": {state}, "pageSize": {strconv.Itoa(min(size, limit-len(all)))}, "after": {after}}
		if err := s.do(ctx, http.MethodGet, s.rest+"/v2/sends?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" || page.Next == after {
			break
		}
		after = page.Next
	}
	return all, nil
}

// DecideSend takes a message out of doubt: it counts as sent, or is sent again.
func (s *Session) DecideSend(ctx context.Context, messageKey string, again bool) error {
	decision := "sent"
	if again {
		decision = "send_again"
	}
	var answer struct{}
	return s.do(ctx, http.MethodPost, s.rest+"/v2/sends/"+url.PathEscape(messageKey), map[string]string{"decision": decision}, &answer)
}

// Document is a file of My Documents, without its content.
type Document struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Size      int64  `json:"size"` // bytes
	Created   string `json:"created"`
	Modified  string `json:"modified"`
}

// Documents lists the files by name.
func (s *Session) Documents(ctx context.Context) ([]Document, error) {
	const maxPages = 1000
	var all []Document
	after := ""
	for range maxPages {
		var page struct {
			Items []Document `json:"items"`
			Next  string     `json:"next"`
		}
		if err := s.do(ctx, http.MethodGet, s.c.base+"/v2/documents?after="+url.QueryEscape(after), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" || page.Next == after {
			return all, nil
		}
		after = page.Next
	}
	return nil, s.c.call.Protocol(http.StatusOK, "the list has more than %d pages", maxPages)
}

// ReadDocument reads a file's content.
func (s *Session) ReadDocument(ctx context.Context, name string) ([]byte, error) {
	a, err := s.c.call.Do(ctx, client.Request{Method: http.MethodGet, URL: s.c.base + "/v2/documents/" + url.PathEscape(name), Header: s.header()})
	if err != nil {
		return nil, err
	}
	if a.Status/100 != 2 {
		return nil, s.refusal(a)
	}
	return a.Body, nil
}

// WriteDocument keeps a file, over the one of its name.
func (s *Session) WriteDocument(ctx context.Context, name, mediaType string, content []byte) error {
	a, err := s.c.call.Do(ctx, client.Request{
		Method: http.MethodPut, URL: s.c.base + "/v2/documents/" + url.PathEscape(name), Header: s.header(), ContentType: mediaType, Body: content,
	})
	if err != nil {
		return err
	}
	if a.Status/100 != 2 {
		return s.refusal(a)
	}
	return nil
}

// DeleteDocument removes a file.
func (s *Session) DeleteDocument(ctx context.Context, name string) error {
	return s.empty(ctx, http.MethodDelete, "/v2/documents/"+url.PathEscape(name))
}

// empty calls what answers nothing.
func (s *Session) empty(ctx context.Context, method, path string) error {
	a, err := s.c.call.Do(ctx, client.Request{Method: method, URL: s.c.base + path, Header: s.header()})
	if err != nil {
		return err
	}
	if a.Status/100 != 2 {
		return s.refusal(a)
	}
	return nil
}

// Domain is an address or domain that the tenant may send from, or waits to (engagement-wire 4).
type Domain struct {
	Domain   string `json:"domain"`
	Type     string `json:"domainType"` // UserDomain, RegisteredDomain, PrivateDomain, SAP
	Status   string `json:"status"`     // Verified, Pending
	Sendable bool   `json:"isSendable"`
	// Record is the TXT record that proves a domain; only Twinspan's own tenants tell it.
	Record string `json:"txtRecord,omitempty"`
}

// Domains lists them.
func (s *Session) Domains(ctx context.Context) ([]Domain, error) {
	const size, maxPages = 500, 100
	var all []Domain
	for page := 1; page <= maxPages; page++ {
		var w struct {
			Items []Domain `json:"items"`
		}
		target := s.rest + "/messaging/v1/domainverification?$page=" + strconv.Itoa(page) + "&$pageSize=" + strconv.Itoa(size)
		if err := s.do(ctx, http.MethodGet, target, nil, &w); err != nil {
			return nil, err
		}
		all = append(all, w.Items...)
		if len(w.Items) < size {
			return all, nil
		}
	}
	return nil, s.c.call.Protocol(http.StatusOK, "the list has more than %d pages", maxPages)
}

// AddDomain registers an address, which is mailed a link, or a domain.
func (s *Session) AddDomain(ctx context.Context, name string) error {
	_, err := s.domain(ctx, "", map[string]string{"domain": name})
	return err
}

// VerifyDomain has the tenant look for the domain's record; only Twinspan's own tenants do it.
func (s *Session) VerifyDomain(ctx context.Context, name string) error {
	_, err := s.domain(ctx, "/verify", map[string]string{"domain": name})
	return err
}

// DeleteDomain takes an address or domain away; a NotFound fault where there is none that can be.
func (s *Session) DeleteDomain(ctx context.Context, name string) error {
	text, err := s.domain(ctx, "/delete", []map[string]string{{"emailAddress": name}})
	if err != nil {
		return err
	}
	if strings.HasPrefix(text, "0 ") { // "1 records successfully deleted!" (engagement-wire 4)
		return s.c.call.Refusal(http.StatusNotFound, "not_found", "no address or domain "+client.Clip(name, 80)+" was there to be deleted; the default sender stays")
	}
	return nil
}

// domain makes a call whose answer is plain text (engagement-wire 0.5).
func (s *Session) domain(ctx context.Context, path string, in any) (string, error) {
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(in); err != nil {
		return "", err
	}
	a, err := s.c.call.Do(ctx, client.Request{
		Method: http.MethodPost, URL: s.rest + "/messaging/v1/domainverification" + path, Header: s.header(), ContentType: "application/json", Body: body.Bytes(),
	})
	if err != nil {
		return "", err
	}
	if a.Status/100 != 2 {
		return "", s.refusal(a)
	}
	return string(a.Body), nil
}
