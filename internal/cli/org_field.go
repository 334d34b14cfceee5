package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// orgUserFieldCmd reads or edits one field of a user's record, as on the user's page in Setup.
type orgUserFieldCmd struct {
	orgFlags
	Username string  `arg:"" help:"User name."`
	Field    string  `arg:"" help:"Field, by label or API name: 'Marketing Cloud OAuth Token'."`
	Set      *string `help:"Save this value." placeholder:"VALUE" env:"-"`
	Blank    bool    `help:"Delete the value and save." env:"-"`
}

// Run prints the field's value; exit code 3 where it is empty.
func (c *orgUserFieldCmd) Run(ctx context.Context, a *app) error {
	if c.Set != nil && (c.Blank || *c.Set == "") {
		return usagef("--set wants a value, and --blank deletes it: one of the two")
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		u, err := oneOrgUser(ctx, s, c.Username)
		if err != nil {
			return err
		}
		f, err := c.find(ctx, s)
		if err != nil {
			return err
		}
		if c.Set != nil || c.Blank {
			return c.save(ctx, a, s, u, f)
		}
		r, err := s.GetRecord(ctx, "User", u.ID, f.Name)
		if err != nil {
			return err
		}
		value := r[f.Name]
		if a.json {
			err = a.printJSON(map[string]any{"username": u.Username, "field": f.Name, "label": f.Label, "value": value})
		} else if value != nil {
			err = a.print(oneLine(fmt.Sprint(value)) + "\n")
		}
		if err == nil && value == nil {
			err = errNo
		}
		return err
	})
}

// find finds the field by label or API name, whatever its letters' case.
func (c *orgUserFieldCmd) find(ctx context.Context, s *crm.Session) (crm.Field, error) {
	fields, err := s.Fields(ctx, "User")
	if err != nil {
		return crm.Field{}, err
	}
	var found []crm.Field
	for _, f := range fields {
		if strings.EqualFold(f.Name, c.Field) {
			return f, nil
		}
		if strings.EqualFold(f.Label, c.Field) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return crm.Field{}, fmt.Errorf("a user has no field %q, or you may not see it", c.Field)
	}
	return crm.Field{}, fmt.Errorf("several fields are labelled %q: name one by its API name", c.Field)
}

func (c *orgUserFieldCmd) save(ctx context.Context, a *app, s *crm.Session, u orgUser, f crm.Field) error {
	var value any
	if c.Set != nil {
		value = *c.Set
		switch f.Type {
		case "boolean":
			value = strings.EqualFold(*c.Set, "true")
		case "double", "int":
			value = json.Number(*c.Set)
		}
	}
	if err := s.UpdateRecord(ctx, "User", u.ID, map[string]any{f.Name: value}); err != nil {
		return err
	}
	said := "saved"
	if c.Blank {
		said = "deleted"
	}
	if a.json {
		return a.printJSON(map[string]any{"username": u.Username, "field": f.Name, "changed": said})
	}
	return a.print(said + " " + f.Label + " of " + oneLine(u.Username) + "\n")
}
