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

const (
	typeProfilePasswords = "ProfilePasswordPolicy"
	typeProfileSession   = "ProfileSessionSetting"
)

// profilePart is a type whose components are what profiles say in place of the org's settings. A component's full name is
// its profile's; one of another name says in its element profile which is meant.
func (s *Server) profilePart(name, folder string, has func(org.ProfileRules) bool, write func(*soap.Writer, org.ProfileRules),
	read func(have org.ProfileRules, e *soap.Element) (org.ProfileChange, error), drop org.ProfileChange,
) componentType {
	return componentType{
		name: name, folder: folder, suffix: strings.TrimSuffix(folder, "s"),
		list: func(ctx context.Context, session org.Session) ([]fileProperties, error) {
			all, err := s.Profiles.List(ctx, session)
			var out []fileProperties
			for _, p := range all {
				if has(p) {
					out = append(out, fileProperties{name: p.FullName, Stamp: org.Stamp{ID: p.ID, Created: time.Unix(0, 0), Modified: time.Unix(0, 0)}})
				}
			}
			return out, err
		},
		read: func(ctx context.Context, session org.Session, full string) (func(*soap.Writer), error) {
			p, err := s.Profiles.Find(ctx, session, full)
			if err == nil && !has(p) {
				err = noSuch(name, full)
			}
			return func(x *soap.Writer) {
				x.Text("fullName", p.FullName)
				write(x, p)
			}, err
		},
		save: func(c *call, full string, verb org.Verb, e *soap.Element) (org.Work, error) {
			if profile := strings.TrimSpace(e.Value("profile")); profile != "" {
				full = profile
			}
			return func(tx org.SetupTx) (org.Saved, error) {
				have, err := s.Profiles.FindIn(tx, c.session, full)
				switch {
				case err != nil:
					return org.Saved{}, err
				case verb == org.VerbUpdate && !has(have):
					return org.Saved{}, noSuch(name, full)
				case verb == org.VerbCreate && has(have):
					return org.Saved{}, fault.New(fault.Conflict, org.CodeDuplicateValue, "The profile %s has a %s already.", clip(full), name)
				}
				change, err := read(have, e)
				if err != nil {
					return org.Saved{}, err
				}
				saved, err := s.Profiles.SaveIn(tx, c.session, full, change)
				saved.Created = !has(have)
				return saved, err
			}, nil
		},
		remove: func(c *call, full string) org.Work {
			return func(tx org.SetupTx) (org.Saved, error) {
				have, err := s.Profiles.FindIn(tx, c.session, full)
				if err == nil && !has(have) {
					err = noSuch(name, full)
				}
				if err != nil {
					return org.Saved{}, err
				}
				saved, err := s.Profiles.SaveIn(tx, c.session, full, drop)
				saved.Deleted = true
				return saved, err
			}
		},
	}
}

func noSuch(kind, name string) error {
	return fault.New(fault.NotFound, org.CodeNotFound, "In field: fullName - no %s named %s found", kind, clip(name))
}

// profilePasswords is the type ProfilePasswordPolicy.
func (s *Server) profilePasswords() componentType {
	var none *org.PasswordPolicies
	return s.profilePart(typeProfilePasswords, "profilePasswordPolicies",
		func(p org.ProfileRules) bool { return p.Passwords != nil }, writeProfilePasswords, readProfilePasswords, org.ProfileChange{Passwords: &none})
}

func writeProfilePasswords(x *soap.Writer, p org.ProfileRules) {
	x.Text("forgotPasswordRedirect", "true")
	for _, d := range org.ProfilePolicies() {
		if d.Name == "passwordComplexity" {
			x.Text("minimumPasswordLifetime", strconv.FormatBool(p.Passwords.MinimumLifetime))
			x.Text("obscure", "false")
		}
		x.Text(d.Name, strconv.Itoa(d.Get(*p.Passwords)))
	}
	x.Text("passwordQuestion", "0")
	x.Text("profile", p.FullName)
}

