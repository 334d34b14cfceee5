package rest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// What the real org offers of a connected app only on pages of Setup has resources of ours, under /twinspan/apps: all
// policies, who loses access by a change, OAuth usage, block and revoke.

// appInfo is a connected app with its policies.
type appInfo struct {
	ID             org.ID   `json:"id"`
	FullName       string   `json:"fullName"`
	Label          string   `json:"label"`
	Description    string   `json:"description"`
	ContactEmail   string   `json:"contactEmail"`
	StartURL       string   `json:"startUrl"`
	ConsumerKey    string   `json:"consumerKey"`
	ConsumerSecret bool     `json:"consumerSecret"` // whether it has one
	Scopes         []string `json:"scopes"`
	CallbackURLs   []string `json:"callbackUrls"`
	Certificate    bool     `json:"certificate"`
	IPRanges       []string `json:"ipRanges"`
	RunAs          string   `json:"runAs"`
	// Switches are named as in the Metadata API.
	Switches              map[string]bool `json:"switches"`
	AdminApproved         bool            `json:"adminApproved"`
	IPRelaxation          string          `json:"ipRelaxation"`
	RefreshTokenPolicy    string          `json:"refreshTokenPolicy"`
	SessionTimeoutMinutes int             `json:"sessionTimeoutMinutes"`
	HighAssurance         string          `json:"highAssurance"`
	Installed             bool            `json:"installed"`
	Blocked               bool            `json:"blocked"`
	PermissionSets        []string        `json:"permissionSets"`
	Profiles              []string        `json:"profiles"`
	LastModified          time.Time       `json:"lastModified"`
}

func infoOfApp(a org.AppRecord) appInfo {
	list := func(names []string) []string { return append([]string{}, names...) }
	var ranges []string
	for _, r := range a.IPRanges {
		ranges = append(ranges, r.Start+"-"+r.End)
	}
	return appInfo{
		ID: a.ID, FullName: a.FullName(), Label: a.Name, Description: a.Description, ContactEmail: a.ContactEmail, StartURL: a.StartURL,
		ConsumerKey: a.ConsumerKey, ConsumerSecret: len(a.SecretHash) > 0, Scopes: list(a.Scopes), CallbackURLs: list(a.CallbackURLs),
		IPRanges: list(ranges), RunAs: a.RunAs, Switches: map[string]bool{
			"isPkceRequired": a.PKCERequired, "isConsumerSecretOptional": a.SecretOptional, "isSecretRequiredForRefreshToken": a.SecretRequiredForRefresh,
			"isClientCredentialEnabled": a.ClientCredentials, "isRefreshTokenRotationEnabled": a.Flows.RotateRefresh, "isIntrospectAllTokens": a.Flows.IntrospectAll,
			"isUserAgentFlowEnabled": a.Flows.UserAgent, "isDeviceFlowEnabled": a.Flows.Device, "isStrict": a.Flows.Strict,
		},
		Certificate: a.Certificate != "", AdminApproved: a.AdminApproved, IPRelaxation: string(a.IPRelaxation),
		RefreshTokenPolicy: string(a.RefreshTokenPolicy), SessionTimeoutMinutes: a.SessionTimeoutMinutes, HighAssurance: string(a.HighAssurance),
		Installed: a.Installed, Blocked: a.Blocked, PermissionSets: list(a.PermissionSets), Profiles: list(a.Profiles), LastModified: a.Modified,
	}
}

func (s *Server) listApps(ctx context.Context, c *call) (answer, error) {
	apps, err := s.Apps.List(ctx, c.session)
	if err != nil {
		return answer{}, err
	}
	out := []appInfo{}
	for _, a := range apps {
		out = append(out, infoOfApp(a))
	}
	return answer{http.StatusOK, out}, nil
}

func (s *Server) showApp(ctx context.Context, c *call) (answer, error) {
	a, err := s.Apps.Find(ctx, c.session, c.id)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, infoOfApp(a)}, nil
}

// accessInfo is what a change does, or would do, to who may use an app.
type accessInfo struct {
	Saved       bool     `json:"saved"`
	Losing      []string `json:"losing"`
	LosingUsing int      `json:"losingUsing"`
	Allowed     int      `json:"allowed"`
	Warning     string   `json:"warning"`
}

