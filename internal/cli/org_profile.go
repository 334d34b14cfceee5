package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// orgProfileCmd is Setup > Manage Users > Profiles.
type orgProfileCmd struct {
	List  orgProfileListCmd  `cmd:"" help:"List the profiles."`
	Show  orgProfileShowCmd  `cmd:"" help:"Show a profile's login hours and IP ranges, and what it says in place of the org's password and session settings."`
	Set   orgProfileSetCmd   `cmd:"" help:"Give a profile login hours and IP ranges, and password and session settings of its own."`
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
	login, err := s.ProfileLogin(ctx, c.Profile)
	if err != nil {
		return err
	}
	list = append(list, loginElements(login)...)
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
	Settings []string `arg:"" help:"NAME=VALUE, in the words of the Metadata types ProfilePasswordPolicy and ProfileSessionSetting: minimumPasswordLength=12 sessionTimeout=60. A profile's first password policy names all of them. Login hours by day: monday=08:00-18:00, saturday=never, sunday=always. loginIpRanges=10.0.0.0-10.0.0.255,192.0.2.7 replaces the ranges; loginIpRanges= takes them away."`
}

// Run changes a profile's own settings and shows all of them.
func (c *orgProfileSetCmd) Run(ctx context.Context, a *app) error {
	changes := map[string][]crm.Element{}
	days := map[string]*crm.Hours{}
	var ranges *[]crm.IPRange
	for _, arg := range c.Settings {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return usagef("%q: want NAME=VALUE", arg)
		}
		known := name == loginRanges || slices.Contains(crm.Weekdays, name)
		switch {
		case name == loginRanges:
			list := crm.ParseRanges(value)
			ranges = &list
		case known:
			hours, err := parseHours(value)
			if err != nil {
				return err
			}
			days[name] = hours
		}
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
		// The org keeps these in components of their own, of which each is saved by itself.
		var saved []string
		err := c.setLogin(ctx, s, days, ranges)
		if err == nil && (len(days) > 0 || ranges != nil) {
			saved = append(saved, "the login hours and ranges")
		}
		for _, t := range profileTypes {
			if err != nil || len(changes[t.name]) == 0 {
				continue
			}
			if err = s.PutComponent(ctx, t.name, c.Profile, changes[t.name]); err == nil {
				saved = append(saved, "the "+t.name)
			}
		}
		if err != nil {
			if len(saved) > 0 {
				a.errorf("note: %s were saved before what follows was refused", strings.Join(saved, " and "))
			}
			return err
		}
		if len(days) > 0 || ranges != nil && len(*ranges) > 0 {
			a.errorf("note: these hold at once for all whose profile is %s; where that is the commands' own user, for the next command", oneLine(c.Profile))
		}
		return c.print(ctx, a, s)
	})
}

// setLogin changes the hours of the days that are named, nil for no limits, and replaces the ranges unless they are nil.
func (c *profileArg) setLogin(ctx context.Context, s *crm.Session, days map[string]*crm.Hours, ranges *[]crm.IPRange) error {
	if len(days) == 0 && ranges == nil {
		return nil
	}
	have, err := s.ProfileLogin(ctx, c.Profile)
	if err != nil {
		return err
	}
	if ranges != nil {
		for i, r := range *ranges { // a range that stays keeps its description
			if j := slices.IndexFunc(have.Ranges, func(h crm.IPRange) bool { return h.Start == r.Start && h.End == r.End }); j >= 0 {
				(*ranges)[i] = have.Ranges[j]
			}
		}
	}
	var hours map[string]crm.Hours
	if len(days) > 0 {
		hours = have.Hours
		for day, h := range days {
			if h == nil {
				delete(hours, day)
			} else {
				hours[day] = *h
			}
		}
	}
	return s.SetProfileLogin(ctx, c.Profile, hours, ranges)
}

const loginRanges = "loginIpRanges"

// loginElements are the login rules as set takes them.
func loginElements(l crm.LoginRules) []crm.Element {
	var out []crm.Element
	for _, day := range crm.Weekdays {
		if h, ok := l.Hours[day]; ok {
			text := fmt.Sprintf("%02d:%02d-%02d:%02d", h.Start/60, h.Start%60, h.End/60, h.End%60)
			if h.Start == h.End {
				text = "never"
			}
			out = append(out, crm.Element{Name: day, Value: text})
		}
	}
	if len(l.Ranges) > 0 {
		parts := make([]string, len(l.Ranges))
		for i, r := range l.Ranges {
			parts[i] = r.String()
		}
		out = append(out, crm.Element{Name: loginRanges, Value: strings.Join(parts, ", ")})
	}
	return out
}

// parseHours reads the login hours of a day: never, always (nil), or from and to with a hyphen between.
func parseHours(text string) (*crm.Hours, error) {
	switch text {
	case "never":
		return &crm.Hours{}, nil
	case "always":
		return nil, nil
	}
	from, to, _ := strings.Cut(text, "-")
	start, ok := minutes(from)
	end, ok2 := minutes(to)
	if !ok || !ok2 || start >= end {
		return nil, usagef("%q are no login hours: want never, always, or hours such as 08:00-18:00", text)
	}
	return &crm.Hours{Start: start, End: end}, nil
}

// minutes reads a time of day, 00:00 to 24:00.
func minutes(text string) (int, bool) {
	h, m, ok := strings.Cut(text, ":")
	hour, err := strconv.Atoi(h)
	minute, err2 := strconv.Atoi(m)
	n := hour*60 + minute
	return n, ok && err == nil && err2 == nil && len(h) <= 2 && len(m) == 2 && hour >= 0 && minute >= 0 && minute < 60 && n <= 24*60
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
