package guide

import (
	"context"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
)

// sight is everything that the steps of one guide are read from.
type sight struct {
	link link.Link
	look *doctor.Look
	last *upgrade.Upgrade // the upgrade that was started last; nil where there never was one
	// oauth is what document 002 asks for, where it was read; oauthWhy why it was not.
	oauth    tenantoauth.State
	oauthWhy string
	// user is whom document 000 is about, where somebody was named and found; userWhy why not.
	user    mapping.User
	userWhy string
}

// sight reads what the named guide needs.
func (s *Service) sight(ctx context.Context, l link.Link, name string, q Question) (*sight, error) {
	out := &sight{link: l}
	switch u, err := s.Upgrades.Last(ctx, l); {
	case err == nil:
		out.last = &u
	case fault.CodeOf(err) != upgrade.CodeNotFound:
		return nil, err
	}
	ask := doctor.Question{Eyes: q.Eyes, SystemUser: q.SystemUser, OrgBlind: q.Alone || out.underWay(upgrade.ConnectedApp)}
	if name == "004" {
		ask.User = q.User
	}
	var err error
	if out.look, err = s.Doctor.Glance(ctx, l, ask); err != nil {
		return nil, err
	}
	out.link = out.look.Link
	switch name {
	case "000":
		if q.User == "" {
			out.userWhy = "Name the user to see how his mapping stands."
			break
		}
		if out.user, err = s.Users.Show(ctx, out.link, q.User); err != nil {
			out.userWhy, err = why(ctx, err)
		}
	case "002":
		if out.oauth, err = s.TenantOAuth.Look(ctx, out.link); err != nil {
			out.oauthWhy, err = why(ctx, err)
		}
	}
	return out, err
}

// why is what a refusal says to whoever reads a guide; what only the log may know stays an error.
func why(ctx context.Context, err error) (string, error) {
	f := fault.Of(err)
	if ctx.Err() != nil || f.Kind == fault.Internal || f.Message == "" {
		return "", err
	}
	return strings.Join(strings.Fields(f.Message), " "), nil
}

// underWay reports whether an upgrade of the kind goes on.
func (s *sight) underWay(k upgrade.Kind) bool {
	return s.last != nil && s.last.Kind == k && s.last.Live() && s.last.State != upgrade.Booked
}

// reading is how a step stands.
type reading struct {
	state State
	seen  string
	why   string
}

func done(seen string) reading  { return reading{state: Done, seen: seen} }
func open(seen string) reading  { return reading{state: Open, seen: seen} }
func unseen(why string) reading { return reading{state: NotVisible, why: why} }
func is(ok bool, seen string) reading {
	if ok {
		return done(seen)
	}
	return open(seen)
}

// never is a step that leaves nothing behind that a public API tells.
func never(why string) func(*sight) reading {
	return func(*sight) reading { return unseen(why) }
}

// checks is a step that is done where checks of the doctor find nothing; good says what is the case then. What the first of
// them that is not satisfied found is what is said.
func checks(good func(*sight) string, ids ...string) func(*sight) reading {
	return func(s *sight) reading {
		for _, id := range ids {
			o := s.look.Judge(id)
			switch {
			case len(o.Found) > 0:
				return open(strings.Trim(o.Found[0].Subject+": "+o.Found[0].Seen, ": "))
			case o.Unread != "":
				return unseen(o.Unread)
			}
		}
		return done(good(s))
	}
}

// says is what a check wants, in a fixed text.
func says(text string) func(*sight) string { return func(*sight) string { return text } }

// all is done where each of the looks is; else it is as the first that is not.
func all(looks ...func(*sight) reading) func(*sight) reading {
	return func(s *sight) reading {
		var r reading
		for _, look := range looks {
			if r = look(s); r.state != Done {
				return r
			}
		}
		return r
	}
}

// Looks at the org that several documents share. The steps of documents 001 and 003 are the same in the org.
var (
	installed = func(s *sight) reading {
		p, why := s.look.Package.Get()
		switch {
		case why != "":
			return unseen(why)
		case p == link.Package{}:
			return open("the org has no managed package Marketing Cloud Connect")
		}
		return done("package " + p.String())
	}
	permittedUsers = checks(says("Admin approved users are pre-authorized"), "D01", "D02")
	ipRelaxation   = checks(says("Relax IP restrictions"), "D01", "D03")
	refreshToken   = checks(says("Immediately expire refresh token"), "D01", "D04")
	policiesSaved  = all(permittedUsers, ipRelaxation, refreshToken)
	attached       = checks(func(s *sight) string {
		carriers, _ := s.look.Carriers.Get()
		labels := make([]string, len(carriers))
		for i, c := range carriers {
			labels[i] = c.Label
		}
		return "carried by " + strings.Join(labels, ", ")
	}, "D01", "D05")
)

