package metadata

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

const typeProfile = "Profile"

// profiles is the type Profile: the login rules of profiles.
func (s *Server) profiles() componentType {
	return componentType{
		name: typeProfile, folder: "profiles", suffix: "profile",
		list: func(ctx context.Context, session org.Session) ([]fileProperties, error) {
			all, err := s.Profiles.List(ctx, session)
			out := make([]fileProperties, len(all))
			for i, p := range all {
				out[i] = fileProperties{name: p.FullName, Stamp: org.Stamp{ID: p.ID, Created: time.Unix(0, 0), Modified: time.Unix(0, 0)}}
			}
			return out, err
		},
		read: func(ctx context.Context, session org.Session, name string) (func(*soap.Writer), error) {
			p, err := s.Profiles.Find(ctx, session, name)
			return func(x *soap.Writer) { writeProfile(x, p) }, err
		},
		save: func(c *call, name string, verb org.Verb, e *soap.Element) (org.Work, error) {
			if verb == org.VerbCreate {
				return nil, fault.New(fault.Invalid, org.CodeNotForOperation, "this org makes no profiles")
			}
			change, err := readProfile(e)
			return func(tx org.SetupTx) (org.Saved, error) { return s.Profiles.SaveIn(tx, c.session, name, change) }, err
		},
	}
}

func writeProfile(x *soap.Writer, p org.ProfileRules) {
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
}

// readProfile reads a profile's login hours and ranges; each replaces what was there, and an empty one takes all away.
func readProfile(e *soap.Element) (org.ProfileChange, error) {
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
					return change, err
				}
			}
			change.Hours = &hours
		default:
			return change, fault.New(fault.Invalid, org.CodeInvalidSetting, "this org keeps no %s of a Profile", clip(child.Local))
		}
	}
	return change, nil
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
