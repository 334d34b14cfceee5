package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
)

// Thresholds of use, in percent of a limit.
const (
	muchUsed   = 80
	almostUsed = 95 // at which System Overview warns (connect-facts 6)
)

// useChecks look at what is sent and what it costs.
func useChecks() []Check {
	return []Check{
		{
			ID: "D33", Name: "Triggered sends", Severity: Error, Wants: "the definition of each active triggered send is active in Engagement, and its object can be read",
			Why:   "A paused definition fails without a word to the user in the org.",
			Click: "Email Studio > Interactions > Triggered Emails > {value} > Start/Restart", Command: "twinspan tenant definition start {value}", See: "twinspan send triggered list", Document: docReset,
			Look: func(l *Look) Outcome {
				triggers, why := l.Triggers.Get()
				if why != "" {
					return unread(why)
				}
				definitions, why := l.Definitions.Get()
				var out Outcome
				for _, t := range triggers {
					if !t.Active {
						continue
					}
					i := slices.IndexFunc(definitions, func(d Definition) bool { return strings.EqualFold(d.Key, t.DefinitionKey) })
					switch {
					case t.ErrorCode != "" && !shutOut(t):
						out.Found = append(out.Found, Found{
							Subject: t.Name, Value: t.Object, NoCommand: true, Seen: "its object " + t.Object + " could not be read: " + trimmed(t.Error), Expected: "an object that the org has and the system user may read",
							Click: "Setup > Object Manager > {value}, and what the system user may read; or Connect > Triggered sends > Pause {subject}",
						})
					case why != "":
						out.Unread = why
					case i < 0:
						out.Found = append(out.Found, Found{
							Subject: t.Name, Value: t.DefinitionKey, NoCommand: true, Seen: "Engagement has no definition " + t.DefinitionKey + " in the API user's business unit", Expected: "a definition with that external key",
							Click: "Email Studio > Interactions, in the API user's business unit: one with the external key {value}; or Connect > Triggered sends > Pause {subject}",
						})
					case definitions[i].Status != "Active":
						out.Found = append(out.Found, Found{Subject: t.Name, Value: t.DefinitionKey, Seen: "its definition " + t.DefinitionKey + " is " + definitions[i].Status})
					}
				}
				if l.Link.Standing == link.OwnLink || l.Link.Standing == link.BesidePackage { // our tenant has none
					out.Unread = or(out.Unread, "No public API tells which journeys on Salesforce Data run: look in Journey Builder.")
				}
				return out
			},
		},
		{
			ID: "D34", Name: "A copied connection", Severity: Error, Wants: "this connection is its own org's, and a sandbox has an account of its own",
			Why:   "A refreshed sandbox has all tokens of the original and sends its contacts into production.",
			Click: "Developer Console > Debug > Execute Anonymous: {reset}", Command: "twinspan disconnect", Document: docSandbox,
			Look: func(l *Look) Outcome {
				if l.blame() == "D34" {
					return l.orUnread("D34", "")
				}
				sandbox, why := l.Sandbox.Get()
				switch {
				case why != "":
					return unread(why)
				case sandbox && l.SharedEID != "":
					return foundAt(l.Link.Org.OrgID, fmt.Sprintf("the org is a sandbox, and enterprise %d is also that of org %s, which is none", l.Link.EID, l.SharedEID))
				}
				return unread(l.SharedUnread)
			},
		},
		{
			ID: "D37", Name: "API usage", Severity: Warning, Wants: fmt.Sprintf("less than %d %% of the rolling 24-hour and the Bulk limit", muchUsed),
			Why:   "Past the limit the org refuses every call that counts: imports, tracking, and with an app of your own all of them.",
			Click: "Setup > Environments > System Overview", Command: "twinspan usage", Document: docAPIUse,
			Look: func(l *Look) Outcome {
				limits, why := l.Limits.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				for name, limit := range map[string]crm.Limit{"DailyApiRequests": limits.DailyAPIRequests, "DailyBulkApiBatches": limits.DailyBulkAPIBatches} {
					if limit.Max <= 0 {
						continue
					}
					f := Found{Subject: name, Seen: fmt.Sprintf("%d of %d used", limit.Max-limit.Remaining, limit.Max)}
					switch used := 100 * (limit.Max - limit.Remaining) / limit.Max; {
					case used >= almostUsed:
						f.Severity = Error
					case used < muchUsed:
						continue
					}
					out.Found = append(out.Found, f)
				}
				sortFound(out.Found)
				return out
			},
		},
		{
			ID: "D38", Name: "Verified sender", Severity: Warning, Wants: "the org's default no-reply address and its domain are verified",
			Why:   "The org sends email only from verified domains: until then mails leave from a substitute address, or not at all.",
			Click: "Setup > Email > Deliverability; Setup > Email > Authorized Email Domains, or Setup > Email > DKIM Keys", See: "twinspan org email show", Document: docDomains,
			Look: func(l *Look) Outcome {
				senders, why := l.Senders.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				for _, s := range senders {
					if !s.noReply() {
						continue
					}
					domain := s.domain()
					switch {
					case !s.Verified:
						out.Found = append(out.Found, Found{
							Subject: s.Name, Seen: "the address is not verified", Expected: "verified by the link that the org has mailed to it",
							Click: "the link in the letter to {subject}; where it is lost, delete the address under Setup > Email > Deliverability and add it again",
						})
					case !proven(senders, domain):
						f := Found{Subject: s.Name, Seen: "its domain " + domain + " is not authorized, and no active DKIM key of it is seen", Value: domain, Command: "twinspan org email domain {value}"}
						if slices.ContainsFunc(senders, func(d Sender) bool { return d.Domain && !d.Verified && strings.EqualFold(d.Name, domain) }) { // which a command does not add twice
							f.Seen = "its domain " + domain + " is not verified, and no active DKIM key of it is seen"
							f.Expected, f.Command = "verified: the org finds its TXT record in DNS", "twinspan org email domain {value} --verify"
						}
						out.Found = append(out.Found, f)
					}
				}
				return out
			},
		},
		{
			ID: "D40", Name: "Remote site of the token service", Severity: Warning, In: withPackage, Wants: "an active remote site for Engagement's token service",
			Why:   "After a move of the org to another instance the package's own calls are blocked by the org itself.",
			Click: "Setup > Security > Remote Site Settings > {subject} > Activate", Command: "twinspan org site activate {subject}", See: "twinspan org site list", Document: docAuth,
			Look: func(l *Look) Outcome {
				sites, why := l.Sites.Get()
				conf, confWhy := l.PackageConf.Get()
				if why != "" || confWhy != "" {
					return unread(or(why, confWhy))
				}
				off := ""
				for _, s := range sites {
					switch {
					case !tokenService(s):
					case s.Active:
						return Outcome{}
					default:
						off = or(off, s.Name)
					}
				}
				switch {
				case off != "":
					return foundAt(off, "not active, and no other is")
				case conf.SiteAdded:
					f := Found{
						Subject: "ET4AE5_MCC_TokenService", Value: strings.TrimSuffix(l.Link.AuthURL, "/"), Seen: "the package had one, and it is gone",
						Click: "Setup > Security > Remote Site Settings > New Remote Site: {subject}, {value}", Command: "twinspan org site add {subject} {value}",
					}
					if strings.HasPrefix(f.Value, "http://") { // as embedded clouds may speak
						f.Command += " --plain"
					}
					return Outcome{Found: []Found{f}}
				}
				return Outcome{}
			},
		},
		{
			ID: "T14", Name: "API usage by midnight", Severity: Warning, Wants: "at this rate the limit is not reached before midnight",
			Why:   "Sends of the evening would fail.",
			Click: "Setup > Environments > System Overview", Command: "twinspan usage --hourly", Document: docAPIUse,
			Look: func(l *Look) Outcome {
				limits, why := l.Limits.Get()
				if why != "" {
					return unread(why)
				}
				limit := limits.DailyAPIRequests
				used := limit.Max - limit.Remaining
				if limit.Max <= 0 || 100*used/limit.Max >= muchUsed { // D37 says so then
					return Outcome{}
				}
				// What falls out of the window is in the growth already: a steady rate does not grow, whatever the hour.
				since, there := l.usedBefore()
				if !there || used <= since.Used {
					return Outcome{}
				}
				left := l.Now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(l.Now)
				if more := int64(float64(used-since.Used) * left.Hours() / l.Now.Sub(since.At).Hours()); used+more >= limit.Max {
					return foundAt("DailyApiRequests", fmt.Sprintf("%d of %d used, %d more than at %s; so on, %d more before midnight UTC", used, limit.Max, used-since.Used, day(since.At), more))
				}
				return Outcome{}
			},
		},
		{
			ID: "T15", Name: "Dialect switches", Severity: Notice, In: ours, Wants: "the org speaks as real ones do by default",
			Why:   "A switch that makes the embedded org stricter or laxer than real ones makes tests say less about them.",
			Click: "Setup > Identity > OAuth and OpenID Connect Settings", Command: "twinspan org settings set isStrict=false", Document: "docs/divergences.md",
			Look: func(l *Look) Outcome {
				settings, why := l.Settings.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				if settings["OauthOidcSettings.isStrict"] == "true" {
					out.Found = append(out.Found, Found{Subject: "Hold All Connected Apps to RFC 9700", Seen: "on"})
				}
				tenant, why := l.Tenant.Get()
				if out.Unread = why; tenant["any_sender"] == true {
					out.Found = append(out.Found, Found{Subject: "any_sender", Seen: "on: mail leaves Engagement from addresses that nobody verified", Command: "twinspan tenant settings any_sender=false"})
				}
				return out
			},
		},
	}
}

