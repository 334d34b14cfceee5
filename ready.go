package twinspan

import (
	"encoding/json"
	"fmt"
)

// Ready is what a program that answers on every listener tells its users: addresses, and the credentials of the
// first pair. It is the ready file's content; adding to it is allowed, changing it is not (DESIGN 6). Passwords,
// tokens and secrets stand in it in clear, which is why its file has mode 0600.
type Ready struct {
	Version    int             `json:"version"`             // 1
	CRM        ReadyCRM        `json:"crm,omitzero"`        // absent where the clouds are elsewhere
	Engagement ReadyEngagement `json:"engagement,omitzero"` // likewise
	Connect    ReadyConnect    `json:"connect"`
	Control    ReadyControl    `json:"control"`
}

// ReadyCRM is the org.
type ReadyCRM struct {
	URL        string `json:"url"`     // no trailing slash
	TLSURL     string `json:"tls_url"` // "" where TLS is off
	OrgID      string `json:"org_id"`  // 18 characters
	Admin      Login  `json:"admin"`
	SystemUser Login  `json:"system_user"`
	// Users are ordinary users, without the admin and the system user.
	Users []Login `json:"users"`
	// ConnectedApps by label.
	ConnectedApps map[string]ReadyApp `json:"connected_apps"`
}

// Login is how one person signs in. SecurityToken, which an org's API logins append to the password, is absent for
// users of Engagement.
type Login struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	SecurityToken string `json:"security_token,omitempty"`
}

// ReadyApp is a connected app's client credentials.
type ReadyApp struct {
	ClientID       string   `json:"client_id"`
	ClientSecret   string   `json:"client_secret"`
	PrivateKeyFile string   `json:"private_key_file,omitempty"` // PEM, PKCS #8
	PrivateKey     string   `json:"private_key,omitempty"`      // PEM itself, of a pair that has no file
	RedirectURIs   []string `json:"redirect_uris,omitempty"`
}

// ReadyEngagement is the tenant.
type ReadyEngagement struct {
	AuthURL   string `json:"auth_url"` // these three end in "/"
	RESTURL   string `json:"rest_url"`
	SOAPURL   string `json:"soap_url"`
	TLSURL    string `json:"tls_url"`   // "" where TLS is off
	Subdomain string `json:"subdomain"` // 28 characters
	EID       int64  `json:"eid"`       // also the MID of the top business unit
	// BusinessUnits begin with the top one; empty in accounts that have none.
	BusinessUnits []ReadyBusinessUnit `json:"business_units"`
	Admin         Login               `json:"admin"`
	APIUser       Login               `json:"api_user"`
	// Users are ordinary users, without the admin and the API user.
	Users            []Login      `json:"users"`
	InstalledPackage ReadyPackage `json:"installed_package"`
	WebAppPackage    ReadyPackage `json:"web_app_package"`
	// LegacyPackage serves /v1/requestToken. Such packages cannot be made since August 2019; the demo fixture has one.
	LegacyPackage *ReadyPackage `json:"legacy_package,omitempty"`
}

// ReadyBusinessUnit is one business unit.
type ReadyBusinessUnit struct {
	MID  int64  `json:"mid"`
	Name string `json:"name"`
}

// ReadyPackage is an installed package's API integration.
type ReadyPackage struct {
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	AccountID    int64    `json:"account_id,omitempty"` // MID in which a server-to-server package works
	RedirectURIs []string `json:"redirect_uris,omitempty"`
}

// ReadyConnect is Connect.
type ReadyConnect struct {
	URL      string `json:"url"`     // no trailing slash
	TLSURL   string `json:"tls_url"` // "" where TLS is off
	APIToken string `json:"api_token"`
}

// ReadyControl is the control API.
type ReadyControl struct {
	URL   string `json:"url"` // no trailing slash
	Token string `json:"token"`
}

// writeReady puts the ready file in place, whole.
func writeReady(path string, r Ready) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("the ready file: %w", err)
	}
	if err := writeFile(path, append(data, '\n')); err != nil {
		return fmt.Errorf("--ready-file: %w", err)
	}
	return nil
}

// readyVersion is the version of the ready file that this program writes and reads.
const readyVersion = 1

// maxReadyFile bounds what ReadReady takes in; a ready file has about 4 KB.
const maxReadyFile = 1 << 20

// ReadReady reads a ready file that a Program wrote.
func ReadReady(path string) (Ready, error) {
	var ready Ready
	data, err := readFile(path, maxReadyFile)
	if err != nil {
		return ready, err
	}
	if err := json.Unmarshal(data, &ready); err != nil {
		return ready, fmt.Errorf("%s is no ready file: %w", path, err)
	}
	if ready.Version != readyVersion {
		return ready, fmt.Errorf("%s has version %d; this twinspan knows version %d", path, ready.Version, readyVersion)
	}
	return ready, nil
}
