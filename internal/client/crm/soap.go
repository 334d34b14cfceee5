package crm

import (
	"context"
	"net/http"
	"net/url"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/vault"
)

const (
	partnerSpace  = "urn:partner.soap.sforce.com"
	metadataSpace = "http://soap.sforce.com/2006/04/metadata"
)

// invalidSession recognises the fault of a dead session (crm-wire 2.4).
func invalidSession(code, _ string) bool { return code == "INVALID_SESSION_ID" }

// ClientName is what Login calls itself in CallOptions: the org's Login History shows it as the application, so that a doctor who
// asks who signs in by SOAP login() can tell Twinspan's own commands from the customer's programs.
const ClientName = "Twinspan"

// CodePasswordExpired is the code with which Login refuses a user whose password has expired: the login's own answer says
// it, without a code (crm-wire 2.3).
const CodePasswordExpired = "passwordExpired"

// Login signs in by user name and password with the security token appended (crm-wire 2.2). The token's IdentityURL
// and scope are empty. A user whose password has expired is refused with CodePasswordExpired.
func (c *Client) Login(ctx context.Context, username string, password vault.Secret) (Token, error) {
	w := soap.NewWriter(soap.Style{Prefix: "soapenv"})
	w.OpenHeader()
	w.Open("CallOptions", "xmlns", partnerSpace)
	w.Text("client", ClientName)
	w.Close()
	w.Close()
	w.OpenBody()
	w.Open("login", "xmlns", partnerSpace)
	w.Text("username", username)
	w.Text("password", password.Reveal())
	body, err := w.Bytes()
	if err != nil {
		return Token{}, err
	}
	op, err := c.call.SOAP(ctx, c.base+"/services/Soap/u/"+c.version, "login", body, password.Reveal(), invalidSession)
	if err != nil {
		return Token{}, err
	}
	result := op.Find("result")
	server, err := url.Parse(result.Value("serverUrl"))
	t := Token{AccessToken: vault.Secret(result.Value("sessionId")), UserID: result.Value("userId"), OrgID: result.Value("userInfo", "organizationId")}
	switch {
	case result.Value("passwordExpired") == "true":
		return Token{}, c.call.Refusal(http.StatusForbidden, CodePasswordExpired, "the user's password has expired")
	case err != nil || t.AccessToken == "" || !isID(t.UserID, "005") || !isID(t.OrgID, "00D"):
		return Token{}, c.call.Protocol(http.StatusOK, "its login result has no session, user and organization")
	}
	t.InstanceURL = server.Scheme + "://" + server.Host
	if !client.SameSite(c.base, t.InstanceURL) {
		return Token{}, c.call.Protocol(http.StatusOK, "its serverUrl is of another site than %s", c.base)
	}
	return t, nil
}

// Logout ends the session by SOAP (crm-wire 2.5).
func (s *Session) Logout(ctx context.Context) error {
	w := soap.NewWriter(soap.Style{Prefix: "soapenv"})
	w.OpenHeader()
	w.Open("SessionHeader", "xmlns", partnerSpace)
	w.Text("sessionId", s.token.Reveal())
	w.Close()
	w.Close()
	w.OpenBody()
	w.Empty("logout", "xmlns", partnerSpace)
	body, err := w.Bytes()
	if err != nil {
		return err
	}
	_, err = s.c.call.SOAP(ctx, s.instance+"/services/Soap/u/"+s.c.version, "logout", body, s.token.Reveal(), invalidSession)
	return err
}
