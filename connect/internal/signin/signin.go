// Package signin holds what happens in a browser: a visitor proves through the org who he is, and an Engagement user
// signs in once, be it to map himself or, as the API user, to connect the tenant span.
//
// Each trip to a cloud is a stored [Flow] in one of two steps:
//
//	offered --start--> away --callback--> gone
//	                   away is where a trip begins that a page started itself
//
// A flow is used once, dies ten minutes of domain time after it was made, and belongs to one browser, which a cookie
// names, from the moment it leaves. Steps never route to one another: every callback ends at the page that began, and
// that page decides what is next from what is stored.
package signin

import (
	"bytes"
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// Codes of the faults that this package returns.
const (
	CodeNotFound fault.Code = "not_found"
	// CodeFlowUnknown: the sign-in is not known: used before, never made, or made up.
	CodeFlowUnknown fault.Code = "signin_unknown"
	// CodeFlowExpired: the sign-in took longer than FlowLife.
	CodeFlowExpired fault.Code = "signin_expired"
	// CodeOtherBrowser: the sign-in was begun in another browser.
	CodeOtherBrowser fault.Code = "signin_other_browser"
	// CodeSignInRefused: the cloud sent the browser back with an error instead of a code.
	CodeSignInRefused fault.Code = "signin_refused"
)

// Lifetimes, in domain time.
const (
	FlowLife    = 10 * time.Minute
	SessionLife = 8 * time.Hour
)

// Purpose says what a trip is for.
type Purpose string

// The purposes.
const (
	Visit   Purpose = "visit"    // to the org: who is the visitor?
	MapUser Purpose = "map_user" // to the tenant: which Engagement user is he?
	APIUser Purpose = "api_user" // to the tenant: the API user gives his grant
	// SetUp is a trip to the tenant from the Marketing Cloud tab of an org that is not connected (document 001, steps 33 to 36):
	// the API user gives his grant, and the visitor is the system user. Nobody is named before; who came back is asked about.
	SetUp Purpose = "set_up"
	// SystemUser is a trip to the org: the system user says who he is ("Connect Account").
	SystemUser Purpose = "system_user"
	// Account is a trip to the org in which the system user allows the connected app itself (document 003, steps 5 to 8).
	Account Purpose = "connect_account"
	// Console and ConsoleTenant are trips to the org and to the tenant: who wants to use the console?
	Console       Purpose = "console"
	ConsoleTenant Purpose = "console_engagement"
	// To nowhere: is he who was found the one who is meant? Nothing is bound before the answer.
	Confirm           Purpose = "confirm" // a mapping
	ConfirmAPIUser    Purpose = "confirm_api_user"
	ConfirmSystemUser Purpose = "confirm_system_user"
	ConfirmSetUp      Purpose = "confirm_set_up" // both spans
)

// asks reports whether a flow waits for an answer.
func (p Purpose) asks() bool {
	return p == Confirm || p == ConfirmAPIUser || p == ConfirmSystemUser || p == ConfirmSetUp
}

// Step is how far a flow has come.
type Step string

// The steps.
const (
	Offered Step = "offered" // a start link was handed out; no browser has it yet
	Away    Step = "away"    // the browser was sent to the cloud
)

// Flow is one trip to a cloud.
type Flow struct {
	Key     []byte // SHA-256 of the start link's handle (Offered) or of the state parameter (Away)
	Pair    string
	Purpose Purpose
	Step    Step
	Browser []byte // SHA-256 of the browser's cookie; nil while Offered
	// Secrets are sealed under FlowAAD: PKCE verifier and nonce, or the refresh token of who came back, of purpose Confirm; nil
	// while Offered, and once the flow has expired.
	Secrets []byte
	Expires time.Time

	// Visitor is whom the mapping is for, of purposes MapUser and Confirm; who is to be the system user, of SetUp and ConfirmSetUp.
	Visitor Visitor
	// Username names who must come back, of the purposes APIUser and SystemUser; or who came back, of those that ask.
	Username string
	// MID is the business unit in which the API user is to work, 0 for his default one; of purpose Confirm that in which
	// the Engagement user came back.
	MID int64
	// Return is the path of the console, on this server, that the sign-in was begun for; of the purposes Console and
	// ConsoleTenant.
	Return string
	// Refresh is the refresh token of who came back, of purpose Confirm, where Connect is to act for him by it; "" elsewhere.
	// UserID is his AccountUserID in decimal. Both are stored in Secrets alone.
	Refresh vault.Secret
	UserID  string
	// Lent is the access token with which a person of the org came back, of purpose Console, where Connect cannot read the org
	// by itself; "" elsewhere. It is not stored with the flow.
	Lent vault.Secret
}

// Accept refuses a flow that is not in the step, has expired, or belongs to another browser.
func (f Flow) Accept(step Step, browser []byte, now time.Time) error {
	switch {
	case f.Step != step:
		return Unknown()
	case !now.Before(f.Expires):
		return fault.New(fault.Invalid, CodeFlowExpired, "This sign-in took longer than %d minutes. Begin again.", FlowLife/time.Minute)
	case step == Away && (len(browser) == 0 || !bytes.Equal(f.Browser, browser)):
		return fault.New(fault.Denied, CodeOtherBrowser, "This sign-in was begun in another browser. Begin again in this one.")
	}
	return nil
}

// Unknown is the refusal of a flow that is not there.
func Unknown() error {
	return fault.New(fault.Invalid, CodeFlowUnknown, "This sign-in is not known or was used already. Begin again.")
}

// Visitor is a CRM user whom the org signed in.
type Visitor struct {
	Pair     string
	OrgID    string // 18 characters
	UserID   string // 18 characters
	Username string
	Name     string
}

// Session is a visitor's stay in one browser.
type Session struct {
	Token   []byte // SHA-256 of the cookie
	Visitor Visitor
	Expires time.Time
}

// Store keeps flows and sessions.
type Store interface {
	// AddFlow stores a flow and removes some that have expired long ago.
	AddFlow(ctx context.Context, f Flow) error
	// Flow reads the flow under key; a missing one is Unknown.
	Flow(ctx context.Context, key []byte) (Flow, error)
	// TakeFlow removes the flow under key; all callers but one get Unknown.
	TakeFlow(ctx context.Context, key []byte) error
	// ForgetSecrets takes the secrets out of the pair's flows that have expired at now.
	ForgetSecrets(ctx context.Context, pair string, now time.Time) error
	// AddSession stores a session and removes some that have expired long ago.
	AddSession(ctx context.Context, s Session) error
	// Session reads a session by the hash of its cookie; a missing one is a NotFound fault with CodeNotFound.
	Session(ctx context.Context, token []byte) (Session, error)
	// EndSession removes a session; removing one that is not there is no error.
	EndSession(ctx context.Context, token []byte) error
}
