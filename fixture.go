package twinspan

import (
	"net/url"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/vault"
)

// packageNamespace is the managed package's (connect-facts 0).
const packageNamespace = "et4ae5"

// Developer names and labels of the apps that a fixture's org has besides the package's.
const (
	tenantName      = "Twinspan Tenant"
	testAppName     = "Integration Test"
	consoleAppName  = "Twinspan Connect" // what people know the program by whose console it is
	testAppSetName  = "Integration_Test_Users"
	connectPkgName  = "Marketing Cloud Connect"
	serverPkgName   = "Integration Test"
	webPkgName      = "Integration Test Web App"
	legacyPkgName   = "Integration Test Legacy"
	welcomeKey      = "welcome"
	welcomeEmailKey = "welcome-email"
)

// person is one of the people who work in both clouds of a fixture.
type person struct{ user, first, last string }

// persons are the ordinary users of a fixture, the same in both clouds.
func persons() []person {
	return []person{{"maya.chen", "Maya", "Chen"}, {"jonas.weber", "Jonas", "Weber"}, {"priya.nair", "Priya", "Nair"}}
}

// redirectURIs are where clients under test listen: the Salesforce CLI's address, and one for everybody else. Loopback
// addresses match with any port (RFC 8252 section 7.3).
func redirectURIs() []string {
	return []string{"http://localhost:1717/OauthRedirect", "http://localhost:9876/callback"}
}

// orgSpec is the org of a fixture, its connected app holding Connect's certificate. A new org has the managed package
// installed and untouched: anybody may self-authorize, no permission set carries the app (document 001 begins there).
func (s *seed) orgSpec(certificate, connectURL string) crm.OrgSpec {
	demo := s.Fixture != FixtureNewOrg
	spec := crm.OrgSpec{
		ID: s.OrgID, Name: "Twinspan Org", MyDomain: s.MyDomain, Sandbox: s.Sandbox, Package: s.Package, UsernamePasswordFlow: s.Fixture == FixtureDemo,
		Users: []crm.UserSpec{
			orgUser(s.OrgAdmin, "Alma", "Admin", "System Administrator", demo, demo),
			orgUser(s.SystemUser, "System", "User", "System Administrator", demo, demo),
		},
	}
	everybody := []string{s.OrgAdmin.Username, s.SystemUser.Username}
	for i, p := range persons() {
		spec.Users = append(spec.Users, orgUser(s.OrgUsers[i], p.first, p.last, "Standard User", demo, false))
		everybody = append(everybody, s.OrgUsers[i].Username)
	}
	test := crm.ConnectedAppSpec{
		Name: testAppName, DeveloperName: "Integration_Test", ConsumerKey: s.TestApp.ClientID, Secret: vault.Secret(s.TestApp.Secret),
		CallbackURLs: redirectURIs(), Scopes: []string{"openid", "id", "api", "web", "refresh_token"},
		Certificate: s.TestAppCert, AdminApproved: true, IPRelaxation: "BYPASS",
	}
	if demo {
		test.ClientCredentialsUser = s.OrgAdmin.Username
	}
	spec.ConnectedApps = []crm.ConnectedAppSpec{
		{
			Name: journey.PackageApp, DeveloperName: "Salesforce_Marketing_Cloud", Namespace: packageNamespace, ConsumerKey: s.PackageApp.ClientID, Secret: vault.Secret(s.PackageApp.Secret),
			CallbackURLs: []string{connectURL + "/oauth/crm/callback"}, Scopes: []string{"api", "refresh_token", "web"}, Certificate: certificate,
			StartURL: connectURL + "/marketing-cloud?pair=" + url.QueryEscape(s.PairID), // the Marketing Cloud tab (DESIGN 5.10)
		},
		{
			Name: consoleAppName, DeveloperName: "Twinspan_Console", ConsumerKey: s.ConsoleAppID, StartURL: connectURL + "/console?pair=" + url.QueryEscape(s.PairID),
			CallbackURLs: []string{connectURL + "/oauth/crm/callback"}, Scopes: []string{"openid", "id", "api"}, PKCERequired: true, SecretOptional: true,
		},
		test,
	}
	spec.PermissionSets = []crm.PermissionSetSpec{{Name: testAppSetName, Label: "Integration Test Users", Assignees: everybody, Apps: []string{"Integration_Test"}}}
	for _, label := range journey.PackageSets() {
		set := crm.PermissionSetSpec{Label: label, Namespace: packageNamespace}
		if s.Fixture == FixtureLegacy { // what worked before the upgrades had them: they read and change the package's settings
			set.Assignees = []string{s.OrgAdmin.Username, s.SystemUser.Username}
		}
		spec.PermissionSets = append(spec.PermissionSets, set)
	}
	if demo {
		spec.Contacts = []crm.ContactSpec{
			{FirstName: "Rosa", LastName: "Marin", Email: "rosa.marin@customer.example", Phone: "+1 555 0100"},
			{FirstName: "Ivo", LastName: "Brandt", Email: "ivo.brandt@customer.example", Phone: "+49 30 5550101"},
			{FirstName: "Nia", LastName: "Okafor", Email: "nia.okafor@customer.example", Phone: "+44 20 5550102"},
		}
	}
	return spec
}

