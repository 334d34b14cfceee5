package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/journey"
)

// org does one step of the CRM admin in a session of his own, and reads it back. It reports whether the step is one that a command
// does.
func (c *upgradeStartCmd) org(ctx context.Context, a *app, cl *connect.Client, step, systemUser string) (bool, error) {
	known := true
	set, err := cl.Settings(ctx)
	if err != nil {
		return false, err
	}
	n := orgNames(set.Names)
	org := orgFlags{clientFlags: c.clientFlags, OrgURL: c.OrgURL, OrgUser: c.OrgUser}
	err = org.session(ctx, a, func(s *crm.Session) error {
		take := func(steps ...planStep) error {
			for i := range steps {
				st := &steps[i]
				if err := st.take(ctx, true); err != nil {
					return fmt.Errorf("%s: %w", st.Title, err)
				}
				if !st.Done {
					return fmt.Errorf("%s: it reads back as %s, not %s", st.Title, oneLine(st.Have), st.Want)
				}
			}
			return nil
		}
		switch step {
		case "permission_set":
			return take(approvalSet(s, n))
		case "assignments":
			if err := take(approvalSet(s, n), assignedTo(s, n["approval_set"], systemUser)); err != nil {
				return err
			}
			return c.assign(ctx, a, cl, s, n)
		case "attach":
			return take(attached(s, n))
		case "policies":
			return take(policies(s, n))
		case "connect_account": // the app asks for approval already: he is approved first
			return take(approvalSet(s, n), assignedTo(s, n["approval_set"], systemUser), attached(s, n))
		}
		known = false
		return nil
	})
	return known, err
}

// assignAtOnce is how many users one call assigns.
const assignAtOnce = 200

// assign gives the permission set to everybody who is mapped, but for those who are to be left out.
func (c *upgradeStartCmd) assign(ctx context.Context, a *app, cl *connect.Client, s *crm.Session, n orgNames) error {
	set, err := findSet(ctx, s, n["approval_set"])
	if err != nil {
		return err
	}
	users, err := cl.Users(ctx, "")
	if err != nil {
		return err
	}
	for part := range slices.Chunk(users, assignAtOnce) {
		var names []string
		for _, u := range part {
			left := slices.ContainsFunc(c.LeaveOut, func(name string) bool { return strings.EqualFold(name, u.CRMUsername) })
			if u.State != "cleared" && !left {
				names = append(names, crm.Literal(u.CRMUsername))
			}
		}
		if len(names) == 0 {
			continue
		}
		in := strings.Join(names, ", ")
		found, err := s.Query(ctx, "SELECT Id FROM User WHERE IsActive = TRUE AND Username IN ("+in+")")
		if err != nil {
			return err
		}
		assigned, err := s.Query(ctx, "SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSetId = "+crm.Literal(set)+" AND Assignee.Username IN ("+in+")")
		if err != nil {
			return err
		}
		has := map[string]bool{}
		for _, r := range assigned {
			has[r.String("AssigneeId")] = true
		}
		var records []map[string]any
		for _, r := range found {
			if id := r.String("Id"); !has[id] {
				records = append(records, map[string]any{"PermissionSetId": set, "AssigneeId": id})
			}
		}
		if len(records) == 0 {
			continue
		}
		saved, err := s.CreateRecords(ctx, "PermissionSetAssignment", records)
		if err != nil {
			return err
		}
		for i, one := range saved { // Connect reads back who has it, and waits where somebody has not
			if one.Err != nil {
				a.errorf("assigning %s: %v", records[i]["AssigneeId"], forPeople(one.Err))
			}
		}
	}
	return nil
}

