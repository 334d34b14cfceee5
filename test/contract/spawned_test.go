package contract_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/contract"
	"github.com/twinspan/twinspan/test/spawn"
)

// TestSpawned runs the suite on the program as it is started by hand, from outside.
func TestSpawned(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--ephemeral", "--fixture", "new-org"}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = []string{"--data", filepath.Join(t.TempDir(), "data"), "--fixture", "new-org", "--db", dsn}
			}
			r, err := twinspan.ReadReady(spawn.Up(t, args...).ReadyFile)
			if err != nil {
				t.Fatal(err)
			}
			d := prepare(t, r)
			if kind == "sqlite" { // once as a run against servers elsewhere is: by environment
				byEnvironment(t, d)
				return
			}
			contract.Run(t, d)
		})
	}
}

// TestElsewhere runs the suite on whatever pair the file that TWINSPAN_CONTRACT names describes: other people's servers, or
// real clouds (docs/testing.md). Its members are those of contract.Deployment.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	path := os.Getenv("TWINSPAN_CONTRACT")
	if path == "" {
		t.Skip("TWINSPAN_CONTRACT names no deployment")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		contract.Deployment
		JWTAppKey string // PEM, PKCS #8
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if d.Deployment.JWTAppKey, err = readKey([]byte(d.JWTAppKey)); err != nil {
		t.Fatalf("%s: JWTAppKey: %v", path, err)
	}
	contract.Run(t, d.Deployment)
}

func readKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("no RSA key")
	}
	return private, nil
}

// prepare does what document 001 asks up to its step 32 by public APIs, and makes the people whom the suite needs besides.
func prepare(t *testing.T, r twinspan.Ready) contract.Deployment {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	who := func(l twinspan.Login) contract.Person {
		return contract.Person{Username: l.Username, Password: vault.Secret(l.Password), SecurityToken: vault.Secret(l.SecurityToken)}
	}
	key, err := os.ReadFile(r.CRM.ConnectedApps["Integration Test"].PrivateKeyFile)
	must(err)
	d := contract.Deployment{
		OrgURL: r.CRM.URL, AuthURL: r.Engagement.AuthURL, ConnectURL: r.Connect.URL, ConnectToken: vault.Secret(r.Connect.APIToken),
		OrgAdmin: who(r.CRM.Admin), SystemUser: who(r.CRM.SystemUser), Member: who(r.CRM.Users[0]), Outsider: who(r.CRM.Users[1]),
		JWTApp: r.CRM.ConnectedApps["Integration Test"].ClientID, PublicApp: "contract-" + oauth.NewToken(24), Redirect: "http://localhost:9876/callback",
		PackageApp: "et4ae5__Salesforce_Marketing_Cloud",
		EID:        r.Engagement.EID, APIUser: who(r.Engagement.APIUser), TenantMember: who(r.Engagement.Users[0]), TenantOther: who(r.Engagement.Users[1]),
		ServerPackage: r.Engagement.InstalledPackage.ClientID, ServerSecret: vault.Secret(r.Engagement.InstalledPackage.ClientSecret), Definition: "contract",
		WebPackage: r.Engagement.WebAppPackage.ClientID, WebSecret: vault.Secret(r.Engagement.WebAppPackage.ClientSecret), OrgPasswords: true,
	}
	d.JWTAppKey, err = readKey(key)
	must(err)

	hc := &http.Client{Transport: client.NewTransport()}
	t.Cleanup(hc.CloseIdleConnections)
	org, err := crm.New(crm.Options{BaseURL: d.OrgURL, HTTP: hc})
	must(err)
	login, err := org.Login(ctx, d.OrgAdmin.Username, d.OrgAdmin.Password+d.OrgAdmin.SecurityToken)
	must(err)
	admin := org.Session(login)
	assigned, err := admin.Query(ctx, "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Name = 'Integration_Test_Users' AND Assignee.Username = '"+d.Outsider.Username+"'")
	must(err)
	for _, a := range assigned {
		must(admin.DeleteRecord(ctx, "PermissionSetAssignment", a.String("Id")))
	}
	makePublicApp(t, hc, login, d.PublicApp, d.Redirect)
	j, err := journey.New(journey.Pair{
		OrgURL: d.OrgURL, AuthURL: d.AuthURL, ConnectURL: d.ConnectURL, ConnectToken: d.ConnectToken,
		OrgAdmin: journey.Person(d.OrgAdmin), SystemUser: journey.Person(d.SystemUser), APIUser: journey.Person(d.APIUser), EID: d.EID,
	})
	must(err)
	t.Cleanup(j.Close)
	must(j.SetUpOrg(ctx, journey.OrgSetup{}))

	tenant, err := engagement.New(engagement.Options{AuthURL: d.AuthURL, HTTP: hc})
	must(err)
	token, err := tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: d.ServerPackage, Secret: d.ServerSecret, MID: d.EID})
	must(err)
	server := tenant.Session(token)
	roles, err := server.Roles(ctx)
	must(err)
	var lost []string // he may not send
	for _, role := range roles {
		if role.Name == "Content Creator" || role.Name == "Marketing Cloud Content Editor/Publisher" {
			lost = append(lost, role.Key)
		}
	}
	must(server.UpdateUser(ctx, engagement.UserWrite{Username: d.TenantOther.Username, RemoveRoles: lost, SalesforceUsername: &d.Outsider.Username}))
	_, err = server.CreateDefinition(ctx, engagement.NewDefinition{Key: d.Definition, Name: "Contract", EmailKey: "welcome-email"})
	must(err)
	return d
}

// makePublicApp makes a self-authorize app without a secret, with PKCE, as an administrator's script does (crm-wire 5.4).
func makePublicApp(t *testing.T, hc *http.Client, admin crm.Token, consumerKey, redirect string) {
	t.Helper()
	envelope := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Header>` +
		`<SessionHeader xmlns="http://soap.sforce.com/2006/04/metadata"><sessionId>` + html.EscapeString(admin.AccessToken.Reveal()) + `</sessionId></SessionHeader></Header><Body>` +
		`<createMetadata xmlns="http://soap.sforce.com/2006/04/metadata"><metadata xsi:type="ConnectedApp"><fullName>Contract_Public</fullName><contactEmail>a@org.example</contactEmail>` +
		`<label>Contract Public</label><oauthConfig><callbackUrl>` + redirect + `</callbackUrl><consumerKey>` + consumerKey + `</consumerKey><isConsumerSecretOptional>true</isConsumerSecretOptional>` +
		`<isPkceRequired>true</isPkceRequired><scopes>Basic</scopes><scopes>OpenID</scopes></oauthConfig></metadata></createMetadata></Body></Envelope>`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, admin.InstanceURL+"/services/Soap/m/62.0", strings.NewReader(envelope))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `""`)
	resp, err := hc.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // read below
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "<success>true</success>") {
		t.Fatalf("making the app answered %d: %.1000s", resp.StatusCode, body)
	}
}
