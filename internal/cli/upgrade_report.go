package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/explain"
)

// reported prints what became of an upgrade, where there was one, and of users; exit code 3 where there is neither.
func (a *app) reported(r connect.UpgradeReport, runs []connect.Migration, users []connect.MigratedUser) error {
	var err error
	if a.json {
		err = a.printJSON(struct {
			connect.UpgradeReport
			Migrations []connect.Migration    `json:"migrations,omitempty"`
			Users      []connect.MigratedUser `json:"users"`
		}{r, runs, users})
	} else {
		if r.Upgrade != nil {
			err = a.printUpgradeReport(r, runs)
		}
		if err == nil && len(users) > 0 && slices.ContainsFunc(users, func(u connect.MigratedUser) bool { return u.Reason != "" }) {
			err = a.print("what a reason means: twinspan doctor explain 'REASON'; all of it: Troubleshoot Connected App, at Connect's " + explain.Path + "\n")
		}
		if err == nil && len(users) > 0 {
			rows := make([][]string, len(users))
			for i, u := range users {
				rows[i] = []string{u.CRMUsername, u.EngagementUsername, unit(u.AccountID), u.Result, u.Reason}
			}
			err = a.printTable([]string{"salesforce user", "engagement user", "business unit", "result", "reason"}, rows)
		}
	}
	if err == nil && r.Upgrade == nil && len(users) == 0 {
		err = errNo
	}
	return err
}

func (a *app) printUpgradeReport(r connect.UpgradeReport, runs []connect.Migration) error {
	u := r.Upgrade
	var b strings.Builder
	fmt.Fprintf(&b, "upgrade   %s, order %s, %s; begun by %s at %s\n", oneLine(words(u.Kind)), oneLine(u.Order), oneLine(u.State), oneLine(u.By), u.CreatedAt.Format(time.RFC3339))
	if u.CancelledBy != "" {
		fmt.Fprintf(&b, "cancelled by %s: %s\n", oneLine(u.CancelledBy), oneLine(u.Reason))
	}
	if !u.OpenedAt.IsZero() {
		fmt.Fprintf(&b, "outage    from %s, planned until %s, %s\n", u.OpenedAt.Format(time.RFC3339), r.PlannedUntil.Format(time.RFC3339), outageEnd(r))
		fmt.Fprintf(&b, "sends     %s\nmailings  %s\n", tally(r.Sends), tally(r.Mailings))
	}
	if p := u.Progress; p.Users > 0 {
		fmt.Fprintf(&b, "users     %d: %d reconnected, %d waiting for approval, %d failed\n", p.Users, p.Reconnected, p.Waiting, p.Failed)
	}
	b.WriteString(runLines(runs))
	for _, f := range u.Findings {
		fmt.Fprintf(&b, "found     %s\n", oneLine(f.Message))
	}
	if err := a.print(b.String()); err != nil {
		return err
	}
	rows := make([][]string, len(u.Steps))
	for i, s := range u.Steps {
		ended := ""
		if !s.EndedAt.IsZero() {
			ended = s.EndedAt.Format(time.RFC3339)
		}
		rows[i] = []string{s.Title, words(s.Owner), s.ToldBy, s.Status, ended, s.Have}
	}
	return a.printTable([]string{"step", "whose", "told by", "status", "ended", "outcome"}, rows)
}

func outageEnd(r connect.UpgradeReport) string {
	if r.OutageEndedAt.IsZero() {
		return "open"
	}
	text := "ended " + r.OutageEndedAt.Format(time.RFC3339)
	switch d := r.OutageEndedAt.Sub(r.PlannedUntil).Round(time.Second); {
	case d > 0:
		text += ", " + d.String() + " later"
	case d < 0:
		text += ", " + (-d).String() + " before its time"
	}
	return text
}

func tally(t *connect.UpgradeTally) string {
	if t == nil {
		return "none"
	}
	return fmt.Sprintf("%d in the outage: %d sent, %d failed, %d in doubt, %d held", t.Total, t.Sent, t.Failed, t.InDoubt, t.Held)
}