// readProfilePasswords reads policies. What this org has not, security questions, may be named, as the type demands it, and
// changes nothing; links of forgotten passwords always wait for a button.
func readProfilePasswords(have org.ProfileRules, e *soap.Element) (org.ProfileChange, error) {
	p := org.PasswordPolicies{}
	given := map[string]bool{}
	if have.Passwords != nil {
		p = *have.Passwords
	}
	for _, child := range e.Children {
		text := strings.TrimSpace(child.Text)
		switch child.Local {
		case "fullName", "profile":
			continue
		case "forgotPasswordRedirect", "obscure", "minimumPasswordLifetime":
			if text != "true" && text != "false" {
				return org.ProfileChange{}, fault.New(fault.Invalid, org.CodeInvalidSetting, "'%s' is not a valid value for %s", clip(text), child.Local)
			}
			if child.Local == "minimumPasswordLifetime" {
				p.MinimumLifetime = text == "true"
			}
			continue
		case "passwordQuestion":
			if text != "0" && text != "1" {
				return org.ProfileChange{}, fault.New(fault.Invalid, org.CodeInvalidSetting, "'%s' is not a valid value for %s", clip(text), child.Local)
			}
			continue
		}
		known := false
		for _, d := range org.ProfilePolicies() {
			if d.Name != child.Local {
				continue
			}
			known, given[d.Name] = true, true
			if err := d.Set(&p, text); err != nil {
				return org.ProfileChange{}, err
			}
		}
		if !known {
			return org.ProfileChange{}, fault.New(fault.Invalid, org.CodeInvalidSetting, "this org keeps no %s of a %s", clip(child.Local), typeProfilePasswords)
		}
	}
	for _, name := range org.ProfilePolicyNames() {
		if have.Passwords == nil && !given[name] {
			return org.ProfileChange{}, fault.New(fault.Invalid, org.CodeRequiredFieldMissing, "Required fields are missing: [%s]", name).In(name)
		}
	}
	to := &p
	return org.ProfileChange{Passwords: &to}, nil
}

// profileSessions is the type ProfileSessionSetting.
func (s *Server) profileSessions() componentType {
	none := 0
	return s.profilePart(typeProfileSession, "profileSessionSettings",
		func(p org.ProfileRules) bool { return p.SessionTimeoutMinutes > 0 },
		func(x *soap.Writer, p org.ProfileRules) {
			x.Text("profile", p.FullName)
			x.Text("requiredSessionLevel", "STANDARD")
			x.Text("sessionTimeout", strconv.Itoa(p.SessionTimeoutMinutes))
		}, readProfileSession, org.ProfileChange{SessionTimeoutMinutes: &none})
}

// twoHours is what the type's 0 means.
const twoHours = 120

func readProfileSession(have org.ProfileRules, e *soap.Element) (org.ProfileChange, error) {
	minutes := have.SessionTimeoutMinutes
	given := minutes > 0
	for _, child := range e.Children {
		text := strings.TrimSpace(child.Text)
		switch child.Local {
		case "fullName", "profile":
		case "requiredSessionLevel":
			if text != "STANDARD" {
				return org.ProfileChange{}, fault.New(fault.Invalid, org.CodeInvalidSetting, "'%s' is not a valid value for requiredSessionLevel: this org has no second factor, so every session is STANDARD", clip(text))
			}
		case "sessionPersistence":
			if text != "false" {
				return org.ProfileChange{}, fault.New(fault.Invalid, org.CodeInvalidSetting, "sessionPersistence is for sites, which this org has not")
			}
		case "sessionTimeout":
			n, err := strconv.Atoi(text)
			if err != nil {
				return org.ProfileChange{}, fault.New(fault.Invalid, org.CodeInvalidSetting, "'%s' is not a valid value for sessionTimeout", clip(text))
			}
			if minutes, given = n, true; n == 0 {
				minutes = twoHours
			}
		default:
			return org.ProfileChange{}, fault.New(fault.Invalid, org.CodeInvalidSetting, "this org keeps no %s of a %s", clip(child.Local), typeProfileSession)
		}
	}
	if !given {
		return org.ProfileChange{}, fault.New(fault.Invalid, org.CodeRequiredFieldMissing, "Required fields are missing: [sessionTimeout]").In("sessionTimeout")
	}
	return org.ProfileChange{SessionTimeoutMinutes: &minutes}, nil
}
