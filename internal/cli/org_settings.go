package cli

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
)

// orgSettingsCmd is Setup > Security and Setup > Identity.
type orgSettingsCmd struct {
	Show orgSettingsShowCmd `cmd:"" help:"Show the settings in the Metadata API's words, with what Setup calls them and what they take."`
	Set  orgSettingsSetCmd  `cmd:"" help:"Change settings."`
}

type orgSettingsShowCmd struct{ orgFlags }

// Run shows the settings.
func (c *orgSettingsShowCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error { return printOrgSettings(ctx, a, s) })
}

func printOrgSettings(ctx context.Context, a *app, s *crm.Session) error {
	list, err := s.ReadSettings(ctx)
	if err != nil {
		return err
	}
	shown := make([]shownSetting, len(list))
	rows := make([][]string, len(list))
	for i, one := range list {
		names := one.Names()
		shown[i] = shownSetting{one, names.Label, names.Opposite, names.Takes}
		label := names.Label
		if names.Opposite {
			label += " (the opposite: false is on)"
		}
		rows[i] = []string{one.Path, one.Value, one.Type, label, names.Accepts()}
	}
	if a.json {
		return a.printJSON(shown)
	}
	return a.printTable([]string{"name", "value", "type", "in Setup", "takes"}, rows)
}

// shownSetting is a setting with what Setup calls it.
type shownSetting struct {
	crm.Setting
	Label    string   `json:"label"`
	Opposite bool     `json:"opposite,omitempty"` // the label's switch is on while the value is false
	Takes    []string `json:"takes,omitempty"`
}

type orgSettingsSetCmd struct {
	orgFlags
	Settings []string `arg:"" help:"NAME=VALUE, with names as 'show' prints them; the last part of a name is enough. networkAccess=10.0.0.1-10.0.0.9,192.0.2.7 replaces the trusted ranges."`
}

// Run changes the settings and shows all of them.
func (c *orgSettingsSetCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		have, err := s.ReadSettings(ctx)
		if err != nil {
			return err
		}
		var changes []crm.Setting
		for _, arg := range c.Settings {
			name, value, ok := strings.Cut(arg, "=")
			if !ok {
				return usagef("%q: want NAME=VALUE", arg)
			}
			i := slices.IndexFunc(have, func(h crm.Setting) bool {
				return strings.EqualFold(h.Path, name) || strings.EqualFold(h.Path[strings.LastIndex(h.Path, ".")+1:], name)
			})
			if i < 0 {
				return usagef("there is no setting %q; 'twinspan org settings show' lists them", name)
			}
			change := have[i]
			change.Value = value
			changes = append(changes, change)
		}
		if err := s.UpdateSettings(ctx, changes); err != nil {
			return err
		}
		c.noteMyDomain(a, have, changes)
		return printOrgSettings(ctx, a, s)
	})
}

// noteMyDomain says where the commands sign in once the org asks programs for its My Domain.
func (c *orgSettingsSetCmd) noteMyDomain(a *app, have, changes []crm.Setting) {
	const asks, name = "doesApiLoginRequireOrgDomain", "myDomainName"
	now, moved := map[string]string{}, false
	for _, one := range have {
		now[one.Path] = one.Value
	}
	for _, one := range changes {
		now[one.Path] = one.Value
		moved = moved || one.Path == asks || one.Path == name
	}
	if now[asks] != "true" || !moved {
		return
	}
	at := "URL"
	if base, _, err := c.login(a); err == nil {
		at = atMyDomain(base, now[name])
	}
	a.errorf("note: programs sign in at the org's My Domain alone now, and so do these commands: --org-url %s or TWINSPAN_ORG_URL", oneLine(at))
}

// atMyDomain is an address of an org on this machine under the name of its My Domain (DESIGN 5.6); that of another machine is
// not known here.
func atMyDomain(base, name string) string {
	u, err := url.Parse(base)
	if err != nil || name == "" || !client.SameSite(base, u.Scheme+"://localhost:"+u.Port()) {
		return "URL"
	}
	return u.Scheme + "://" + name + ".my.localhost:" + u.Port()
}