// set finds one of the four permission sets.
func (s *sight) set(label string) (set doctor.PermissionSet, there bool, why string) {
	sets, why := s.look.Sets.Get()
	set, there = sets[label]
	if _, unseen := s.look.Carriers.Get(); why == "" && !there && s.link.Standing == link.OwnLink {
		why = unseen // by which set an app lets people in that no API shows, only Setup tells
	}
	return set, there, why
}

// approval is the permission set that is made for the app, or one that carries it already.
func (s *sight) approval() (doctor.PermissionSet, bool, string) {
	set, there, why := s.set(s.link.Names().ApprovalSet)
	if why == "" && !there {
		carriers, carriersWhy := s.look.Carriers.Get()
		if i := slices.IndexFunc(carriers, func(c doctor.Carrier) bool { return !c.Profile }); carriersWhy == "" && i >= 0 {
			return doctor.PermissionSet{ID: carriers[i].SetID, Label: carriers[i].Label, More: true}, true, ""
		}
	}
	return set, there, why
}

func setMade(s *sight) reading {
	set, there, why := s.approval()
	switch {
	case why != "":
		return unseen(why)
	case !there:
		return open("no permission set " + s.link.Names().ApprovalSet)
	}
	return done(set.Label)
}

func apiName(s *sight) reading {
	set, there, why := s.approval()
	switch {
	case why != "":
		return unseen(why)
	case !there:
		return open("no permission set " + s.link.Names().ApprovalSet)
	case set.Name == "":
		return done("the permission set " + set.Label + " carries the app already")
	}
	return done("API Name " + set.Name)
}

// assigned: who needs the app has the permission set, as far as the package's boxes and the assignments tell. Where the system
// user alone has it nobody here can say whether others need it.
func assigned(s *sight) reading {
	set, there, why := s.approval()
	switch {
	case why != "":
		return unseen(why)
	case !there:
		return open("no permission set " + s.link.Names().ApprovalSet)
	case len(set.Assigned) == 0 && !set.More:
		return open("nobody has " + set.Label)
	case len(set.Without) > 0:
		return open("only " + set.Assigned[0] + " has " + set.Label + "; " + strings.Join(set.Without, ", ") + " use the package and do not have it")
	case len(set.Assigned) == 1 && !set.More && strings.EqualFold(set.Assigned[0], s.systemUser()):
		return unseen("Only the Salesforce system user " + set.Assigned[0] + " has " + set.Label + "; whether others need the app, you know.")
	}
	who := strings.Join(set.Assigned, ", ")
	if set.More {
		who = strings.Trim(who+" and others", " ")
	}
	return done("assigned to " + who)
}

// systemUser is who is, or is to be, the system user; "" where nobody knows.
func (s *sight) systemUser() string {
	if s.link.Org.Username != "" {
		return s.link.Org.Username
	}
	return s.look.SystemName
}

// systemHas: the system user has a permission set.
func systemHas(label func(link.Names) string) func(*sight) reading {
	return func(s *sight) reading {
		want := label(s.link.Names())
		if _, there, why := s.set(want); why != "" {
			return unseen(why)
		} else if !there {
			return open("no permission set " + want)
		}
		who := s.systemUser()
		if who == "" {
			return unseen("Connect does not know yet who the system user is: give his user name.")
		}
		have, why := s.look.SystemSets.Get()
		if why != "" {
			return unseen(why)
		}
		if slices.Contains(have, want) {
			return done(who + " has " + want)
		}
		return open(who + " does not have " + want)
	}
}

// systemAmong: the system user is approved for the app.
func systemAmong(s *sight) reading {
	set, there, why := s.approval()
	switch {
	case why != "":
		return unseen(why)
	case !there:
		return open("no permission set " + s.link.Names().ApprovalSet)
	}
	return systemHas(func(link.Names) string { return set.Label })(s)
}

// tenantUp: the API user is connected.
func tenantUp(s *sight) reading {
	return spanUp("Engagement", s.link.Tenant.State, s.link.Tenant.Username, s.link.Tenant.Cause)
}

// orgUp: the system user is connected.
func orgUp(s *sight) reading {
	return spanUp("the org", s.link.Org.State, s.link.Org.Username, s.link.Org.Cause)
}

// spanUp: a span's own user is connected.
func spanUp(cloud string, state link.SpanState, username string, cause link.Cause) reading {
	switch state {
	case link.SpanUp:
		return done("connected as " + username)
	case link.SpanBroken:
		return open(cloud + " refuses " + username + ": " + cause.Code)
	}
	return open("not connected")
}

// setting is a setting of the org, by type and path; wants is its value.
func setting(name, wants, good, bad string) func(*sight) reading {
	return func(s *sight) reading {
		settings, why := s.look.Settings.Get()
		have, there := settings[name]
		switch {
		case why != "":
			return unseen(why)
		case !there:
			return unseen("The org does not tell the setting.")
		}
		if have == wants {
			return done(good)
		}
		return open(bad)
	}
}
