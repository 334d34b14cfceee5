package metadata

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// settingsType is one of the types that hold the org's settings. In lists and packages all go by the name Settings.
func (s *Server) settingsType(kind string) componentType {
	return componentType{
		name: kind, listed: "Settings", folder: "settings", suffix: "settings",
		list: func(ctx context.Context, session org.Session) ([]fileProperties, error) {
			_, err := s.Settings.Read(ctx, session)
			return []fileProperties{{name: settingsName(kind), Stamp: org.Stamp{Created: time.Unix(0, 0), Modified: time.Unix(0, 0)}}}, err
		},
		read: func(ctx context.Context, session org.Session, name string) (func(*soap.Writer), error) {
			have, err := s.Settings.Read(ctx, session)
			if err == nil && !isSettings(kind, name) {
				err = noSettings(kind, name)
			}
			return func(x *soap.Writer) {
				x.Text("fullName", settingsName(kind))
				writeSettings(x, kind, have)
			}, err
		},
		save: func(c *call, name string, _ org.Verb, e *soap.Element) (org.Work, error) {
			if name != "" && !isSettings(kind, name) {
				return nil, noSettings(kind, name)
			}
			change := readSettings(kind, e)
			return func(tx org.SetupTx) (org.Saved, error) { return s.Settings.SaveIn(tx, c.session, change) }, nil
		},
	}
}

func noSettings(kind, name string) error {
	return fault.New(fault.NotFound, org.CodeNotFound, "In field: fullName - no %s named %s found", kind, clip(name))
}

// settingsName is the full name of a settings component: "Security" is that of SecuritySettings.
func settingsName(kind string) string { return strings.TrimSuffix(kind, "Settings") }

// isSettings: both the component's name and the type's own are taken, as clients write either.
func isSettings(kind, name string) bool {
	return strings.EqualFold(name, settingsName(kind)) || strings.EqualFold(name, kind)
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
		writeRange(x, r)
	}
	x.Close()
}

func writeRange(x *soap.Writer, r org.IPRange) {
	x.Open("ipRanges")
	if r.Description != "" {
		x.Text("description", r.Description)
	}
	x.Text("end", r.End)
	x.Text("start", r.Start)
	x.Close()
}

// readSettings reads what the component names. The rules refuse an element that this org does not keep, so that nobody
// believes in a setting that is not there.
func readSettings(kind string, e *soap.Element) org.SettingsChange {
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
	return change
}
