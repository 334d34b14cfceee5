package crm

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/vault"
)

// SetUserPassword sets a user's password (crm-wire 3.9).
func (s *Session) SetUserPassword(ctx context.Context, user string, password vault.Secret) error {
	_, err := s.send(ctx, http.MethodPost, "/sobjects/User/"+url.PathEscape(user)+"/password", map[string]any{"NewPassword": password.Reveal()})
	return err
}

// ResetUserPassword gives a user a temporary password, which the org mails to him; it is good for one sign-in.
func (s *Session) ResetUserPassword(ctx context.Context, user string) error {
	a, err := s.c.call.Do(ctx, client.Request{
		Method: http.MethodDelete, Header: s.header(), URL: s.data("/sobjects/User/" + url.PathEscape(user) + "/password"),
	})
	if err != nil {
		return err
	}
	if a.Status/100 != 2 {
		return s.refusal(a)
	}
	return nil
}

// Browser does what the org has on pages alone, with the cookies that it gives.
type Browser struct {
	s    *Session
	http *http.Client
}

// maxPage bounds a page that is read.
const maxPage = 1 << 20

// Browser opens the org's pages for the session's user, through a frontdoor link that works once (crm-wire 1.11).
func (s *Session) Browser(ctx context.Context) (*Browser, error) {
	a, err := s.c.call.Do(ctx, client.Request{Method: http.MethodGet, URL: s.instance + "/services/oauth2/singleaccess", Header: s.header()})
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, s.refusal(a)
	}
	var w struct {
		URI string `json:"frontdoor_uri"`
	}
	if err := json.Unmarshal(a.Body, &w); err != nil || !client.SameSite(s.instance, w.URI) {
		return nil, s.c.call.Protocol(a.Status, "it has no frontdoor_uri of this org")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &Browser{s: s, http: &http.Client{Transport: client.NewTransport(), Jar: jar, Timeout: client.CallTimeout}}
	return b, b.do(ctx, http.MethodGet, w.URI, nil)
}

// LoginAs logs in as another user, as the Login link in the list of users does (document 004).
func (b *Browser) LoginAs(ctx context.Context, user string) error {
	return b.do(ctx, http.MethodPost, b.s.instance+"/servlet/servlet.su", url.Values{"suorgadminid": {user}})
}

// ResetSecurityToken has the org mail the browser's user a new security token.
func (b *Browser) ResetSecurityToken(ctx context.Context) error {
	return b.do(ctx, http.MethodPost, b.s.instance+"/_ui/system/security/ResetApiTokenConfirm", url.Values{})
}

// Logout logs out; from a login as another user it leads back to oneself.
func (b *Browser) Logout(ctx context.Context) error {
	return b.do(ctx, http.MethodPost, b.s.instance+"/secur/logout.jsp", url.Values{})
}

// do sends a request and follows redirects; a page that is an error is a refusal with the page's sentence.
func (b *Browser) do(ctx context.Context, method, target string, form url.Values) error {
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // nothing is lost
	page, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusOK {
		return nil
	}
	return b.s.c.call.Refusal(res.StatusCode, "", sentence(string(page)))
}

// sentence is the text of the page's first alert.
func sentence(page string) string {
	_, rest, ok := strings.Cut(page, `role="alert"`)
	if !ok {
		return "the page says no more"
	}
	rest, _, _ = strings.Cut(rest, "</div>")
	_, rest, _ = strings.Cut(rest, ">")
	var out strings.Builder
	in := false
	for _, c := range rest {
		switch {
		case c == '<':
			in = true
		case c == '>':
			in = false
		case !in:
			out.WriteRune(c)
		}
	}
	return client.Clip(strings.Join(strings.Fields(html.UnescapeString(out.String())), " "), 500)
}
