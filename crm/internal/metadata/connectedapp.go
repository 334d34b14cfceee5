package metadata

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/vault"
)

// scopeNames are the Metadata API's spellings of OAuth scopes, in the order in which it writes them.
var scopeNames = []struct{ metadata, scope string }{
	{"Basic", "id"},
	{"Api", "api"},
	{"Web", "web"},
	{"Full", "full"},
	{"Chatter", "chatter_api"},
	{"CustomApplications", "visualforce"},
	{"RefreshToken", "refresh_token"},
	{"OpenID", "openid"},
	{"Profile", "profile"},
	{"Email", "email"},
	{"Address", "address"},
	{"Phone", "phone"},
	{"OfflineAccess", "offline_access"},
	{"CustomPermissions", "custom_permissions"},
	{"Wave", "wave_api"},
	{"Eclair", "eclair_api"},
	{"Pardot", "pardot_api"},
	{"Lightning", "lightning"},
	{"Content", "content"},
}

// Session levels of a session policy.
const (
	levelHigh     = "HIGH_ASSURANCE"
	levelStandard = "STANDARD"
)

// connectedApps is the type ConnectedApp.
func (s *Server) connectedApps() componentType {
	return componentType{
		name: typeConnectedApp, folder: "connectedApps", suffix: "connectedApp",
		list: func(ctx context.Context, session org.Session) ([]fileProperties, error) {
			apps, err := s.Apps.List(ctx, session)
			out := make([]fileProperties, len(apps))
			for i, a := range apps {
				out[i] = fileProperties{name: a.FullName(), namespace: a.Namespace, Stamp: org.Stamp{
					ID: a.ID, Created: a.Created, Modified: a.Modified, CreatedBy: a.CreatedBy, CreatedByName: a.CreatedByName,
					LastModifiedBy: a.LastModifiedBy, LastModifiedByName: a.LastModifiedByName,
				}}
			}
			return out, err
		},
		read: func(ctx context.Context, session org.Session, name string) (func(*soap.Writer), error) {
			app, err := s.Apps.Find(ctx, session, name)
			return func(x *soap.Writer) { writeApp(x, app) }, err
		},
		save: func(c *call, name string, verb org.Verb, e *soap.Element) (org.Work, error) {
			change, err := readChange(e)
			return func(tx org.SetupTx) (org.Saved, error) { return s.Apps.SaveIn(tx, c.session, name, verb, change) }, err
		},
		remove: func(c *call, name string) org.Work {
			return func(tx org.SetupTx) (org.Saved, error) { return s.Apps.DeleteIn(tx, c.session, name) }
		},
	}
}

func writeApp(x *soap.Writer, a org.AppRecord) {
	optional := func(name, v string) {
		if v != "" {
			x.Text(name, v)
		}
	}
	flag := func(name string, v bool) { x.Text(name, strconv.FormatBool(v)) }
	x.Text("fullName", a.FullName())
	x.Text("contactEmail", a.ContactEmail)
	optional("description", a.Description)
	for _, r := range a.IPRanges {
		writeRange(x, r)
	}
	x.Text("label", a.Name)
	x.Open("oauthConfig")
	x.Text("callbackUrl", strings.Join(a.CallbackURLs, "\n"))
	optional("certificate", a.Certificate)
	x.Text("consumerKey", a.ConsumerKey)
	flag("isAdminApproved", a.AdminApproved)
	flag("isClientCredentialEnabled", a.ClientCredentials)
	flag("isConsumerSecretOptional", a.SecretOptional)
	flag("isDeviceFlowEnabled", a.Flows.Device)
	flag("isIntrospectAllTokens", a.Flows.IntrospectAll)
	flag("isPkceRequired", a.PKCERequired)
	flag("isRefreshTokenRotationEnabled", a.Flows.RotateRefresh)
	flag("isSecretRequiredForRefreshToken", a.SecretRequiredForRefresh)
	flag("isStrict", a.Flows.Strict)
	flag("isUserAgentFlowEnabled", a.Flows.UserAgent)
	optional("oauthClientCredentialUser", a.RunAs)
	for _, n := range scopeNames {
		if slices.Contains(a.Scopes, n.scope) {
			x.Text("scopes", n.metadata)
		}
	}
	x.Close()
	x.Open("oauthPolicy")
	x.Text("ipRelaxation", string(a.IPRelaxation))
	x.Text("refreshTokenPolicy", string(a.RefreshTokenPolicy))
	x.Close()
	for _, p := range a.PermissionSets {
		x.Text("permissionSetName", p)
	}
	for _, p := range a.Profiles {
		x.Text("profileName", p)
	}
	if a.SessionTimeoutMinutes > 0 || a.HighAssurance != org.AssuranceNone {
		x.Open("sessionPolicy")
		if a.HighAssurance != org.AssuranceNone {
			x.Text("policyAction", string(a.HighAssurance))
			x.Text("sessionLevel", levelHigh)
		}
		if a.SessionTimeoutMinutes > 0 {
			x.Text("sessionTimeout", strconv.Itoa(a.SessionTimeoutMinutes))
		}
		x.Close()
	}
	optional("startUrl", a.StartURL)
}

