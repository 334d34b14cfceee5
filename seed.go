package twinspan

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/oauth"
)

// seed is everything about a pair that is generated: names, ids and secrets. It is on the disk before the
// first of its values is used anywhere, so a start that breaks off at any moment is completed by the next one with
// the same values. Its file is DIR/seed.json for the first pair and
// DIR/pairs/ID.json for another, mode 0600; nothing else keeps these secrets in clear.
type seed struct {
	Version int `json:"version"`
	// Clouds is CloudsNone where the pair is a connection alone, whose clouds are elsewhere; "" is CloudsEmbedded.
	Clouds  string `json:"clouds,omitempty"`
	Fixture string `json:"fixture"`
	// Package is the release of the managed package that the org was made with; "" is the newest.
	Package string `json:"package,omitempty"`
	// AccountType is the tenant's edition; "" is AccountEnterprise2.
	AccountType string `json:"account_type,omitempty"`
	// Sandbox says that the org is one.
	Sandbox bool `json:"sandbox,omitempty"`
	// BulkUsers are those whom the fixture has beside its three persons.
	BulkUsers bulkUsers `json:"bulk_users,omitzero"`
	// Complete says that the fixture was filled in to its end; later starts leave the pair as its users have it.
	Complete bool `json:"complete"`
	// Deleting says that the pair is being taken away.
	Deleting bool   `json:"deleting,omitempty"`
	PairID   string `json:"pair_id"`

	OrgID        string  `json:"org_id"`
	MyDomain     string  `json:"my_domain"`
	OrgAdmin     Login   `json:"org_admin"`
	SystemUser   Login   `json:"system_user"`
	OrgUsers     []Login `json:"org_users"`
	PackageApp   seedApp `json:"package_app"` // "Salesforce Marketing Cloud"
	TestApp      seedApp `json:"test_app"`    // "Integration Test"
	TestAppKey   string  `json:"test_app_key"`
	TestAppCert  string  `json:"test_app_certificate"`
	ConsoleAppID string  `json:"console_app_id"` // the app of API name Twinspan_Console, a public client

	EID              int64               `json:"eid"`
	Subdomain        string              `json:"subdomain"`
	BusinessUnits    []ReadyBusinessUnit `json:"business_units"` // children alone
	TenantAdmin      Login               `json:"tenant_admin"`
	APIUser          Login               `json:"api_user"`
	TenantUsers      []Login             `json:"tenant_users"`
	ServerPackage    seedApp             `json:"server_package"`
	WebPackage       seedApp             `json:"web_package"`
	LegacyPackage    seedApp             `json:"legacy_package"`     // of the demo fixture alone
	ConnectPackageID string              `json:"connect_package_id"` // "Marketing Cloud Connect", holds a certificate

	APIToken     string `json:"api_token"`
	ControlToken string `json:"control_token"`
}

// seedApp is a generated pair of client credentials.
type seedApp struct {
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret"`
}

const (
	seedVersion = 1
	maxSeedFile = 1 << 20
)

// pairKind is what a pair is made of. clouds "" are embedded, fixture "" is the demo; accountType "" and release "" are the
// fixture's own.
type pairKind struct {
	clouds                        string
	fixture, accountType, release string
	users                         int  // beside the three persons
	sandbox                       bool // the org is one
}

// loadSeed reads the folder's seed, or makes one and keeps it durably before returning it. What of the kind is "" is as the
// folder has it; users are as many as there are at least.
func loadSeed(f *folder, kind pairKind) (*seed, error) {
	path := f.file("seed.json")
	s, err := readSeed(path)
	switch {
	case err == nil:
		if have := s.clouds(); cmp.Or(kind.clouds, CloudsEmbedded) != have {
			return nil, configError("--clouds", "%s was made with --clouds %s; another standing needs a folder of its own", f.path, have)
		}
		if kind.fixture != "" && kind.fixture != s.Fixture {
			return nil, configError("--fixture", "%s was filled with the fixture %s; %s needs a folder of its own", f.path, s.Fixture, kind.fixture)
		}
		if kind.accountType != "" && kind.accountType != s.accountType() {
			return nil, configError("--account-type", "the tenant of %s is %s; another one needs a folder of its own", f.path, s.accountType())
		}
		if kind.release != "" && kind.release != s.Package {
			return nil, configError("--package", "the org of %s was made with another release; `twinspan package upgrade` installs a newer one", f.path)
		}
		if kind.users <= s.BulkUsers.Number {
			return s, nil
		}
		if err := checkUsers(s.Fixture, kind.users); err != nil {
			return nil, &ConfigError{Flag: "--fixture-users", Err: err}
		}
		s.BulkUsers.Number = kind.users
		return s, s.save(path)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if s, err = newSeed(kind); err != nil {
		return nil, err
	}
	return s, s.save(path)
}

func readSeed(path string) (*seed, error) {
	data, err := readFile(path, maxSeedFile)
	if err != nil {
		return nil, err
	}
	var s seed
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	if s.Version > seedVersion {
		return nil, fmt.Errorf("%s has version %d, newer than this twinspan knows (%d); use the newer program", path, s.Version, seedVersion)
	}
	if s.Clouds != CloudsNone && (s.OrgID == "" || s.EID == 0) || s.PairID == "" || s.ControlToken == "" {
		return nil, fmt.Errorf("%s is damaged: ids are missing", path)
	}
	return &s, nil
}

func (s *seed) save(path string) error {
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return fmt.Errorf("the seed file: %w", err)
	}
	if err := writeFile(path, append(data, '\n')); err != nil {
		return fmt.Errorf("keeping the secrets of the new pair: %w", err)
	}
	return nil
}

