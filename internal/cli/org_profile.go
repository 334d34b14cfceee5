package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// orgProfileCmd is Setup > Manage Users > Profiles.
type orgProfileCmd struct {
	List  orgProfileListCmd  `cmd:"" help:"List the profiles."`
	Show  orgProfileShowCmd  `cmd:"" help:"Show what a profile says in place of the org's password and session settings."`
	Set   orgProfileSetCmd   `cmd:"" help:"Give a profile password and session settings of its own."`
	Reset orgProfileResetCmd `cmd:"" help:"Let the org's password and session settings hold for a profile again."`
}

type orgProfileListCmd struct{ orgFlags }

// Run lists the profiles.
func (c *orgProfileListCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		profiles, err := s.Query(ctx, "SELECT Id, Name, UserLicense.Name FROM Profile ORDER BY Name")
		if err != nil {
			return err
		}
		type row struct {
			ID      string `json:"id"`
			Name    string `json:"name"`
			Licence string `json:"license"`
		}
		out := []row{}
		var rows [][]string
		for _, p := range profiles {
			one := row{ID: p.String("Id"), Name: p.String("Name"), Licence: p.Related("UserLicense").String("Name")}
			out, rows = append(out, one), append(rows, []string{one.Name, one.Licence, one.ID})
		}
		if a.json {
			return a.printJSON(out)
		}
		return a.printTable([]string{"name", "license", "id"}, rows)
	})
}

// profileTypes are the Metadata types of what a profile says in place of the org's settings, and the elements by which a
// setting's type is known.
var profileTypes = []struct {
	name     string
	elements []string
}{
	{"ProfilePasswordPolicy", []string{
		"lockoutInterval", "maxLoginAttempts", "minimumPasswordLength", "minimumPasswordLifetime", "passwordComplexity", "passwordExpiration", "passwordHistory",
	}},
	{"ProfileSessionSetting", []string{"requiredSessionLevel", "sessionTimeout"}},
}

// profileArg names a profile.
type profileArg struct {
	orgFlags
	Profile string `arg:"" help:"Name of the profile."`
}

func (c *profileArg) print(ctx context.Context, a *app, s *crm.Session) error {
	list := []crm.Element{}
	for _, t := range profileTypes {
		elements, err := s.Component(ctx, t.name, c.Profile)
		if err != nil {
			return err
		}
		for _, e := range elements {
			if slices.Contains(t.elements, e.Name) {
				list = append(list, e)
			}
		}
	}
	if a.json {
		return a.printJSON(list)
	}
	rows := make([][]string, len(list))
	for i, e := range list {
		rows[i] = []string{e.Name, e.Value}
	}
	return a.printTable([]string{"name", "value"}, rows)
}

type orgProfileShowCmd struct{ profileArg }

// Run shows a profile's own settings; none where the org's hold.
func (c *orgProfileShowCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error { return c.print(ctx, a, s) })
}

type orgProfileSetCmd struct {
	profileArg
	Settings []string `arg:"" help:"NAME=VALUE, in the words of the Metadata types ProfilePasswordPolicy and ProfileSessionSetting: minimumPasswordLength=12 sessionTimeout=60. A profile's first password policy names all of them."`
}

// Run changes a profile's own settings and shows all of them.
func (c *orgProfileSetCmd) Run(ctx context.Context, a *app) error {
	changes := map[string][]crm.Element{}
	for _, arg := range c.Settings {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return usagef("%q: want NAME=VALUE", arg)
		}
		known := false
		for _, t := range profileTypes {
			if slices.Contains(t.elements, name) {
				known, changes[t.name] = true, append(changes[t.name], crm.Element{Name: name, Value: value})
			}
		}
		if !known {
			return usagef("a profile has no setting %q", name)
		}
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		for _, t := range profileTypes {
			if len(changes[t.name]) == 0 {
				continue
			}
			if err := s.PutComponent(ctx, t.name, c.Profile, changes[t.name]); err != nil {
				return err
			}
		}
		return c.print(ctx, a, s)
	})
}

type orgProfileResetCmd struct{ profileArg }

// Run takes a profile's own settings away.
func (c *orgProfileResetCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		for _, t := range profileTypes {
			have, err := s.Component(ctx, t.name, c.Profile)
			if err == nil && len(have) > 0 {
				err = s.DeleteComponent(ctx, t.name, c.Profile)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
