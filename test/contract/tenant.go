package contract

import (
	"slices"
	"testing"

	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// tenantSignIn: client credentials, userinfo, and refusals (engagement-wire 2).
func (s *suite) tenantSignIn(t *testing.T) {
	ctx := bounded(t)
	token, err := s.tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: s.ServerPackage, Secret: s.ServerSecret, MID: s.EID})
	ok(t, err)
	if token.RefreshToken != "" || token.ExpiresIn <= 0 {
		t.Errorf("client credentials gave %+v", token)
	}
	id, err := s.tenant.Session(token).UserInfo(ctx)
	ok(t, err)
	if id.EID != s.EID || id.MID != s.EID {
		t.Errorf("signed in to %d of %d, want %d", id.MID, id.EID, s.EID)
	}
	_, err = s.tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: s.ServerPackage, Secret: "wrong-secret-of-some-length"})
	refused(t, err, 400, "invalid_client", "Client authentication failed. Make sure that the client ID and client secret are valid and that the package is installed and enabled.")
	_, err = s.tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: "aaaaaaaaaaaaaaaaaaaaaaaa", Secret: s.ServerSecret})
	refused(t, err, 400, "invalid_client", "Invalid client ID. Use the client ID in Marketing Cloud Installed Packages.")
	// A server package has no users to speak for.
	key, err := oauth.NewKey()
	ok(t, err)
	_, err = s.tenant.JWTBearer(ctx, engagement.JWTGrant{ClientID: s.ServerPackage, Username: s.APIUser.Username, Key: key, Now: s.Now()})
	wantKind(t, err, fault.Denied)
	dead := token
	dead.AccessToken = "dead"
	_, err = s.tenant.Session(dead).UserInfo(ctx)
	wantKind(t, err, fault.Unauthenticated)
}

func (s *suite) server(t *testing.T) *engagement.Session {
	t.Helper()
	token, err := s.tenant.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: s.ServerPackage, Secret: s.ServerSecret, MID: s.EID})
	ok(t, err)
	return s.tenant.Session(token)
}

// tenantAdmin is the API user by name and password, who may change what administrators have.
func (s *suite) tenantAdmin(t *testing.T) *engagement.Session {
	t.Helper()
	token, err := s.tenant.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: s.ServerPackage, Secret: s.ServerSecret, MID: s.EID})
	ok(t, err)
	token.SOAPUser, token.SOAPPassword = s.APIUser.Username, vault.Secret(s.APIUser.Password)
	return s.tenant.Session(token)
}

// tenantSends: definitions, a message under a key of ours, its status, and refusals (engagement-wire 4).
func (s *suite) tenantSends(t *testing.T) {
	ctx := bounded(t)
	session := s.server(t)
	definitions, err := session.Definitions(ctx)
	ok(t, err)
	if !slices.ContainsFunc(definitions, func(d engagement.Definition) bool { return d.Key == s.Definition && d.Status == "Active" }) {
		t.Fatalf("no active definition %s in %+v", s.Definition, definitions)
	}
	key := oauth.NewToken(16)
	_, err = session.MessageStatus(ctx, key)
	wantKind(t, err, fault.NotFound)
	message := engagement.Message{DefinitionKey: s.Definition, ContactKey: "contract-1", To: "contract@customer.example", Attributes: map[string]string{"First Name": "Con"}}
	receipt, err := session.SendMessage(ctx, key, message)
	ok(t, err)
	if receipt.RequestID == "" {
		t.Error("the receipt has no request id")
	}
	status, err := session.MessageStatus(ctx, key)
	ok(t, err)
	if status.State == engagement.MessageNotSent || status.To != message.To {
		t.Errorf("status: %+v", status)
	}
	message.DefinitionKey = "no-such-definition"
	if _, err := session.SendMessage(ctx, oauth.NewToken(16), message); fault.KindOf(err) != fault.NotFound && fault.KindOf(err) != fault.Denied {
		t.Errorf("an unknown definition gave %v", err)
	}
	dead, err := s.tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: s.ServerPackage, Secret: s.ServerSecret})
	ok(t, err)
	dead.AccessToken = "dead"
	_, err = s.tenant.Session(dead).SendMessage(ctx, key, message)
	wantKind(t, err, fault.Unauthenticated)
}

// tenantObjects: users and business units by SOAP Retrieve (engagement-wire 3).
func (s *suite) tenantObjects(t *testing.T) {
	ctx := bounded(t)
	session := s.server(t)
	users, err := session.AccountUsers(ctx, engagement.Equals("UserID", s.APIUser.Username))
	ok(t, err)
	if len(users) != 1 || users[0].Username != s.APIUser.Username || !users[0].APIUser || users[0].ID == 0 {
		t.Fatalf("users: %+v", users)
	}
	units, err := session.BusinessUnits(ctx)
	ok(t, err)
	if !slices.ContainsFunc(units, func(u engagement.BusinessUnit) bool { return u.MID == s.EID && u.ParentMID == 0 }) {
		t.Fatalf("no top business unit %d in %+v", s.EID, units)
	}
	none, err := session.AccountUsers(ctx, engagement.Equals("UserID", "nobody"))
	ok(t, err)
	if len(none) != 0 {
		t.Errorf("nobody is %+v", none)
	}
	_, err = session.Retrieve(ctx, engagement.RetrieveRequest{ObjectType: "Nothing", Properties: []string{"ID"}})
	wantKind(t, err, fault.Denied)
	dead, err := s.tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: s.ServerPackage, Secret: s.ServerSecret})
	ok(t, err)
	dead.AccessToken = "dead"
	_, err = s.tenant.Session(dead).BusinessUnits(ctx)
	wantKind(t, err, fault.Unauthenticated)
}
