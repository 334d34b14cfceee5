package org

import "github.com/twinspan/twinspan/internal/vault"

// Spec says what a new org comes with. The zero value of each field is a new org's default.
type Spec struct {
	ID       string // 18 or 15 characters with prefix 00D
	Name     string
	MyDomain string // unique on the server; made from the id where it is ""
	Sandbox  bool   // Organization.IsSandbox
	// UsernamePasswordFlow: OAuth username-password flow allowed.
	UsernamePasswordFlow bool
	// DailyAPIRequests in 24 hours; what the edition and its licences give where it is 0.
	DailyAPIRequests int
	// Package is the version of the managed package that is installed; "" for none. An app or a permission set of the
	// package's namespace below means the current version where this is "".
	Package        string
	Users          []UserSpec // the first is the administrator; there must be one
	PermissionSets []PermissionSetSpec
	ConnectedApps  []ConnectedAppSpec
	Contacts       []ContactSpec
}

// UserSpec is a user of a new org.
type UserSpec struct {
	Username  string
	Email     string // the user name where it is ""
	FirstName string
	LastName  string
	Profile   string // "System Administrator" or "Standard User"
	// Password lets the user in; "" makes a user who has none, unless PasswordHash is given.
	Password vault.Secret
	// PasswordHash stands for the password where it is not "": its hash as vault.HashPassword makes it. Who makes many
	// orgs with the same passwords pays for the hashes once.
	PasswordHash string
	// SecurityToken goes after the password in API logins; "" for none.
	SecurityToken vault.Secret
	MarketingUser bool
	Custom        map[string]any // further fields of the User object by API name
}

// PermissionSetSpec is a permission set of a new org.
type PermissionSetSpec struct {
	Name        string // API name; made from the label where it is ""
	Label       string
	Namespace   string // of the managed package that brings it
	Permissions []string
	Assignees   []string // user names
	Apps        []string // developer names of connected apps that the set carries
}

// ConnectedAppSpec is a connected app of a new org.
type ConnectedAppSpec struct {
	Name                  string
	DeveloperName         string // made from the name where it is ""
	Namespace             string
	ContactEmail          string // the administrator's where it is ""
	ConsumerKey           string // unique on the server; made where it is ""
	Secret                vault.Secret
	CallbackURLs          []string
	StartURL              string   // where the app is opened from the org's pages; "" for nowhere
	Scopes                []string // OAuth names
	Certificate           string   // PEM
	AdminApproved         bool
	PKCERequired          bool
	SecretOptional        bool
	ClientCredentialsUser string // user name; "" leaves the flow off
	IPRelaxation          string // Metadata API spelling; ENFORCE where it is ""
	RefreshTokenPolicy    string // Metadata API spelling; infinite where it is ""
	Flows                 Flows
}

// ContactSpec is a contact of a new org.
type ContactSpec struct {
	FirstName, LastName, Email, Phone string
}
