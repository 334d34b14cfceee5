package doctor

import (
	"fmt"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// maxSkew is how far the clocks of the clouds and of Connect may be apart: an assertion lives a few minutes (crm-wire 1.5).
const maxSkew = 90 * time.Second

// ownChecks look at the spans and at Connect.
func ownChecks() []Check {
	return []Check{
		{
			ID: "T01", Name: "Both spans", Severity: Error, Wants: "connected, and both clouds let Connect in",
			Why:   "Nothing works over a span that is down.",
			Click: "Connect > The bridge", Command: "twinspan connect", Document: docAuth,
			Look: func(l *Look) Outcome {
				var out Outcome
				org, tenant := l.Link.Org, l.Link.Tenant
				beside := l.Link.Standing == link.BesidePackage // where the joining is the package's, and Connect may read or not
				switch {
				case beside && org.Username == "":
				case org.State == link.SpanDown || org.Username == "":
					out.Found = append(out.Found, Found{Subject: "into the org", Seen: "not connected"})
				case org.State == link.SpanBroken && !l.explained(l.blame()) && !late(org.Cause, l.OrgDoor) && !l.otherKey(link.IntoOrg, org.Cause):
					f := refusedSpan("into the org", "the org", link.IntoOrg, org.Cause, org.Username)
					if u, why := l.SystemUser.Get(); why == "" && u.ID == org.UserID && u.ID != "" && !link.SameUsername(u.Username, org.Username) {
						f.Seen += "; he is called " + u.Username + " now"
						f.Command = "twinspan connect --system-user " + quote(u.Username)
					}
					out.Found = append(out.Found, f)
				case org.State == link.SpanUp && l.OrgDown != "" && l.OrgDoor.why == "" && !l.explained("T17"): // T03 says that nothing answers
					out.Found = append(out.Found, Found{Subject: "into the org", Seen: "cannot be used now: " + trimmed(l.OrgDown), Command: "twinspan status"})
				}
				switch {
				case beside && tenant.Username == "":
				case tenant.State == link.SpanDown || tenant.Username == "":
					out.Found = append(out.Found, Found{Subject: "into Engagement", Seen: "not connected"})
				case tenant.State == link.SpanBroken && !l.explained(l.blameTenant()) && !l.explained("D24") && !late(tenant.Cause, l.TenantDoor) && !l.otherKey(link.IntoTenant, tenant.Cause):
					f := refusedSpan("into Engagement", "Engagement", link.IntoTenant, tenant.Cause, tenant.Username)
					packages, _ := l.Packages.Get()
					off := func(p engagement.Package) bool { return p.ClientID == l.Link.PackageClientID && !p.Active }
					if i := slices.IndexFunc(packages, off); i >= 0 && tenant.Cause.Code == refusedClient {
						f.Seen, f.Expected = "Engagement refuses Connect's package "+packages[i].Name+", which is disabled", "enabled; who was signed in through it signs in anew"
						f.Click, f.Command, f.NoCommand = "Setup > Platform Tools > Apps > Installed Packages > "+packages[i].Name+" > Enable", "twinspan tenant package enable "+quote(packages[i].ClientID), false
					}
					out.Found = append(out.Found, f)
				case tenant.State == link.SpanUp && l.TenantDown != "" && l.TenantDoor.why == "":
					out.Found = append(out.Found, Found{Subject: "into Engagement", Seen: "cannot be used now: " + trimmed(l.TenantDown), Command: "twinspan status"})
				}
				return out
			},
		},
		{
			ID: "T02", Name: "Clocks", Severity: Error, Wants: fmt.Sprintf("at most %.0f seconds apart", maxSkew.Seconds()),
			Why:   "A cloud refuses an assertion from the past or the future, and says no more than \"invalid assertion\".",
			Click: "the time service (NTP) of the machine that Connect runs on", Document: docOurs,
			Look: func(l *Look) Outcome {
				return l.doors(func(cloud string, d Door) []Found {
					if d.Skew.Abs() > maxSkew {
						return []Found{{Subject: cloud, Seen: fmt.Sprintf("its clock is %s of Connect's", ahead(d.Skew))}}
					}
					return nil
				})
			},
		},
		{
			ID: "T03", Name: "Both clouds answer, by good TLS", Severity: Error, Wants: "an answer, over https with a certificate that lasts",
			Why:   "Without an answer nothing can be known, and passwords and tokens must not travel in the clear.",
			Click: "the network, the proxy and the certificate store of the machine that Connect runs on", Document: docOurs,
			Look: func(l *Look) Outcome {
				var out Outcome
				for _, c := range l.eachDoor() {
					d, why := c.door.Get()
					switch left := d.Expires.Sub(l.machine()); {
					case why != "":
						out.Found = append(out.Found, Found{Subject: c.cloud, Seen: why})
					case d.Plain:
						out.Found = append(out.Found, Found{Subject: c.cloud, Seen: "plain HTTP over a network"})
					case !d.Expires.IsZero() && left < soon:
						out.Found = append(out.Found, Found{Subject: c.cloud, Seen: "its certificate ends on " + day(d.Expires), Severity: Warning})
					}
				}
				return out
			},
		},
		{
			ID: "T05", Name: "Certificates that the clouds hold", Severity: Error, In: connected, Wants: "that of the key with which Connect signs, for another 30 days at least",
			Why:   "A cloud verifies Connect's assertions with the certificate that it holds: with another, or an ended one, it refuses each of them.",
			Click: "Setup > Apps > App Manager > {app} > Edit > Use digital signatures: the certificate that the command prints", Command: "twinspan connect certificate", Document: docOurs,
			Look: func(l *Look) Outcome {
				own, why := l.Certificate.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				for _, c := range own {
					held, why, found := l.held(c.Direction)
					switch {
					case why != "":
						out.Unread = why
					case held != "":
						out.Found = append(out.Found, l.compare(c, held, found)...)
					}
				}
				return out
			},
		},
		{
			ID: "T06", Name: "The integration user", Severity: Error, Wants: "his password and security token are taken",
			Why:   "A change of either makes them stale, and the other vendor's connector stops.",
			Click: "Setup > Users > Users > {user}; his Login History", Command: "twinspan connect renew --kind integration-user", Document: docUser,
			Look: func(l *Look) Outcome {
				a, why := l.Integration.Get()
				switch {
				case why != "":
					return unread(why)
				case a.State == link.SpanBroken:
					return Outcome{Found: []Found{brokenAccount(a)}}
				}
				var out Outcome
				for _, f := range l.IntegrationIs {
					if !f.OK {
						out.Found = append(out.Found, Found{
							Subject: a.Username, Seen: f.Name + ": " + or(f.Got, "not shown"), Expected: f.Want, Severity: Warning, Click: clickUser, Command: "twinspan integration-user check",
						})
					}
				}
				return out
			},
		},
		{
			ID: "T08", Name: "Certificates of Connect's keys", Severity: Warning, Wants: "none that ends within 30 days",
			Why:   "A cloud that looks at the certificate's end refuses every assertion after it.",
			Click: "Setup > Apps > App Manager > {app} > Use digital signatures", Document: docOurs,
			Look: func(l *Look) Outcome {
				all, why := l.Certificate.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				for _, c := range all {
					f := Found{Subject: map[link.Direction]string{link.IntoOrg: "into the org", link.IntoTenant: "into Engagement"}[c.Direction], Seen: "ends on " + day(c.Expires)}
					switch left := c.Expires.Sub(l.Now); {
					case left <= 0:
						f.Severity = Error
					case left > soon:
						continue
					}
					out.Found = append(out.Found, f)
				}
				return out
			},
		},
		{
			ID: "T13", Name: "The app is the connection's alone", Severity: Warning, Wants: "nothing else signs in through the connected app",
			Why:   "\"Immediately expire refresh token\", which the connection wants, would cut whatever else keeps refresh tokens of the same app.",
			Click: "Setup > Apps > Connected Apps > Connected Apps OAuth Usage", Command: "twinspan org app usage {app}", Document: docSetup,
			Look: func(l *Look) Outcome {
				a, why := l.Integration.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				if a.Username != "" && a.ClientID == l.Link.ConsumerKey {
					out = foundAt(a.Username, "the integration user signs in through "+l.Link.ConnectedApp)
				}
				app, appWhy := l.App.Get()
				holders, why := l.Holders.Get()
				switch {
				case appWhy == "" && (!app.Exists || app.RefreshTokenPolicy == "zero"): // under which none is taken
				case why != "":
					out.Unread = why
				case len(holders) > 0:
					out.Found = append(out.Found, Found{Subject: l.Link.ConnectedApp, Seen: count(len(holders), "authorizations or refresh tokens of the app are others', and their refresh tokens end with the policy that the connection wants")})
				}
				return out
			},
		},
		{
			ID: "T16", Name: "Outage", Severity: Notice, Wants: "none",
			Why:   "While it lasts the Marketing Cloud tab, mapping and sends to audiences of the org are unavailable.",
			Click: "Connect > The bridge", Command: "twinspan status", Document: docUpgrade,
			Look: func(l *Look) Outcome {
				if o := l.Link.Outage; o.Open(l.Now) {
					return found(o.Reason + ", until " + day(o.Until) + ", opened by " + o.Actor)
				}
				return Outcome{}
			},
		},
	}
}

// brokenAccount is the finding that the org refuses the integration user, with what mends it: his password and security token where
// these are the reason.
func brokenAccount(a integration.Account) Found {
	f := Found{Subject: a.Username, Seen: a.Cause.Code + ": " + a.Cause.Text}
	switch fault.Code(a.Cause.Code) {
	case link.CodeFlowOff:
		f.Click, f.NoCommand = "Setup > Identity > OAuth and OpenID Connect Settings > Allow OAuth Username-Password Flows", true
	case link.CodeInactive:
		f.Click, f.Command, f.Expected = clickUser+" > Active", "twinspan org user activate {user}", "active, not frozen"
	case link.CodeLocked:
		f.Click, f.Command, f.Expected = "Setup > Users > Users > {user} > Unlock", "twinspan org user unlock {user}", "not locked"
	case link.CodeIPRefused, link.CodeHoursRefused:
		f.Click, f.NoCommand, f.Expected = "Setup > Users > Profiles > his profile > Login Hours, Login IP Ranges", true, "a profile that lets him in from where the other connector calls"
	}
	return f
}

// held is the certificate with which a cloud verifies Connect's assertions, in PEM, and what a finding about it says; "" where it
// verifies none, or another check says that what would hold it is not there.
func (l *Look) held(d link.Direction) (text, why string, f Found) {
	if d == link.IntoOrg {
		app, why := l.App.Get()
		switch {
		case l.Link.Org.Driver != link.JWT || why == "" && !app.Exists:
			return "", "", f
		case why == "" && app.Certificate == "":
			why = "The org does not tell which certificate " + l.Link.ConnectedApp + " holds."
		}
		return app.Certificate, why, Found{Subject: l.Link.ConnectedApp}
	}
	packages, why := l.Packages.Get()
	i := slices.IndexFunc(packages, func(p engagement.Package) bool { return p.ClientID == l.Link.PackageClientID })
	switch {
	case l.Link.Tenant.Driver != link.JWT || why == "" && i < 0:
		return "", "", f
	case why != "":
		return "", why, f
	case packages[i].Certificate == "":
		return "", "Engagement does not tell which certificate " + packages[i].Name + " holds.", f
	}
	return packages[i].Certificate, "", Found{Subject: packages[i].Name, Click: "Setup > Platform Tools > Apps > Installed Packages > {subject} > its certificate", NoCommand: true}
}

// compare judges a certificate that a cloud holds by that of Connect's key.
func (l *Look) compare(own Certificate, text string, f Found) []Found {
	mine, err := oauth.ReadCertificate(own.PEM)
	held, heldErr := oauth.ReadCertificate(text)
	switch {
	case err != nil || heldErr != nil:
		f.Seen = "a certificate that cannot be read"
	case !held.Public.Equal(mine.Public):
		f.Seen = fmt.Sprintf("the certificate of another key than Connect signs with (%s, SHA-256 %x...)", or(held.CommonName, "without a name"), held.Thumbprint[:6])
	case held.Thumbprint == mine.Thumbprint: // T08 says when it ends
		return nil
	case held.NotAfter.Sub(l.Now) <= 0:
		f.Seen = "its certificate ended on " + day(held.NotAfter)
	case held.NotAfter.Sub(l.Now) < soon:
		f.Seen, f.Severity = "its certificate ends on "+day(held.NotAfter), Warning
	default:
		return nil
	}
	return []Found{f}
}

// otherKey reports whether a cloud refuses assertions because it holds the certificate of another key, which T05 says.
func (l *Look) otherKey(d link.Direction, c link.Cause) bool {
	own, _ := l.Certificate.Get()
	text, why, f := l.held(d)
	i := slices.IndexFunc(own, func(c Certificate) bool { return c.Direction == d })
	return ofAssertion(c) && why == "" && text != "" && i >= 0 && len(l.compare(own[i], text, f)) > 0
}

// explained reports whether a check names a cause of its own.
func (l *Look) explained(id string) bool {
	if id == "" {
		return false
	}
	for _, c := range Checks() {
		if c.ID == id && len(c.Look(l).Found) > 0 {
			return true
		}
	}
	return id == "D06" && l.explained("D05") // nobody is approved where nothing approves
}

type cloudDoor struct {
	cloud string
	door  Read[Door]
}

func (l *Look) eachDoor() []cloudDoor {
	return []cloudDoor{{"the org", l.OrgDoor}, {"Engagement", l.TenantDoor}}
}

// doors judges the front doors that answered; T03 says which did not.
func (l *Look) doors(judge func(string, Door) []Found) Outcome {
	var out Outcome
	for _, c := range l.eachDoor() {
		d, why := c.door.Get()
		if why != "" {
			out.Unread = why
			continue
		}
		out.Found = append(out.Found, judge(c.cloud, d)...)
	}
	return out
}

// machine is machine time: certificates of servers keep to it, whatever the pair's clock says.
func (l *Look) machine() time.Time { return l.Now.Add(-l.Link.ClockOffset) }

func ahead(d time.Duration) string {
	if d < 0 {
		return (-d).Round(time.Second).String() + " behind"
	}
	return d.Round(time.Second).String() + " ahead"
}