// generatedHash is the hash of a seed's password, which newPassword made; "" for one that is too short to be such, which
// is then hashed as people's passwords are.
func generatedHash(l Login) string {
	hash, err := vault.HashGenerated(vault.Secret(l.Password))
	if err != nil {
		return ""
	}
	return hash
}

// orgUser is a user of the org. integrated and admin tick the package's two boxes on the User record (connect-facts 1.4).
func orgUser(l Login, first, last, profile string, integrated, admin bool) crm.UserSpec {
	u := crm.UserSpec{
		Username: l.Username, Email: l.Username, FirstName: first, LastName: last, Profile: profile,
		Password: vault.Secret(l.Password), PasswordHash: generatedHash(l), SecurityToken: vault.Secret(l.SecurityToken), MarketingUser: integrated,
	}
	if integrated {
		u.Custom = map[string]any{"et4ae5__ExactTargetForAppExchangeUser__c": true}
		if admin {
			u.Custom["et4ae5__ExactTargetForAppExchangeAdmin__c"] = true
		}
	}
	return u
}

// tenantSpec is the tenant of a fixture; its package "Marketing Cloud Connect" holds Connect's certificate.
func (s *seed) tenantSpec(certificate, connectURL string) engagement.TenantSpec {
	demo := s.Fixture != FixtureNewOrg
	spec := engagement.TenantSpec{
		EID: s.EID, Subdomain: s.Subdomain, Name: tenantName, AccountType: accountTypes[s.accountType()],
		Users: []engagement.UserSpec{
			{Username: s.TenantAdmin.Username, Name: "Alma Admin", Email: "alma.admin@tenant.example", Password: vault.Secret(s.TenantAdmin.Password), PasswordHash: generatedHash(s.TenantAdmin), Roles: []string{"Administrator"}},
			{
				Username: s.APIUser.Username, Name: "Marketing Cloud Connect API User", Email: "api.user@tenant.example", Password: vault.Secret(s.APIUser.Password), PasswordHash: generatedHash(s.APIUser),
				APIUser: true, Roles: s.apiUserRoles(),
			},
		},
		Packages: []engagement.PackageSpec{
			{
				Name: connectPkgName, Type: "connect", ClientID: s.ConnectPackageID, Certificate: certificate,
				RedirectURIs: []string{connectURL + "/oauth/engagement/callback"},
				// users_read and accounts_read are for the doctor, who looks at settings, packages and sessions also when nobody lends his eyes.
				LoginEndpoint: connectURL + "/salesforce-integration?pair=" + url.QueryEscape(s.PairID), // DESIGN 5.10
				Scopes:        []string{"email_read", "email_send", "email_write", "list_and_subscribers_read", "list_and_subscribers_write", "data_extensions_read", "offline", "users_read", "accounts_read"},
			},
			{
				Name: serverPkgName, Type: "server", ClientID: s.ServerPackage.ClientID, Secret: vault.Secret(s.ServerPackage.Secret), MID: s.EID,
				Scopes: []string{
					"email_read", "email_send", "email_write", "list_and_subscribers_read", "list_and_subscribers_write", "data_extensions_read",
					"data_extensions_write", "users_read", "users_write", "accounts_read", "accounts_write", "documents_and_images_read", "documents_and_images_write",
					"marketing_cloud_connect_write", "saved_content_read", "automations_read", "journeys_read",
				},
			},
			{
				Name: webPkgName, Type: "web", ClientID: s.WebPackage.ClientID, Secret: vault.Secret(s.WebPackage.Secret),
				RedirectURIs: append(redirectURIs(), connectURL+"/oauth/engagement/callback"), // for `connect --engagement-auth web_app`
				Scopes:       []string{"email_read", "email_send", "list_and_subscribers_read", "data_extensions_read", "offline"},
			},
		},
		Emails: []engagement.EmailSpec{{
			CustomerKey: welcomeEmailKey, Name: "Welcome", Subject: "Welcome, %%First Name%%",
			HTML: "<p>Dear %%First Name%% %%Last Name%%,</p><p>thank you for joining us.</p>",
			Text: "Dear %%First Name%% %%Last Name%%,\n\nthank you for joining us.\n",
		}},
	}
	if demo {
		// One made before August 2019, for clients of the time of /v1/requestToken.
		if s.LegacyPackage.ClientID != "" {
			spec.Packages = append(spec.Packages, engagement.PackageSpec{
				Name: legacyPkgName, Type: "legacy", ClientID: s.LegacyPackage.ClientID, Secret: vault.Secret(s.LegacyPackage.Secret), MID: s.EID,
				Scopes: []string{"email_read", "email_send", "email_write", "list_and_subscribers_read", "list_and_subscribers_write", "data_extensions_read", "data_extensions_write"},
			})
		}
		spec.Definitions = []engagement.DefinitionSpec{{Key: welcomeKey, Name: "Welcome", EmailKey: welcomeEmailKey, FromName: "Twinspan"}}
	}
	for _, bu := range s.BusinessUnits {
		spec.BusinessUnits = append(spec.BusinessUnits, engagement.BusinessUnitSpec{MID: bu.MID, Name: bu.Name})
	}
	for i, p := range persons() {
		u := engagement.UserSpec{
			Username: s.TenantUsers[i].Username, Name: p.first + " " + p.last, Email: p.user + "@tenant.example", Password: vault.Secret(s.TenantUsers[i].Password), PasswordHash: generatedHash(s.TenantUsers[i]),
			Roles: userRoles(),
		}
		if demo {
			u.SalesforceStatus = s.OrgUsers[i].Username
		}
		spec.Users = append(spec.Users, u)
	}
	return spec
}

