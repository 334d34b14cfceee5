package cli

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// appSettings are the settings of an app that its owner decides, as flags. The scopes and callback URLs replace those there are.
type appSettings struct {
	ContactEmail string   `help:"Address of whom to ask about the app." placeholder:"ADDRESS" env:"-"`
	Description  *string  `help:"Description." placeholder:"TEXT" env:"-"`
	StartURL     *string  `name:"start-url" help:"Where users begin." placeholder:"URL" env:"-"`
	Callback     []string `help:"Callback URL; once for each. They replace those there are." placeholder:"URL" env:"-" sep:"none"`
	Scope        []string `help:"Scopes, such as api,refresh_token. They replace those there are." placeholder:"SCOPE" env:"-"`
	Certificate  string   `help:"PEM file with the certificate that verifies the app's assertions, or none." placeholder:"FILE" env:"-"`
	IPRange      []string `name:"ip-range" help:"Addresses allow-listed for IP relaxation relax-activated, FIRST-LAST or one; once for each, or none. They replace those there are." placeholder:"RANGE" env:"-"`
	RunAs        string   `name:"run-as" help:"User name that the client credentials flow runs as, or none." placeholder:"USERNAME" env:"-"`

	PKCE              string `name:"pkce" help:"Require PKCE: on or off." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
	WebSecret         string `name:"web-secret" help:"Require the secret for the web server flow: on or off." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
	RefreshSecret     string `name:"refresh-secret" help:"Require the secret for the refresh token flow: on or off." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
	ClientCredentials string `name:"client-credentials" help:"Client credentials flow: on or off." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
	RotateRefresh     string `name:"rotate-refresh" help:"A new refresh token at each refresh: on or off." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
	IntrospectAll     string `name:"introspect-all" help:"May introspect other apps' tokens: on or off." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
	UserAgentFlow     string `name:"user-agent-flow" help:"User-agent flow: on or off." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
	DeviceFlow        string `name:"device-flow" help:"Device flow: on or off." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
	Strict            string `help:"Hold the app to RFC 9700: on or off." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
}

// appSwitch is a switch of an app: its flag, its name in the Metadata API, and whether that says the opposite.
type appSwitch struct {
	label, name string
	inverted    bool
	flag        func(*appSettings) string
}

var appSwitches = []appSwitch{
	{"require pkce", "isPkceRequired", false, func(s *appSettings) string { return s.PKCE }},
	{"require secret for web server flow", "isConsumerSecretOptional", true, func(s *appSettings) string { return s.WebSecret }},
	{"require secret for refresh token flow", "isSecretRequiredForRefreshToken", false, func(s *appSettings) string { return s.RefreshSecret }},
	{"client credentials flow", "isClientCredentialEnabled", false, func(s *appSettings) string { return s.ClientCredentials }},
	{"refresh token rotation", "isRefreshTokenRotationEnabled", false, func(s *appSettings) string { return s.RotateRefresh }},
	{"introspect all tokens", "isIntrospectAllTokens", false, func(s *appSettings) string { return s.IntrospectAll }},
	{"user-agent flow", "isUserAgentFlowEnabled", false, func(s *appSettings) string { return s.UserAgentFlow }},
	{"device flow", "isDeviceFlowEnabled", false, func(s *appSettings) string { return s.DeviceFlow }},
	{"strict", "isStrict", false, func(s *appSettings) string { return s.Strict }},
}

// switchRows show the switches of an app.
func switchRows(p crm.App) [][]string {
	var rows [][]string
	for _, d := range appSwitches {
		rows = append(rows, []string{d.label, map[bool]string{true: "on", false: "off"}[p.Switches[d.name] != d.inverted]})
	}
	return rows
}

// none is the value of a flag that takes away what is there.
const none = "none"

// maxCertificate bounds a certificate's file.
const maxCertificate = 64 << 10

// read makes the settings of the flags.
func (f *appSettings) read() (crm.AppSettings, error) {
	out := crm.AppSettings{
		ContactEmail: f.ContactEmail, Description: f.Description, StartURL: f.StartURL, CallbackURLs: f.Callback, Scopes: f.Scope, Switches: map[string]bool{},
	}
	for _, s := range f.Scope {
		if !slices.Contains(crm.AppScopes(), s) {
			return out, usagef("--scope: %q is none of %s", s, strings.Join(crm.AppScopes(), ", "))
		}
	}
	for _, u := range f.Callback {
		if strings.ContainsAny(u, " \t\r\n") {
			return out, usagef("--callback: %q has a blank", u)
		}
	}
	if len(f.IPRange) > 0 {
		ranges := crm.ParseRanges(strings.Join(f.IPRange, ","))
		if len(f.IPRange) == 1 && f.IPRange[0] == none {
			ranges = nil
		}
		out.IPRanges = &ranges
	}
	if f.RunAs != "" {
		user := f.RunAs
		if user == none {
			user = ""
		}
		out.RunAs = &user
	}
	for _, d := range appSwitches {
		if v := d.flag(f); v != "" {
			out.Switches[d.name] = (v == "on") != d.inverted
		}
	}
	if f.Certificate == "" {
		return out, nil
	}
	text := ""
	if f.Certificate != none {
		file, err := os.Open(f.Certificate)
		if err != nil {
			return out, err
		}
		defer func() { _ = file.Close() }() // it was only read
		pem, err := io.ReadAll(io.LimitReader(file, maxCertificate))
		if err != nil {
			return out, err
		}
		if text = string(pem); strings.Contains(text, "PRIVATE KEY") { // which goes nowhere
			return out, usagef("--certificate: %s holds a private key; the org needs the certificate alone", f.Certificate)
		}
		if _, err := oauth.ParseCertificate(text); err != nil {
			return out, usagef("--certificate: %s: %v", f.Certificate, forPeople(err))
		}
	}
	out.Certificate = &text
	return out, nil
}

// secretBytes is how much chance a secret has that is made here; the org takes 32 characters at least.
const secretBytes = 32

func newAppSecret() vault.Secret { return vault.Secret(oauth.NewToken(secretBytes)) }

// printApp prints an app's name and key, and its new secret this once.
func printApp(ctx context.Context, a *app, s *crm.Session, name string, secret vault.Secret) error {
	p, err := s.App(ctx, name)
	if err != nil {
		return err
	}
	if a.json {
		out := map[string]string{"name": p.FullName, "consumerKey": p.ConsumerKey}
		if secret != "" {
			out["consumerSecret"] = secret.Reveal()
		}
		return a.printJSON(out)
	}
	text := "name             " + oneLine(p.FullName) + "\nconsumer key     " + oneLine(p.ConsumerKey) + "\n"
	if secret != "" {
		text += "consumer secret  " + secret.Reveal() + "\n"
		a.errorf("note: the secret is shown this once; the org keeps only its hash")
	}
	return a.print(text)
}

type orgAppCreateCmd struct {
	orgFlags
	Label string `arg:"" help:"Label, such as \"Order Desk\"."`
	Name  string `help:"API name; made from the label where absent." placeholder:"NAME" env:"-"`
	appSettings
	NoSecret bool `name:"no-secret" help:"Make no consumer secret: the app shows a certificate, or is public." env:"-"`
}

// Run makes the app, with a new secret.
func (c *orgAppCreateCmd) Run(ctx context.Context, a *app) error {
	settings, err := c.read()
	if err != nil {
		return err
	}
	if c.ContactEmail == "" || len(c.Callback) == 0 {
		return usagef("a new app needs --contact-email and --callback")
	}
	settings.Label = c.Label
	if !c.NoSecret {
		settings.Secret = newAppSecret()
	}
	name := c.Name
	if name == "" {
		name = apiName(c.Label)
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		if err := s.CreateApp(ctx, name, settings); err != nil {
			return err
		}
		return printApp(ctx, a, s, name, settings.Secret)
	})
}

// apiName makes an API name of a label, as Setup does while one types.
func apiName(label string) string {
	words := strings.FieldsFunc(label, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
	name := strings.Join(words, "_")
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "X" + name
	}
	return name
}

type orgAppSetCmd struct {
	appArg
	Label string `help:"New label." placeholder:"LABEL" env:"-"`
	appSettings
	NewSecret bool `name:"new-secret" help:"Make a new consumer secret; the one there is good no longer." env:"-"`
}

// Run changes the settings that are named.
func (c *orgAppSetCmd) Run(ctx context.Context, a *app) error {
	settings, err := c.read()
	if err != nil {
		return err
	}
	settings.Label = c.Label
	if c.NewSecret {
		settings.Secret = newAppSecret()
	}
	if settings.Label == "" && settings.ContactEmail == "" && settings.Description == nil && settings.StartURL == nil && len(settings.CallbackURLs)+len(settings.Scopes)+len(settings.Switches) == 0 &&
		settings.Certificate == nil && settings.Secret == "" && settings.IPRanges == nil && settings.RunAs == nil {
		return usagef("name a setting to change, such as --pkce on")
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		if err := s.SetApp(ctx, c.App, settings); err != nil {
			return err
		}
		return printApp(ctx, a, s, c.App, settings.Secret)
	})
}

type orgAppDeleteCmd struct {
	appArg
	Yes bool `help:"Do it; its tokens end with it." env:"-"`
}

// Run deletes one of the org's own apps.
func (c *orgAppDeleteCmd) Run(ctx context.Context, a *app) error {
	if !c.Yes {
		return usagef("its tokens end with it, and clients need a new consumer key; --yes does it")
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		tokens, sessions, err := inUse(ctx, s, c.App, "")
		if err == nil {
			err = s.DeleteApp(ctx, c.App)
		}
		if err != nil {
			return err
		}
		return a.printDone(true, map[string]any{"tokens": tokens, "sessions": sessions}, "deleted %s: %d tokens and %d sessions ended", c.App, tokens, sessions)
	})
}
