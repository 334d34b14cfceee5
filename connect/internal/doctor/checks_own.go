package doctor

import (
	"fmt"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// maxSkew is how far the clocks of the clouds and of Connect may be apart: an assertion lives a few minutes (crm-wire 1.5).
const maxSkew = 90 * time.Second

// ownChecks look at the spans and at Connect.
func ownChecks() []Check {
	return []Check{
		{
			ID: "T01", Name: "Both spans", Severity: Error, Wants: "connected, and both clouds let Connect in",
			Why:   "Nothing works over a span that is down.",
			Click: "Connect > Status", Command: "twinspan connect", Document: docAuth,
			Look: func(l *Look) Outcome {
				var out Outcome
				org, tenant := l.Link.Org, l.Link.Tenant
				beside := l.Link.Standing == link.BesidePackage // where the joining is the package's, and Connect may read or not
				switch {
				case beside && org.Username == "":
				case org.State == link.SpanDown || org.Username == "":
					out.Found = append(out.Found, Found{Subject: "into the org", Seen: "not connected"})
				case org.State == link.SpanBroken && !l.explained(l.blame()):
					out.Found = append(out.Found, Found{Subject: "into the org", Seen: refusedIn("the org", org.Cause) + " (" + org.Username + ")"})
				}
				switch {
				case beside && tenant.Username == "":
				case tenant.State == link.SpanDown || tenant.Username == "":
					out.Found = append(out.Found, Found{Subject: "into Engagement", Seen: "not connected"})
				case tenant.State == link.SpanBroken && !l.explained(l.blameTenant()) && !l.explained("D24"):
					out.Found = append(out.Found, Found{Subject: "into Engagement", Seen: refusedIn("Engagement", tenant.Cause) + " (" + tenant.Username + ")"})
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
			ID: "T06", Name: "The integration user", Severity: Error, Wants: "his password and security token are taken",
			Why:   "A change of either makes them stale, and the other vendor's connector stops.",
			Click: "Setup > Users > Users > {user}; his Login History", Command: "twinspan connect renew", Document: docUser,
			Look: func(l *Look) Outcome {
				a, why := l.Integration.Get()
				switch {
				case why != "":
					return unread(why)
				case a.State == link.SpanBroken:
					return foundAt(a.Username, a.Cause.Code+": "+a.Cause.Text)
				}
				return Outcome{}
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
				switch {
				case why != "":
					return unread(why)
				case a.Username != "" && a.ClientID == l.Link.ConsumerKey:
					return foundAt(a.Username, "the integration user signs in through "+l.Link.ConnectedApp)
				}
				return Outcome{}
			},
		},
		{
			ID: "T16", Name: "Outage", Severity: Notice, Wants: "none",
			Why:   "While it lasts the Marketing Cloud tab, mapping and sends to audiences of the org are unavailable.",
			Click: "Connect > Status", Command: "twinspan status", Document: docUpgrade,
			Look: func(l *Look) Outcome {
				if o := l.Link.Outage; o.Open(l.Now) {
					return found(o.Reason + ", until " + day(o.Until) + ", opened by " + o.Actor)
				}
				return Outcome{}
			},
		},
	}
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
