package metadata

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

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

func dateTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// read writes the components asked for, in order; one that is not there is nil.
func (s *Server) read(ctx context.Context, c *call, x *soap.Writer) error {
	if other, ok := s.others()[strings.TrimSpace(c.operation.Value("type"))]; ok {
		return other.read(ctx, c, x)
	}
	if err := checkType(c.operation.Value("type")); err != nil {
		return err
	}
	names := c.operation.All("fullNames")
	if len(names) > maxComponents {
		return fault.New(fault.Invalid, codeArguments, "readMetadata takes at most %d names", maxComponents)
	}
	x.Open("result")
	for _, n := range names {
		app, err := s.Apps.Find(ctx, c.session, strings.TrimSpace(n.Text))
		if fault.CodeOf(err) == org.CodeNotFound {
			x.Empty("records", "xsi:nil", "true")
			continue
		}
		if err != nil {
			return err
		}
		writeApp(x, app)
	}
	x.Close()
	return nil
}

func writeApp(x *soap.Writer, a org.AppRecord) {
	optional := func(name, v string) {
		if v != "" {
			x.Text(name, v)
		}
	}
	flag := func(name string, v bool) { x.Text(name, strconv.FormatBool(v)) }
	x.Open("records", "xsi:type", typeConnectedApp)
	x.Text("fullName", a.FullName())
	x.Text("contactEmail", a.ContactEmail)
	optional("description", a.Description)
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
	x.Close()
}

// update changes the components given, each by itself: one that is refused does not keep the others from changing.
func (s *Server) update(ctx context.Context, c *call, x *soap.Writer) error {
	components := c.operation.All("metadata")
	if len(components) == 0 || len(components) > maxComponents {
		return fault.New(fault.Invalid, codeArguments, "updateMetadata takes 1 to %d components", maxComponents)
	}
	others := s.others()
	for _, e := range components {
		if _, ok := others[e.XSIType()]; ok {
			continue
		}
		if err := checkType(e.XSIType()); err != nil {
			return err
		}
	}
	for _, e := range components {
		name := e.Value("fullName")
		var err error
		switch other, ok := others[e.XSIType()]; {
		case ok && c.dryRun:
			err = fault.New(fault.Invalid, codeArguments, "A dry run is for ConnectedApp alone.")
		case ok:
			err = other.update(ctx, c, name, e)
		default:
			var change org.AppChange
			var access org.Access
			if change, err = readChange(e); err == nil {
				access, err = s.Apps.Change(ctx, c.session, name, change, c.dryRun)
			}
			if err == nil && access.Warning() != "" {
				c.warnings = append(c.warnings, name+": "+access.Warning())
			}
		}
		x.Open("result")
		if err != nil {
			f := fault.Of(err)
			if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
				return err
			}
			x.Open("errors")
			x.Text("message", f.Message)
			x.Text("statusCode", exceptionCode(f))
			x.Close()
		}
		x.Text("fullName", name)
		x.Text("success", strconv.FormatBool(err == nil))
		x.Close()
	}
	return nil
}

// reader takes the elements of a component into a change. The first mistake stays.
type reader struct{ err error }

func (r *reader) refuse(format string, args ...any) {
	if r.err == nil {
		r.err = fault.New(fault.Invalid, org.CodeInvalidValue, format, args...)
	}
}

func (r *reader) flag(e *soap.Element) *bool {
	v := strings.TrimSpace(e.Text)
	on := v == "true" || v == "1"
	if !on && v != "false" && v != "0" {
		r.refuse("%s: '%s' is not a valid value for the type xsd:boolean", e.Local, clip(v))
	}
	return &on
}

func trimmed(e *soap.Element) *string {
	v := strings.TrimSpace(e.Text)
	return &v
}

// readChange reads a ConnectedApp. Elements that are absent stay as they are; an empty permissionSetName or profileName
// takes all away (crm-wire 5.4). An element that this org does not keep is refused, never dropped.
func readChange(e *soap.Element) (org.AppChange, error) {
	var c org.AppChange
	var r reader
	seen := map[string]bool{}
	for _, el := range e.Children {
		repeats := el.Local == "permissionSetName" || el.Local == "profileName"
		if seen[el.Local] && !repeats {
			r.refuse("%s comes twice", el.Local)
		}
		seen[el.Local] = true
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
		case "oauthConfig":
			r.config(&c, el)
		case "oauthPolicy":
			r.policy(&c, el)
		case "sessionPolicy":
			r.session(&c, el)
		default:
			r.refuse("Property '%s' of ConnectedApp is not supported by this org", el.Local)
		}
	}
	return c, r.err
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
	seen := map[string]bool{}
	for _, el := range config.Children {
		if seen[el.Local] && el.Local != "scopes" {
			r.refuse("oauthConfig.%s comes twice", el.Local)
		}
		seen[el.Local] = true
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
			r.refuse("Property 'oauthConfig.%s' of ConnectedApp is not supported by this org", el.Local)
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
			r.refuse("Property 'oauthPolicy.%s' of ConnectedApp is not supported by this org", el.Local)
		}
	}
}

func (r *reader) session(c *org.AppChange, policy *soap.Element) {
	level := levelHigh
	for _, el := range policy.Children {
		switch v := strings.TrimSpace(el.Text); el.Local {
		case "sessionTimeout":
		case "policyAction":
			if v != string(org.AssuranceBlock) && v != string(org.AssuranceRaise) {
				r.refuse("'%s' is not a valid value for the enum 'ConnectedAppSessionPolicyAction'", clip(v))
			}
			action := org.HighAssurance(v)
			c.HighAssurance = &action
			continue
		case "sessionLevel":
			if level = v; v != levelHigh && v != levelStandard {
				r.refuse("'%s' is not a valid value for the enum 'SessionSecurityLevel'", clip(v))
			}
			continue
		default:
			r.refuse("Property 'sessionPolicy.%s' of ConnectedApp is not supported by this org", el.Local)
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(el.Text))
		if err != nil {
			r.refuse("sessionTimeout: '%s' is not a valid value for the type xsd:int", clip(el.Text))
		}
		c.SessionTimeoutMinutes = &n
	}
	if level == levelStandard { // every session has that level
		none := org.AssuranceNone
		c.HighAssurance = &none
	}
}
