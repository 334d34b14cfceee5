package crm

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// App is a connected app with its policies, as the org's own resource gives it. Only Twinspan's org has it; a real one
// shows these on pages of Setup.
type App struct {
	ID             string   `json:"id"`
	FullName       string   `json:"fullName"`
	Label          string   `json:"label"`
	Description    string   `json:"description"`
	ContactEmail   string   `json:"contactEmail"`
	StartURL       string   `json:"startUrl"`
	ConsumerKey    string   `json:"consumerKey"`
	ConsumerSecret bool     `json:"consumerSecret"` // whether it has one
	IPRanges       []string `json:"ipRanges"`       // allow-listed, "FIRST-LAST"
	RunAs          string   `json:"runAs"`          // user name of the client credentials flow
	// Switches are on or off by their names in the Metadata API: "isPkceRequired".
	Switches              map[string]bool `json:"switches"`
	Scopes                []string        `json:"scopes"` // OAuth names
	CallbackURLs          []string        `json:"callbackUrls"`
	Certificate           bool            `json:"certificate"` // whether one is set
	AdminApproved         bool            `json:"adminApproved"`
	IPRelaxation          string          `json:"ipRelaxation"`
	RefreshTokenPolicy    string          `json:"refreshTokenPolicy"`
	SessionTimeoutMinutes int             `json:"sessionTimeoutMinutes"` // 0: the org's
	HighAssurance         string          `json:"highAssurance"`         // "", "Block" or "RaiseSessionLevel"
	Installed             bool            `json:"installed"`
	Blocked               bool            `json:"blocked"`
	PermissionSets        []string        `json:"permissionSets"`
	Profiles              []string        `json:"profiles"`
	LastModified          time.Time       `json:"lastModified"`
}

// AppAccess is what a change of policies does, or would do, to who may use the app.
type AppAccess struct {
	Saved       bool     `json:"saved"`
	Losing      []string `json:"losing"` // user names
	LosingUsing int      `json:"losingUsing"`
	Allowed     int      `json:"allowed"` // active users who may use the app afterwards
	Warning     string   `json:"warning"`
}

// AppUsage is one user's use of an app.
type AppUsage struct {
	UserID   string    `json:"userId"`
	Username string    `json:"username"`
	Tokens   int       `json:"tokens"`
	Sessions int       `json:"sessions"`
	UseCount int       `json:"useCount"`
	First    time.Time `json:"firstUsed"`
	Last     time.Time `json:"lastUsed"`
}

func appPath(name string) string { return "/twinspan/apps/" + url.PathEscape(name) }

// Apps lists the org's connected apps.
func (s *Session) Apps(ctx context.Context) ([]App, error) {
	var out []App
	err := s.get(ctx, s.data("/twinspan/apps"), &out)
	return out, err
}

// App reads a connected app by its full name, or its developer name.
func (s *Session) App(ctx context.Context, name string) (App, error) {
	var out App
	err := s.get(ctx, s.data(appPath(name)), &out)
	return out, err
}

// ChangeApp changes policies, named as App's JSON members; "dryRun": true only tells what would happen.
func (s *Session) ChangeApp(ctx context.Context, name string, policies map[string]any) (AppAccess, error) {
	var out AppAccess
	a, err := s.send(ctx, http.MethodPatch, appPath(name), policies)
	if err == nil {
		err = s.c.call.JSON(a, &out)
	}
	return out, err
}

// AppUsage lists who uses an app.
func (s *Session) AppUsage(ctx context.Context, name string) ([]AppUsage, error) {
	var out []AppUsage
	err := s.get(ctx, s.data(appPath(name)+"/usage"), &out)
	return out, err
}

// RevokeApp takes back an app's tokens: of a user, or of everybody where the user name is "".
func (s *Session) RevokeApp(ctx context.Context, name, username string) error {
	body := map[string]any{}
	if username != "" {
		body["username"] = username
	}
	_, err := s.send(ctx, http.MethodPost, appPath(name)+"/revoke", body)
	return err
}