// readChange reads a ConnectedApp. Elements that are absent stay as they are; an empty permissionSetName or profileName
// takes all away (crm-wire 5.4). An element that this org does not keep is refused, never dropped.
func readChange(e *soap.Element) (org.AppChange, error) {
	var c org.AppChange
	var r reader
	r.once(e, "permissionSetName", "profileName", "ipRanges")
	for _, el := range e.Children {
		switch el.Local {
		case "fullName":
		case "label":
			c.Name = trimmed(el)
		case "contactEmail":
			c.ContactEmail = trimmed(el)
		case "description":
			c.Description = trimmed(el)
		case "startUrl":
			c.StartURL = trimmed(el)
		case "permissionSetName":
			c.PermissionSets = appendName(c.PermissionSets, el)
		case "profileName":
			c.Profiles = appendName(c.Profiles, el)
		case "ipRanges":
			if c.IPRanges == nil {
				c.IPRanges = &[]org.IPRange{}
			}
			if len(el.Children) > 0 {
				*c.IPRanges = append(*c.IPRanges, r.ipRange(el))
			}
		case "oauthConfig":
			r.config(&c, el)
		case "oauthPolicy":
			r.policy(&c, el)
		case "sessionPolicy":
			r.session(&c, el)
		default:
			r.unknown(typeConnectedApp, el.Local)
		}
	}
	return c, r.err
}

// ipRange reads a range of addresses, whose ends have two spellings in the documents (crm-wire 5.4).
func (r *reader) ipRange(e *soap.Element) org.IPRange {
	r.once(e)
	var out org.IPRange
	for _, el := range e.Children {
		switch v := strings.TrimSpace(el.Text); el.Local {
		case "start", "startIpAddress":
			out.Start = v
		case "end", "endIpAddress":
			out.End = v
		case "description":
			out.Description = v
		default:
			r.unknown(typeConnectedApp, "ipRanges."+el.Local)
		}
	}
	return out
}

func appendName(list *[]string, e *soap.Element) *[]string {
	if list == nil {
		list = &[]string{}
	}
	if name := strings.TrimSpace(e.Text); name != "" && !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
	return list
}

