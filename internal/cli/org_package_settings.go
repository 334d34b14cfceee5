package cli

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/journey"
)

// packageSettingsCmd is the package's Marketing Cloud Configuration Settings, as far as they are about authentication.
type packageSettingsCmd struct {
	orgFlags
	TenantOAuth    string `name:"tenant-oauth" help:"Enable tenant-specific OAuth Endpoints: on or off. On keeps the tenant's endpoints too." enum:"on,off," default:"" placeholder:"on|off" env:"-"`
	AuthURL        string `name:"auth-url" help:"With --tenant-oauth on: the tenant's authentication endpoint; the ready file's where not given." placeholder:"URL" env:"-"`
	ForgetPassword bool   `help:"Delete an API user's password that the settings keep from before." env:"-"`
}

// Run shows the settings as they are, or are now; exit code 3 where they are shown and the setting is off.
func (c *packageSettingsCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		have, err := journey.ReadConfiguration(ctx, s)
		if err != nil {
			return err
		}
		change := c.TenantOAuth != "" || c.ForgetPassword
		if change {
			if have, err = c.write(ctx, s, have); err != nil {
				return err
			}
		}
		if a.json {
			err = a.printJSON(have)
		} else {
			err = a.printTable([]string{"setting", "value"}, [][]string{
				{"tenant-specific OAuth Endpoints", onOff(have.TenantOAuth)},
				{"authentication endpoint", have.AuthURL},
				{"REST endpoint", have.RESTURL},
				{"SOAP endpoint", have.SOAPURL},
				{"API user's password", map[bool]string{true: "kept", false: "not kept"}[have.Password]},
			})
		}
		if err == nil && !change && !have.TenantOAuth {
			err = errNo
		}
		return err
	})
}

func (c *packageSettingsCmd) write(ctx context.Context, s *crm.Session, want journey.Configuration) (journey.Configuration, error) {
	want.Password = want.Password && !c.ForgetPassword
	switch c.TenantOAuth {
	case "off":
		want.TenantOAuth, want.AuthURL, want.RESTURL, want.SOAPURL = false, "", "", ""
	case "on":
		want.TenantOAuth, want.AuthURL = true, c.AuthURL
		if c.AuthURL == "" {
			r, err := c.withClouds()
			if err != nil {
				return want, fmt.Errorf("--auth-url is missing, and there is no ready file to take it from: %w", err)
			}
			want.AuthURL, want.RESTURL, want.SOAPURL = r.Engagement.AuthURL, r.Engagement.RESTURL, r.Engagement.SOAPURL
		}
	}
	return journey.WriteConfiguration(ctx, s, want)
}

// onOff is a switch for people.
func onOff(on bool) string { return map[bool]string{true: "on", false: "off"}[on] }
