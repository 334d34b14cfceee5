package upgrade

import (
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// warn adds what documents 002 and 003 say to everybody.
func (p *Plan) warn() {
	if 2*p.Estimate.Takes > p.Window && p.Estimate.Rate > 0 { // an estimate is not better than that
		p.find(Warns, "window_too_short", "The users alone take about %s, it may be twice that, and the window is %s. An upgrade never stops halfway: the outage would go on for longer.", words(p.Estimate.Takes.Round(time.Minute)), words(p.Window))
	}
	if p.Users.Fails > 0 {
		p.find(Warns, "users_will_fail", "%s", count(p.Users.Fails, false, "mapped user will not be reconnected.", "mapped users will not be reconnected."))
	}
	if n := p.Users.By[MappingStale]; n > 0 {
		p.find(Warns, "users_stale", "%s", count(n, false, "mapped user has permissions of before.", "mapped users have permissions of before."))
	}
	p.find(Warns, "outage", "Schedule a 2-hour sending outage for the upgrade; this one is of %s. The connection between the clouds isn't available during the upgrade process.", words(p.Window))
	p.find(Warns, "pause_activities", "Ensure that all Marketing Cloud Connect activities are paused: automations, journeys and imports in Engagement that use Salesforce data are not held by Connect.")
	p.find(Warns, "off_peak", "To minimize downtime if an unexpected error occurs, schedule the upgrade during off-peak hours.")
	if p.Kind == TenantOAuth {
		return
	}
	if p.Live > 0 {
		p.find(Warns, "other_sessions", "%s. The system automatically connects to any active Salesforce session: log out of all but the system user's in the browser that connects. Connect refuses whoever else is found there.",
			count(p.Live, p.Live >= 2000, "session of somebody else is active in the org", "sessions of other people are active in the org"))
	} else {
		p.find(Notes, "other_sessions", "The system automatically connects to any active Salesforce session; no session of anybody but the system user was found in the org.")
	}
	p.find(Warns, "closing_the_tab", "Closing the tab doesn't end an active session: log out.")
	if p.signIn != "" {
		p.find(Notes, "company_login_url", "Users of this org log in at %s: log in there as the Salesforce system user before Connect Account. Connect opens that address.", p.signIn)
	}
	if p.Order == Documented {
		p.find(Warns, "documented_order", "In the documented order users are migrated (steps 9 to 11) before they are approved (steps 20 to 35): they wait until then, and the results say so. The order safe approves first.")
	}
	if p.Mode == link.Fail {
		p.find(Notes, "mode_fail", "%s", ModeText(p.Mode))
	}
}

// words are a length of time without what is zero at its end: "2h", "90m".
func words(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