// userRoles are what an ordinary user of the tenant has (connect-facts 1.6).
func userRoles() []string {
	return []string{"Content Creator", "Data Manager", "Marketing Cloud Content Editor/Publisher"}
}

// accountTypes are the tenant's words for the editions.
var accountTypes = map[string]engagement.AccountType{
	AccountEnterprise2: engagement.Enterprise2, AccountCore: engagement.Core, AccountLockPublish: engagement.LockPublish,
}

// apiUserRoles are what documents give the API user: both administrator roles in Enterprise 2.0, elsewhere Marketing Cloud
// Administrator alone (connect-facts 1.5, engagement-wire 5).
func (s *seed) apiUserRoles() []string {
	if s.accountType() == AccountEnterprise2 {
		return []string{"Administrator", "Marketing Cloud Administrator"}
	}
	return []string{"Marketing Cloud Administrator"}
}

// pair is the fixture's pair for the journey's steps. Nobody is left out: all ordinary users are members.
func (s *seed) pair(r Ready) journey.Pair {
	person := func(l Login) journey.Person {
		return journey.Person{Username: l.Username, Password: vault.Secret(l.Password), SecurityToken: vault.Secret(l.SecurityToken)}
	}
	p := journey.Pair{
		ID: s.PairID, OrgURL: r.CRM.URL, AuthURL: r.Engagement.AuthURL, ConnectURL: r.Connect.URL, ConnectToken: vault.Secret(s.APIToken),
		OrgAdmin: person(s.OrgAdmin), SystemUser: person(s.SystemUser), APIUser: person(s.APIUser), EID: s.EID, DefinitionKey: welcomeKey,
	}
	for i := range s.OrgUsers {
		p.Members = append(p.Members, journey.Member{Org: person(s.OrgUsers[i]), Tenant: person(s.TenantUsers[i])})
	}
	return p
}