// noReply reports whether the org mails from an address where nobody else is named.
func (s Sender) noReply() bool {
	return !s.Domain && strings.Contains(strings.ToLower(s.Purpose), "noreply")
}

// domain is that of an address, in lower case.
func (s Sender) domain() string {
	_, domain, _ := strings.Cut(s.Name, "@")
	return strings.ToLower(domain)
}

// proven reports whether a domain is an authorized one that is verified, or an active DKIM key signs for it (connect-facts 8.5).
func proven(senders []Sender, domain string) bool {
	return slices.ContainsFunc(senders, func(d Sender) bool {
		if !d.Domain || !d.Verified {
			return false
		}
		name := strings.ToLower(d.Name)
		below := strings.HasSuffix(domain, "."+name)
		switch d.Purpose {
		case "SubdomainsOnly":
			return below
		case "DomainAndSubdomains":
			return below || domain == name
		}
		return domain == name
	})
}

// usedBefore is the use of the limit as the oldest round saw it of those that tell how it goes now: at least a quarter of an hour
// ago, and at most some hours.
func (l *Look) usedBefore() (Use, bool) {
	const least, most = 15 * time.Minute, 3 * time.Hour
	var out Use
	for _, u := range l.Past {
		if ago := l.Now.Sub(u.At); ago >= least && ago <= most && (out.At.IsZero() || u.At.Before(out.At)) {
			out = u
		}
	}
	return out, !out.At.IsZero()
}

// tokenService reports whether a remote site is that of the token service (connect-facts 1.7).
func tokenService(s Site) bool {
	name := strings.ToLower(s.Name)
	return strings.Contains(name, "mcc_tokenservice") || strings.Contains(strings.ToLower(s.URL), "auth.exacttargetapis.com") || strings.Contains(strings.ToLower(s.URL), ".auth.marketingcloudapis.com")
}

// ofSignIn are the codes with which the org refuses a sign-in, or a session, and no object (crm-wire 1.6).
var ofSignIn = []string{"invalid_grant", "invalid_app_access", "invalid_client_id", "invalid_client", "inactive_user", "app_not_found", "INVALID_SESSION_ID"}

// shutOut reports whether a trigger's object was not read at its last look because the org let Connect not in, or did not answer: the
// checks of the span tell that, as it is now.
func shutOut(t trigger.Trigger) bool {
	return t.ErrorCode == string(client.CodeUnreachable) || slices.ContainsFunc(ofSignIn, func(code string) bool { return strings.Contains(t.Error, code+": ") })
}