func (r *reader) config(c *org.AppChange, config *soap.Element) {
	r.once(config, "scopes")
	for _, el := range config.Children {
		switch el.Local {
		case "callbackUrl":
			urls := strings.Fields(el.Text)
			c.CallbackURLs = &urls
			for _, u := range urls {
				if err := oauth.CheckRedirect(u); err != nil {
					r.refuse("Invalid callback URL %s: %s", clip(u), fault.Of(err).Message)
				}
			}
		case "certificate":
			c.Certificate = trimmed(el)
			if *c.Certificate != "" {
				if _, err := oauth.ParseCertificate(*c.Certificate); err != nil {
					r.refuse("Invalid certificate: %s", fault.Of(err).Message)
				}
			}
		case "consumerKey":
			c.ConsumerKey = trimmed(el)
		case "consumerSecret":
			if secret := strings.TrimSpace(el.Text); secret != "" {
				if len(secret) < minSecret {
					r.refuse("The consumer secret must have at least %d characters", minSecret)
				}
				c.SecretHash = vault.HashToken(secret)
			}
		case "scopes":
			r.scope(c, strings.TrimSpace(el.Text))
		case "isAdminApproved":
			c.AdminApproved = r.flag(el)
		case "isConsumerSecretOptional":
			c.SecretOptional = r.flag(el)
		case "isPkceRequired":
			c.PKCERequired = r.flag(el)
		case "isSecretRequiredForRefreshToken":
			c.SecretRequiredForRefresh = r.flag(el)
		case "isRefreshTokenRotationEnabled":
			c.Flows.RotateRefresh = r.flag(el)
		case "isIntrospectAllTokens":
			c.Flows.IntrospectAll = r.flag(el)
		case "isUserAgentFlowEnabled":
			c.Flows.UserAgent = r.flag(el)
		case "isDeviceFlowEnabled":
			c.Flows.Device = r.flag(el)
		case "isStrict":
			c.Flows.Strict = r.flag(el)
		case "isClientCredentialEnabled":
			c.ClientCredentials = r.flag(el)
		case "oauthClientCredentialUser":
			c.ClientCredentialsUser = trimmed(el)
		default:
			r.unknown(typeConnectedApp, "oauthConfig."+el.Local)
		}
	}
}

// minSecret: secrets are kept by a quick hash, so they must be long enough to have been generated.
const minSecret = 32

func (r *reader) scope(c *org.AppChange, name string) {
	if c.Scopes == nil {
		c.Scopes = &[]string{}
	}
	for _, n := range scopeNames {
		if n.metadata == name {
			if !slices.Contains(*c.Scopes, n.scope) {
				*c.Scopes = append(*c.Scopes, n.scope)
			}
			return
		}
	}
	r.refuse("'%s' is not a valid value for the enum 'ConnectedAppOauthAccessScope'", clip(name))
}

func (r *reader) policy(c *org.AppChange, policy *soap.Element) {
	for _, el := range policy.Children {
		v := strings.TrimSpace(el.Text)
		switch el.Local {
		case "ipRelaxation":
			p, err := org.ParseIPRelaxation(v)
			if err != nil {
				r.refuse("'%s' is not a valid value for the enum 'ConnectedAppOauthIPPolicy'", clip(v))
			}
			c.IPRelaxation = &p
		case "refreshTokenPolicy":
			p, err := org.ParseRefreshTokenPolicy(v)
			if err != nil {
				r.refuse("%s", fault.Of(err).Message)
			}
			c.RefreshTokenPolicy = &p
		default:
			r.unknown(typeConnectedApp, "oauthPolicy."+el.Local)
		}
	}
}

func (r *reader) session(c *org.AppChange, policy *soap.Element) {
	level, action := "", false
	for _, el := range policy.Children {
		switch v := strings.TrimSpace(el.Text); el.Local {
		case "sessionTimeout":
		case "policyAction":
			if v != string(org.AssuranceBlock) && v != string(org.AssuranceRaise) {
				r.refuse("'%s' is not a valid value for the enum 'ConnectedAppSessionPolicyAction'", clip(v))
			}
			how := org.HighAssurance(v)
			c.HighAssurance, action = &how, true
			continue
		case "sessionLevel":
			if level = v; v != levelHigh && v != levelStandard {
				r.refuse("'%s' is not a valid value for the enum 'SessionSecurityLevel'", clip(v))
			}
			continue
		default:
			r.unknown(typeConnectedApp, "sessionPolicy."+el.Local)
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(el.Text))
		if err != nil {
			r.refuse("sessionTimeout: '%s' is not a valid value for the type xsd:int", clip(el.Text))
		}
		c.SessionTimeoutMinutes = &n
	}
	switch {
	case level == levelStandard: // every session has that level
		none := org.AssuranceNone
		c.HighAssurance = &none
	case level == levelHigh && !action:
		r.refuse("sessionPolicy: sessionLevel %s needs policyAction, %s or %s", levelHigh, org.AssuranceBlock, org.AssuranceRaise)
	}
}
