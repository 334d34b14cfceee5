package twinspan_test

import (
	"net"
	"net/url"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// Stored credentials are sent to the address alone that they were given for. Where a cloud has another one, each check names
// that cause, and nothing but giving them again mends it; a rotation of keys takes them along.
func TestCredentialsAtAnotherAddress(t *testing.T) {
	t.Parallel()
	c := freePorts(t.TempDir())
	c.Fixture = twinspan.FixtureLegacy
	p := start(t, c)
	e := &endurance{Program: p}
	noError(t, e.admin(t).UpdateSettings(bounded(t), []crm.Setting{e.setting(t, "blockOAuthUnPwFlow", "false")}))
	e.begin(t)
	was := p.Ready()
	noError(t, p.Close())
	for _, at := range []string{was.CRM.URL, was.Engagement.AuthURL} { // so that the clouds get other ports
		u, err := url.Parse(at)
		noError(t, err)
		l, err := net.Listen("tcp", u.Host)
		noError(t, err)
		defer func() { _ = l.Close() }()
	}

	e = &endurance{Program: start(t, c)}
	const cause = "address_changed"
	rotated, err := e.RotateKeys(bounded(t))
	noError(t, err)
	if rotated.Corrupt != 0 {
		t.Errorf("a rotation leaves %d values behind", rotated.Corrupt)
	}
	robot, err := e.connect(t).CheckIntegrationUser(bounded(t), false)
	noError(t, err)
	if robot.State != "broken" || robot.Cause == nil || robot.Cause.Code != cause {
		t.Errorf("the integration user is %s by %+v", robot.State, robot.Cause)
	}
	e.stands(t, 0, cause)
	s, err := e.connect(t).CheckStatus(bounded(t), oauth.NewToken(16))
	noError(t, err)
	if s.Engagement.Cause == nil || s.Engagement.Cause.Code != cause {
		t.Errorf("the span into Engagement is %s by %+v", s.Engagement.State, s.Engagement.Cause)
	}

	system, api := e.Ready().CRM.SystemUser, e.Ready().Engagement.APIUser
	noError(t, e.connect(t).ConnectOrgByPassword(bounded(t), "", vault.Secret(system.Password), vault.Secret(system.SecurityToken), "test"))
	_, err = e.connect(t).ConnectEngagementByPassword(bounded(t), api.Username, e.Ready().Engagement.EID, vault.Secret(api.Password), "test")
	noError(t, err)
	e.begin(t)
	if s, err = e.connect(t).Status(bounded(t)); err != nil || s.IntegrationUser == nil || s.IntegrationUser.State != "connected" {
		t.Errorf("given again: %+v, %v", s.IntegrationUser, err)
	}
	e.stands(t, 0, "")
}
