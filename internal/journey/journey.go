// Package journey joins an org and a tenant as the founding documents tell people to: an admin sets the connected app's
// policies and the permission set (document 001), Connect raises both spans of trust (document 002), a user signs in
// once and is mapped, and a message goes out. Every step is made over HTTP, through public APIs and pages, with the
// credentials of the person whose step it is. The demo prints the steps; the built-in fixture is made by them.
package journey

import (
	"net/http"
	"net/url"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/vault"
)

// Names that the documents and the managed package give.
const (
	// PackageApp is the label of the connected app that the managed package brings; PackageAppFullName its name in the
	// Metadata API.
	PackageApp         = "Salesforce Marketing Cloud"
	PackageAppFullName = "et4ae5__Salesforce_Marketing_Cloud"
	// ApprovalSet is the permission set that document 001 gives as its example; it carries users to the app and may
	// be empty otherwise (S003-45). ApprovalSetName is the API name that Setup generates from it.
	ApprovalSet     = "Marketing Cloud Connected App"
	ApprovalSetName = "Marketing_Cloud_Connected_App"
)

// PackageSets are the labels of the package's own permission sets, which the system user gets besides (S001-25..27).
func PackageSets() []string {
	return []string{"Marketing Cloud Connector", "Marketing Cloud Connector Admin", "Marketing Cloud System User"}
}

// Person is somebody's credentials in one cloud.
type Person struct {
	Username      string
	Password      vault.Secret
	SecurityToken vault.Secret // of the org's users
}

// Member is a user of the org and the Engagement user that he is to be mapped to.
type Member struct {
	Org, Tenant Person
}

// Client is a program's credentials in Engagement.
type Client struct {
	ID     string
	Secret vault.Secret
}

// Pair is where an org, a tenant and Connect answer, and who does what there.
type Pair struct {
	ID         string // Connect's name of the pair; "" is the pair that was made first
	OrgURL     string // no trailing slash
	AuthURL    string // the tenant's authentication base
	ConnectURL string // no trailing slash
	ControlURL string // "" where there is no inbox to look into

	ConnectToken, ControlToken vault.Secret

	OrgAdmin, SystemUser Person
	APIUser              Person
	EID                  int64 // the tenant's top business unit, in which the API user works
	Members              []Member
	// Outsider is a user of the org whom nobody assigns the permission set.
	Outsider Person
	// Marketer is the tenant's installed package under whose client credentials the definition is made.
	Marketer Client
	// DefinitionKey is the triggered send definition that the message goes out by; where it is missing it is made, of the
	// email with the customer key EmailKey.
	DefinitionKey, EmailKey string
}

// tab is the address of the Marketing Cloud tab.
func (p Pair) tab() string {
	if p.ID == "" {
		return p.ConnectURL + "/marketing-cloud"
	}
	return p.ConnectURL + "/marketing-cloud?pair=" + url.QueryEscape(p.ID)
}

// Journey walks the steps on one pair.
type Journey struct {
	pair     Pair
	http     *http.Client
	org      *crm.Client
	tenant   *engagement.Client
	connect  *connect.Client
	control  *control.Client // nil where the pair has no control API
	orgSite  string          // origins of the two clouds' login forms
	authSite string
}

// New returns a journey on the pair.
func New(p Pair) (*Journey, error) {
	hc := &http.Client{Transport: client.NewTransport()}
	j := &Journey{pair: p, http: hc}
	var err error
	if j.org, err = crm.New(crm.Options{BaseURL: p.OrgURL, HTTP: hc}); err != nil {
		return nil, err
	}
	if j.tenant, err = engagement.New(engagement.Options{AuthURL: p.AuthURL, HTTP: hc}); err != nil {
		return nil, err
	}
	if j.connect, err = connect.New(p.ConnectURL, p.ConnectToken, hc); err != nil {
		return nil, err
	}
	if p.ControlURL != "" {
		if j.control, err = control.New(p.ControlURL, p.ControlToken, hc); err != nil {
			return nil, err
		}
	}
	if j.orgSite, err = origin(p.OrgURL); err != nil {
		return nil, err
	}
	j.authSite, err = origin(p.AuthURL)
	return j, err
}

// Close lets go of the connections.
func (j *Journey) Close() { j.http.CloseIdleConnections() }

func origin(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	return browser.Origin(u), nil
}

// consent are the buttons that a person presses who agrees to what he came for.
var consent = []string{"Allow", "Connect to Marketing Cloud", "Continue", "Yes, connect me", "Yes, connect"}
