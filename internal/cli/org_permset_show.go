package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// permsetDetail is a permission set with what hangs on it.
type permsetDetail struct {
	Name        string   `json:"name"`
	Label       string   `json:"label"`
	Users       []string `json:"users"`       // user names of those who have it
	Apps        []string `json:"apps"`        // labels of the connected apps that it carries
	Permissions []string `json:"permissions"` // system permissions that it gives, without the prefix "Permissions"
	Objects     []string `json:"objects"`     // "Invoice__c: read, create", of what it may do with records
	Fields      []string `json:"fields"`      // "Invoice__c.Total__c: read, edit"
}

// maxGrants is how many rows of objects, and of fields, are shown of a set: as many as an answer's first batch has.
const maxGrants = 2000

// objectRights and fieldRights are the switches of ObjectPermissions and FieldPermissions, and what they are called here.
var (
	objectRights = [][2]string{
		{"PermissionsRead", "read"},
		{"PermissionsCreate", "create"},
		{"PermissionsEdit", "edit"},
		{"PermissionsDelete", "delete"},
		{"PermissionsViewAllRecords", "view all"},
		{"PermissionsModifyAllRecords", "modify all"},
	}
	fieldRights = [][2]string{{"PermissionsRead", "read"}, {"PermissionsEdit", "edit"}}
)

// grants reads what a set lets its users do with objects or fields; name is the field that says with which.
func grants(ctx context.Context, s *crm.Session, set, object, name string, rights [][2]string) ([]string, error) {
	columns := []string{name}
	for _, r := range rights {
		columns = append(columns, r[0])
	}
	rows, err := s.Query(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE ParentId = %s ORDER BY %s LIMIT %d", strings.Join(columns, ", "), object, crm.Literal(set), name, maxGrants))
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, row := range rows {
		var may []string
		for _, r := range rights {
			if row[r[0]] == true {
				may = append(may, r[1])
			}
		}
		if len(may) > 0 {
			out = append(out, row.String(name)+": "+strings.Join(may, ", "))
		}
	}
	return out, nil
}

type orgPermsetShowCmd struct {
	orgFlags
	Permset string `arg:"" help:"API name or label of the permission set."`
}

// Run shows a set.
func (c *orgPermsetShowCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		id, err := findSet(ctx, s, c.Permset)
		if err != nil {
			return err
		}
		return showSet(ctx, a, s, id)
	})
}

func showSet(ctx context.Context, a *app, s *crm.Session, id string) error {
	set, err := readSet(ctx, s, id)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(set)
	}
	rows := [][]string{{"name", set.Name}, {"label", set.Label}}
	for _, part := range []struct {
		title  string
		values []string
	}{{"user", set.Users}, {"app", set.Apps}, {"permission", set.Permissions}, {"object", set.Objects}, {"field", set.Fields}} {
		for _, v := range part.values {
			rows = append(rows, []string{part.title, v})
		}
		if len(part.values) == 0 {
			rows = append(rows, []string{part.title, "none"})
		}
	}
	return a.printTable([]string{"permission set", "value"}, rows)
}

func readSet(ctx context.Context, s *crm.Session, id string) (permsetDetail, error) {
	record, err := s.GetRecord(ctx, "PermissionSet", id)
	if err != nil {
		return permsetDetail{}, err
	}
	set := permsetDetail{Name: fullName(record), Label: record.String("Label"), Users: []string{}, Apps: []string{}, Permissions: []string{}}
	for field, v := range record {
		if name, ok := strings.CutPrefix(field, "Permissions"); ok && v == true {
			set.Permissions = append(set.Permissions, name)
		}
	}
	slices.Sort(set.Permissions)
	users, err := s.Query(ctx, "SELECT Assignee.Username FROM PermissionSetAssignment WHERE PermissionSetId = "+crm.Literal(id))
	if err != nil {
		return set, err
	}
	for _, u := range users {
		set.Users = append(set.Users, u.Related("Assignee").String("Username"))
	}
	slices.Sort(set.Users)
	carried, err := s.Query(ctx, "SELECT SetupEntityId FROM SetupEntityAccess WHERE ParentId = "+crm.Literal(id))
	if err != nil {
		return set, err
	}
	apps, err := s.Query(ctx, "SELECT Id, Name FROM ConnectedApplication ORDER BY Name")
	if err != nil {
		return set, err
	}
	for _, app := range apps {
		if slices.ContainsFunc(carried, func(r crm.Record) bool { return r.String("SetupEntityId") == app.String("Id") }) {
			set.Apps = append(set.Apps, app.String("Name"))
		}
	}
	if set.Objects, err = grants(ctx, s, id, "ObjectPermissions", "SobjectType", objectRights); err != nil {
		return set, err
	}
	set.Fields, err = grants(ctx, s, id, "FieldPermissions", "Field", fieldRights)
	return set, err
}

type orgPermsetUpdateCmd struct {
	orgFlags
	Permset string   `arg:"" help:"API name or label of the permission set."`
	Label   string   `help:"New label." placeholder:"LABEL" env:"-"`
	Name    string   `help:"New API name." placeholder:"NAME" env:"-"`
	Give    []string `help:"System permissions that it gives from now on, such as ApiEnabled,ViewSetup." placeholder:"NAME" env:"-"`
	Take    []string `help:"System permissions that it gives no longer." placeholder:"NAME" env:"-"`
}

// Run changes the set and shows it.
func (c *orgPermsetUpdateCmd) Run(ctx context.Context, a *app) error {
	fields := map[string]any{}
	if c.Label != "" {
		fields["Label"] = c.Label
	}
	if c.Name != "" {
		fields["Name"] = c.Name
	}
	for _, p := range c.Take {
		fields["Permissions"+strings.TrimPrefix(p, "Permissions")] = false
	}
	for _, p := range c.Give {
		field := "Permissions" + strings.TrimPrefix(p, "Permissions")
		if _, both := fields[field]; both {
			return usagef("%s stands in --give and in --take", p)
		}
		fields[field] = true
	}
	if len(fields) == 0 {
		return usagef("name what to change: --label, --name, --give or --take")
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		id, err := findSet(ctx, s, c.Permset)
		if err != nil {
			return err
		}
		if err := s.Warned(func(text string) { a.errorf("warning: %s", oneLine(text)) }).UpdateRecord(ctx, "PermissionSet", id, fields); err != nil {
			return err
		}
		return showSet(ctx, a, s, id)
	})
}

// printDone says what a command has changed, or that there was nothing to change; more is for JSON alone.
func (a *app) printDone(changed bool, more map[string]any, format string, args ...any) error {
	if a.json {
		doc := map[string]any{"changed": changed}
		for k, v := range more {
			doc[k] = v
		}
		return a.printJSON(doc)
	}
	return a.print(oneLine(fmt.Sprintf(format, args...)) + "\n")
}