// newSeed generates the names, ids and secrets of one pair.
func newSeed(kind pairKind) (*seed, error) {
	if kind.clouds == CloudsNone {
		return newLoneSeed(), nil
	}
	fixture, release := cmp.Or(kind.fixture, FixtureDemo), kind.release
	if fixture == FixtureLegacy {
		release = cmp.Or(release, LegacyPackage)
	}
	slug := newSlug()
	host := slug + hostSuffix
	s := &seed{
		Version: seedVersion, Fixture: fixture, AccountType: kind.accountType, Sandbox: kind.sandbox, Package: release, PairID: slug, BulkUsers: bulkUsers{Number: kind.users},
		OrgID: crm.NewOrgID(), MyDomain: slug,
		OrgAdmin:     newOrgLogin("admin@" + host),
		SystemUser:   newOrgLogin("system.user@" + host),
		PackageApp:   newApp(),
		TestApp:      newApp(),
		ConsoleAppID: newApp().ClientID,

		EID: engagement.NewEID(), Subdomain: engagement.NewSubdomain(),
		TenantAdmin:      newTenantLogin("admin." + slug),
		APIUser:          newTenantLogin("mc-api-user." + slug),
		ServerPackage:    newPackageApp(),
		WebPackage:       newPackageApp(),
		LegacyPackage:    newPackageApp(),
		ConnectPackageID: newPackageApp().ClientID,

		APIToken:     "tsp_" + newSecret(),
		ControlToken: "tsc_" + newSecret(),
	}
	if s.accountType() == AccountEnterprise2 {
		s.BusinessUnits = []ReadyBusinessUnit{{MID: engagement.NewEID(), Name: "Newsletter"}}
	}
	for _, p := range persons() {
		s.OrgUsers = append(s.OrgUsers, newOrgLogin(p.user+"@"+host))
		s.TenantUsers = append(s.TenantUsers, newTenantLogin(p.user+"."+slug))
	}
	key, err := oauth.NewKey()
	if err != nil {
		return nil, fmt.Errorf("making the test app's key: %w", err)
	}
	text, err := oauth.EncodeKey(key)
	if err != nil {
		return nil, fmt.Errorf("making the test app's key: %w", err)
	}
	s.TestAppKey = string(text)
	now := time.Now()
	if s.TestAppCert, err = oauth.NewCertificate(testAppName, key, now.Add(-24*time.Hour), now.AddDate(10, 0, 0)); err != nil {
		return nil, fmt.Errorf("making the test app's certificate: %w", err)
	}
	return s, nil
}

// newSlug makes a pair's id.
func newSlug() string { return "bridge-" + strings.ToLower(rand.Text()[:8]) }

// hostSuffix makes a pair's id a host name. RFC 2606: nobody's mail.
const hostSuffix = ".example"

// host is behind the @ of the org's user names.
func (s *seed) host() string { return s.PairID + hostSuffix }

// accountType is the tenant's edition.
func (s *seed) accountType() string { return cmp.Or(s.AccountType, AccountEnterprise2) }

func newOrgLogin(username string) Login {
	return Login{Username: username, Password: newPassword(), SecurityToken: rand.Text()[:24]}
}

func newTenantLogin(username string) Login {
	return Login{Username: username, Password: newPassword()}
}

// newPassword has 130 random bits behind a prefix that satisfies every password policy either cloud offers.
func newPassword() string { return "Tw1-" + strings.ToLower(rand.Text()) }

// newApp makes a consumer key of the length and look of real ones, and a secret of 260 bits.
func newApp() seedApp {
	return seedApp{ClientID: "3MVG9" + rand.Text() + rand.Text() + rand.Text(), Secret: newSecret()}
}

// newPackageApp makes an installed package's client id, 24 lower-case characters as real ones have, and its secret.
func newPackageApp() seedApp {
	return seedApp{ClientID: strings.ToLower(rand.Text()[:24]), Secret: newSecret()}
}

func newSecret() string { return rand.Text() + rand.Text() }