// changeApp changes policies; the member dryRun, or the header of the same meaning, only tells what would happen.
func (s *Server) changeApp(ctx context.Context, c *call) (answer, error) {
	r := bodyReader{body: c.body}
	change := org.AppChange{
		AdminApproved: r.flag("adminApproved"), Blocked: r.flag("blocked"), Installed: r.flag("installed"),
		PermissionSets: r.names("permissionSets"), Profiles: r.names("profiles"), SessionTimeoutMinutes: r.number("sessionTimeoutMinutes"),
	}
	if v := r.text("ipRelaxation"); v != nil {
		p, err := org.ParseIPRelaxation(*v)
		r.note(err)
		change.IPRelaxation = &p
	}
	if v := r.text("refreshTokenPolicy"); v != nil {
		p, err := org.ParseRefreshTokenPolicy(*v)
		r.note(err)
		change.RefreshTokenPolicy = &p
	}
	if v := r.text("highAssurance"); v != nil {
		h := org.HighAssurance(*v)
		if !slices.Contains([]org.HighAssurance{org.AssuranceNone, org.AssuranceBlock, org.AssuranceRaise}, h) {
			r.note(fault.New(fault.Invalid, org.CodeInvalidValue, "highAssurance is none of \"\", Block and RaiseSessionLevel").In("highAssurance"))
		}
		change.HighAssurance = &h
	}
	dry := r.flag("dryRun")
	if err := r.end(); err != nil {
		return answer{}, err
	}
	tried := c.session.DryRun || dry != nil && *dry
	access, err := s.Apps.Change(ctx, c.session, c.id, change, tried)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, accessInfo{
		Saved: !tried, Losing: append([]string{}, access.Losing...), LosingUsing: access.LosingUsing, Allowed: access.Allowed, Warning: access.Warning(),
	}}, nil
}

// usageInfo is one user's use of an app.
type usageInfo struct {
	UserID   org.ID    `json:"userId"`
	Username string    `json:"username"`
	Tokens   int       `json:"tokens"`
	Sessions int       `json:"sessions"`
	UseCount int       `json:"useCount"`
	First    time.Time `json:"firstUsed"`
	Last     time.Time `json:"lastUsed"`
}

func (s *Server) appUsage(ctx context.Context, c *call) (answer, error) {
	users, err := s.Apps.Usage(ctx, c.session, c.id)
	if err != nil {
		return answer{}, err
	}
	out := []usageInfo{}
	for _, u := range users {
		out = append(out, usageInfo{UserID: u.User, Username: u.Username, Tokens: u.Tokens, Sessions: u.Sessions, UseCount: u.Uses, First: u.First, Last: u.Last})
	}
	return answer{http.StatusOK, out}, nil
}

// revokeApp takes back the tokens of the member username, or with none those of everybody.
func (s *Server) revokeApp(ctx context.Context, c *call) (answer, error) {
	r := bodyReader{body: c.body}
	username := r.text("username")
	if err := r.end(); err != nil {
		return answer{}, err
	}
	name := ""
	if username != nil {
		name = *username
	}
	if err := s.Apps.Revoke(ctx, c.session, c.id, name); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

// bodyReader takes the members of a JSON object one by one; what is left in the end is a mistake. The first mistake
// stays.
type bodyReader struct {
	body  map[string]any
	taken []string
	err   error
}

func (r *bodyReader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *bodyReader) take(name string) (any, bool) {
	r.taken = append(r.taken, name)
	v, ok := r.body[name]
	return v, ok && v != nil
}

func (r *bodyReader) wrong(name string) {
	r.note(fault.New(fault.Invalid, org.CodeWrongJSONType, "%s has a value of the wrong type", name).In(name))
}

func (r *bodyReader) flag(name string) *bool {
	v, ok := r.take(name)
	if !ok {
		return nil
	}
	b, ok := v.(bool)
	if !ok {
		r.wrong(name)
	}
	return &b
}

func (r *bodyReader) text(name string) *string {
	v, ok := r.take(name)
	if !ok {
		return nil
	}
	s, ok := v.(string)
	if !ok {
		r.wrong(name)
	}
	return &s
}

func (r *bodyReader) number(name string) *int {
	v, ok := r.take(name)
	if !ok {
		return nil
	}
	f := &org.Field{Name: name, Label: name, Type: org.TypeInt}
	n, err := f.Accept(v)
	i, ok := n.(int64)
	if err != nil || !ok {
		r.wrong(name)
	}
	out := int(i)
	return &out
}

func (r *bodyReader) names(name string) *[]string {
	v, ok := r.take(name)
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		r.wrong(name)
	}
	out := []string{}
	for _, e := range list {
		s, ok := e.(string)
		if !ok {
			r.wrong(name)
		}
		out = append(out, s)
	}
	return &out
}

func (r *bodyReader) end() error {
	var unknown []string
	for name := range r.body {
		if !slices.Contains(r.taken, name) {
			unknown = append(unknown, clip(name))
		}
	}
	slices.Sort(unknown)
	if len(unknown) > 0 {
		r.note(fault.New(fault.Invalid, org.CodeInvalidField, "unknown members: %s", strings.Join(unknown, ", ")))
	}
	return r.err
}
