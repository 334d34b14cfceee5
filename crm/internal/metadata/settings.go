package metadata

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// component is how one type besides ConnectedApp is read and updated.
type component struct {
	read   func(context.Context, *call, *soap.Writer) error
	update func(ctx context.Context, c *call, name string, e *soap.Element) error
}

// others are the types besides ConnectedApp, by name.
func (s *Server) others() map[string]component {
	settings := func(kind string) component {
		return component{
			read: func(ctx context.Context, c *call, x *soap.Writer) error { return s.readSettings(ctx, c, x, kind) },
			update: func(ctx context.Context, c *call, name string, e *soap.Element) error {
				return s.updateSettings(ctx, c, kind, name, e)
			},
		}
	}
	return map[string]component{
		org.SecuritySettings: settings(org.SecuritySettings), org.OauthOidcSettings: settings(org.OauthOidcSettings),
		typeProfile: {read: s.readProfiles, update: s.updateProfile},
	}
}

// settingsName is the full name of a settings component: "Security" is that of SecuritySettings.
func settingsName(kind string) string { return strings.TrimSuffix(kind, "Settings") }

// isSettings: both the component's name and the type's own are taken, as clients write either.
func isSettings(kind, name string) bool {
	return strings.EqualFold(name, settingsName(kind)) || strings.EqualFold(name, kind)
}

func (s *Server) readSettings(ctx context.Context, c *call, x *soap.Writer, kind string) error {
	have, err := s.Settings.Read(ctx, c.session)
	if err != nil {
		return err
	}
	names := c.operation.All("fullNames")
	if len(names) > maxComponents {
		return fault.New(fault.Invalid, codeArguments, "readMetadata takes at most %d names", maxComponents)
	}
	x.Open("result")
	for _, n := range names {
		if !isSettings(kind, strings.TrimSpace(n.Text)) {
			x.Empty("records", "xsi:nil", "true")
			continue
		}
		x.Open("records", "xsi:type", kind)
		x.Text("fullName", settingsName(kind))
		writeSettings(x, kind, have)
		x.Close()
	}
	x.Close()
	return nil
}

// writeSettings writes the settings of a type, the parts of a group together and in the order of the table.
func writeSettings(x *soap.Writer, kind string, have org.Settings) {
	group := ""
	for _, d := range org.SettingDefs() {
		if d.Type != kind {
			continue
		}
		in, _, grouped := strings.Cut(d.Path, ".")
		if !grouped {
			in = ""
		}
		if in != group {
			if group != "" {
				x.Close()
			}
			if in != "" {
				x.Open(in)
			}
			group = in
		}
		x.Text(d.Name(), d.Get(have))
	}
	if group != "" {
		x.Close()
	}
	if kind != org.SecuritySettings {
		return
	}
	x.Open("networkAccess")
	for _, r := range have.TrustedRanges {
		x.Open("ipRanges")
		if r.Description != "" {
			x.Text("description", r.Description)
		}
		x.Text("end", r.End)
		x.Text("start", r.Start)
		x.Close()
	}
	x.Close()
}

// updateSettings changes what the component names. An element that this org does not keep is refused, so that nobody
// believes in a setting that is not there.
func (s *Server) updateSettings(ctx context.Context, c *call, kind, name string, e *soap.Element) error {
	if name != "" && !isSettings(kind, name) {
		return fault.New(fault.NotFound, org.CodeNotFound, "In field: fullName - no %s named %s found", kind, clip(name))
	}
	change := org.SettingsChange{Values: map[string]string{}}
	for _, child := range e.Children {
		switch {
		case child.Local == "fullName":
		case child.Local == "networkAccess" && kind == org.SecuritySettings:
			ranges := []org.IPRange{}
			for _, r := range child.All("ipRanges") {
				ranges = append(ranges, org.IPRange{Start: r.Value("start"), End: r.Value("end"), Description: r.Value("description")})
			}
			change.TrustedRanges = &ranges
		case len(child.Children) > 0:
			for _, leaf := range child.Children {
				change.Values[kind+"."+child.Local+"."+leaf.Local] = strings.TrimSpace(leaf.Text)
			}
		default:
			change.Values[kind+"."+child.Local] = strings.TrimSpace(child.Text)
		}
	}
	return s.Settings.Change(ctx, c.session, change)
}

const typeProfile = "Profile"

func (s *Server) readProfiles(ctx context.Context, c *call, x *soap.Writer) error {
	names := c.operation.All("fullNames")
	if len(names) > maxComponents {
		return fault.New(fault.Invalid, codeArguments, "readMetadata takes at most %d names", maxComponents)
	}
	x.Open("result")
	for _, n := range names {
		p, err := s.Profiles.Find(ctx, c.session, strings.TrimSpace(n.Text))
		if fault.CodeOf(err) == org.CodeNotFound {
			x.Empty("records", "xsi:nil", "true")
			continue
		}
		if err != nil {
			return err
		}
		x.Open("records", "xsi:type", typeProfile)
		x.Text("fullName", p.FullName)
		if len(p.Hours) > 0 {
			x.Open("loginHours")
			for _, day := range org.Days {
				if d, ok := p.Hours[day]; ok {
					x.Text(day+"End", strconv.Itoa(d.End))
					x.Text(day+"Start", strconv.Itoa(d.Start))
				}
			}
			x.Close()
		}
		for _, r := range p.Ranges {
			x.Open("loginIpRanges")
			if r.Description != "" {
				x.Text("description", r.Description)
			}
			x.Text("endAddress", r.End)
			x.Text("startAddress", r.Start)
			x.Close()
		}
		x.Close()
	}
	x.Close()
	return nil
}

// updateProfile changes a profile's login hours and ranges; each replaces what was there, and an empty one takes all
// away.
func (s *Server) updateProfile(ctx context.Context, c *call, name string, e *soap.Element) error {
	change := org.ProfileChange{}
	for _, child := range e.Children {
		switch child.Local {
		case "fullName", "custom", "userLicense":
		case "loginIpRanges":
			if change.Ranges == nil {
				change.Ranges = &[]org.IPRange{}
			}
			if len(child.Children) > 0 {
				*change.Ranges = append(*change.Ranges, org.IPRange{
					Start: child.Value("startAddress"), End: child.Value("endAddress"), Description: child.Value("description"),
				})
			}
		case "loginHours":
			hours := org.LoginHours{}
			for _, leaf := range child.Children {
				if err := readHour(hours, leaf); err != nil {
					return err
				}
			}
			change.Hours = &hours
		default:
			return fault.New(fault.Invalid, org.CodeInvalidSetting, "this org keeps no %s of a Profile", clip(child.Local))
		}
	}
	return s.Profiles.Change(ctx, c.session, name, change)
}

// readHour reads one element such as mondayStart, in minutes after midnight. A day with one of the two has the other end
// of the day.
func readHour(hours org.LoginHours, leaf *soap.Element) error {
	for _, day := range org.Days {
		end, ok := strings.CutPrefix(leaf.Local, day)
		if !ok || end != "Start" && end != "End" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(leaf.Text))
		if err != nil {
			break
		}
		d, have := hours[day]
		if !have {
			d = org.DayHours{End: 24 * 60}
		}
		if end == "Start" {
			d.Start = n
		} else {
			d.End = n
		}
		hours[day] = d
		return nil
	}
	return fault.New(fault.Invalid, org.CodeInvalidSetting, "%s is no login hour", clip(leaf.Local))
}
