package twinspan

import (
	"bytes"
	"fmt"

	"github.com/twinspan/twinspan/internal/journey"
)

// makeReady says what the first pair's users need to know, and puts the test app's key where it says.
func (p *Program) makeReady() (Ready, error) {
	if p.config.alone() {
		return p.readyAlone(p.seed), nil
	}
	key := p.folder.file("integration-test.key.pem")
	if have, err := readFile(key, maxSeedFile); err != nil || !bytes.Equal(have, []byte(p.seed.TestAppKey)) {
		if err := writeFile(key, []byte(p.seed.TestAppKey)); err != nil {
			return Ready{}, fmt.Errorf("the test app's key: %w", err)
		}
	}
	return p.readyOf(p.seed, key), nil
}

// readyOf says what a pair's users need to know. The test app's key is in the file, or, for "", in the answer.
func (p *Program) readyOf(s *seed, key string) Ready {
	tenant := p.sites.engagement.url + "/"
	test := ReadyApp{ClientID: s.TestApp.ClientID, ClientSecret: s.TestApp.Secret, PrivateKeyFile: key, RedirectURIs: redirectURIs()}
	if key == "" {
		test.PrivateKey = s.TestAppKey
	}
	units := []ReadyBusinessUnit{}
	if s.accountType() == AccountEnterprise2 {
		units = append([]ReadyBusinessUnit{{MID: s.EID, Name: tenantName}}, s.BusinessUnits...)
	}
	ready := Ready{
		Version: readyVersion,
		CRM: ReadyCRM{
			URL: p.sites.crm.url, TLSURL: p.sites.crm.tlsURL, OrgID: s.OrgID, Admin: s.OrgAdmin, SystemUser: s.SystemUser, Users: s.OrgUsers,
			ConnectedApps: map[string]ReadyApp{
				journey.PackageApp: {ClientID: s.PackageApp.ClientID, ClientSecret: s.PackageApp.Secret},
				testAppName:        test,
			},
		},
		Engagement: ReadyEngagement{
			AuthURL: tenant, RESTURL: tenant, SOAPURL: tenant, TLSURL: p.sites.engagement.tlsURL, Subdomain: s.Subdomain, EID: s.EID,
			BusinessUnits: units,
			Admin:         s.TenantAdmin, APIUser: s.APIUser, Users: s.TenantUsers,
			InstalledPackage: ReadyPackage{ClientID: s.ServerPackage.ClientID, ClientSecret: s.ServerPackage.Secret, AccountID: s.EID},
			WebAppPackage:    ReadyPackage{ClientID: s.WebPackage.ClientID, ClientSecret: s.WebPackage.Secret, RedirectURIs: redirectURIs()},
		},
		Connect: ReadyConnect{URL: p.sites.connect.url, TLSURL: p.sites.connect.tlsURL, APIToken: s.APIToken},
		Control: ReadyControl{URL: p.sites.control.url, Token: s.ControlToken},
	}
	if s.Fixture == FixtureDemo && s.LegacyPackage.ClientID != "" { // folders of an older program have none
		ready.Engagement.LegacyPackage = &ReadyPackage{ClientID: s.LegacyPackage.ClientID, ClientSecret: s.LegacyPackage.Secret, AccountID: s.EID}
	}
	return ready
}