// putBack undoes one step of the CRM admin in a session of his own, by what stood before it.
func (c *upgradeCancelCmd) putBack(ctx context.Context, a *app, cl *connect.Client, u *connect.Upgrade) error {
	i := slices.IndexFunc(u.Steps, func(s connect.UpgradeStep) bool { return s.Step == u.Waiting.Step })
	if i < 0 || len(u.Steps[i].Stood) == 0 {
		return nil
	}
	now, err := cl.Settings(ctx)
	if err != nil {
		return err
	}
	org := orgFlags{clientFlags: c.clientFlags, OrgURL: c.OrgURL, OrgUser: c.OrgUser}
	return org.session(ctx, a, func(s *crm.Session) error {
		switch u.Waiting.Step {
		case "policies":
			return putBackPolicies(ctx, s, u.Steps[i].Stood)
		case "tenant_oauth_setting":
			return putBackSetting(ctx, s, u.Steps[i].Stood)
		}
		return putBackAccess(ctx, s, now.Names["approval_set"], u.Waiting.Step, u.Steps[i].Stood)
	})
}

func putBackPolicies(ctx context.Context, s *crm.Session, stood json.RawMessage) error {
	var before struct {
		FullName           string `json:"full_name"`
		AdminApproved      bool   `json:"admin_approved"`
		IPRelaxation       string `json:"ip_relaxation"`
		RefreshTokenPolicy string `json:"refresh_token_policy"`
	}
	if err := json.Unmarshal(stood, &before); err != nil {
		return err
	}
	apps, err := s.ReadConnectedApps(ctx, before.FullName)
	if err != nil {
		return err
	}
	if len(apps) != 1 {
		return fmt.Errorf("the org has no connected app %s", oneLine(before.FullName))
	}
	app := apps[0]
	app.AdminApproved, app.IPRelaxation, app.RefreshTokenPolicy = before.AdminApproved, before.IPRelaxation, before.RefreshTokenPolicy
	return s.UpdateConnectedApp(ctx, app)
}

// putBackSetting switches tenant-specific OAuth Endpoints off where they were off.
func putBackSetting(ctx context.Context, s *crm.Session, stood json.RawMessage) error {
	var before bool
	if err := json.Unmarshal(stood, &before); err != nil || before {
		return err
	}
	want, err := journey.ReadConfiguration(ctx, s)
	if err != nil {
		return err
	}
	want.TenantOAuth, want.AuthURL, want.RESTURL, want.SOAPURL = false, "", "", ""
	_, err = journey.WriteConfiguration(ctx, s, want)
	return err
}

func putBackAccess(ctx context.Context, s *crm.Session, label, step string, stood json.RawMessage) error {
	var before struct {
		App      string    `json:"app"`
		Carriers []string  `json:"carriers"`
		Approval string    `json:"approval"`
		Since    time.Time `json:"since"`
	}
	if err := json.Unmarshal(stood, &before); err != nil {
		return err
	}
	set, err := found(ctx, s, "SELECT Id FROM PermissionSet WHERE Label = "+crm.Literal(label))
	if err != nil {
		return err
	}
	switch step {
	case "attach":
		rows, err := s.Query(ctx, "SELECT Id, ParentId FROM SetupEntityAccess WHERE SetupEntityId = "+crm.Literal(before.App))
		if err != nil {
			return err
		}
		return remove(ctx, s, "SetupEntityAccess", slices.DeleteFunc(rows, func(r crm.Record) bool { return slices.Contains(before.Carriers, r.String("ParentId")) }))
	case "assignments":
		if set == "" {
			return nil
		}
		rows, err := s.Query(ctx, "SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = "+crm.Literal(set)+" AND SystemModstamp >= "+before.Since.UTC().Format("2006-01-02T15:04:05.000Z"))
		if err != nil {
			return err
		}
		return remove(ctx, s, "PermissionSetAssignment", rows)
	case "permission_set":
		if before.Approval == "" && set != "" {
			return s.DeleteRecord(ctx, "PermissionSet", set)
		}
	}
	return nil
}

func remove(ctx context.Context, s *crm.Session, object string, rows []crm.Record) error {
	for _, r := range rows {
		if err := s.DeleteRecord(ctx, object, r.String("Id")); err != nil {
			return err
		}
	}
	return nil
}
