package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// additionalInformation is the section of a user's page that has the fields which packages and the org's own
// administrators added (document 000, step 5).
const additionalInformation = "Additional Information"

// userField is a field of a user with the section of his page.
type userField struct {
	Section string `json:"section"`
	Name    string `json:"name"`
	Label   string `json:"label"`
	Value   any    `json:"value"` // null for none
}

func (f userField) text() string {
	switch v := f.Value.(type) {
	case nil:
		return ""
	case json.Number:
		return v.String()
	}
	return fmt.Sprint(f.Value)
}

type orgUserShowCmd struct{ orgUserArg }

// Run shows a user's record, General Information first.
func (c *orgUserShowCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		u, err := oneOrgUser(ctx, s, c.Username)
		if err != nil {
			return err
		}
		fields, err := readUserFields(ctx, s, u.ID)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(fields)
		}
		rows := make([][]string, len(fields))
		for i, f := range fields {
			rows[i] = []string{f.Section, f.Label, f.text(), f.Name}
		}
		return a.printTable([]string{"section", "field", "value", "name"}, rows)
	})
}

// readUserFields reads a user's record as his page has it: those fields that have a value, and all Additional Information.
func readUserFields(ctx context.Context, s *crm.Session, id string) ([]userField, error) {
	described, err := s.Describe(ctx, "User")
	if err != nil {
		return nil, err
	}
	record, err := s.GetRecord(ctx, "User", id)
	if err != nil {
		return nil, err
	}
	var general, additional []userField
	for _, f := range described {
		one := userField{Section: "General Information", Name: f.Name, Label: f.Label, Value: record[f.Name]}
		switch {
		case strings.HasSuffix(f.Name, "__c"):
			one.Section = additionalInformation
			additional = append(additional, one)
		case one.Value != nil:
			general = append(general, one)
		}
	}
	return append(general, additional...), nil
}

type orgUserUpdateCmd struct {
	orgUserArg
	Fields []string `arg:"" help:"FIELD=VALUE, with API names as 'show' prints them or labels; FIELD= deletes the value."`
}

// Run changes fields of a user's record and shows what they hold then.
func (c *orgUserUpdateCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		u, err := oneOrgUser(ctx, s, c.Username)
		if err != nil {
			return err
		}
		changes, err := recordFields(ctx, s, "User", c.Fields)
		if err != nil {
			return err
		}
		if err := s.UpdateRecord(ctx, "User", u.ID, changes); err != nil {
			return err
		}
		if name, ok := changes["Username"].(string); ok && name != "" {
			c.warnIfOwn(a, u.Username, "name him with --org-user "+name+" or TWINSPAN_ORG_USER")
		}
		fields, err := readUserFields(ctx, s, u.ID)
		if err != nil {
			return err
		}
		fields = slices.DeleteFunc(fields, func(f userField) bool { _, changed := changes[f.Name]; return !changed })
		if a.json {
			return a.printJSON(fields)
		}
		for name := range changes { // one that shows only where it has a value
			if !slices.ContainsFunc(fields, func(f userField) bool { return f.Name == name }) {
				fields = append(fields, userField{Name: name, Label: name})
			}
		}
		rows := make([][]string, len(fields))
		for i, f := range fields {
			rows[i] = []string{f.Label, f.text(), f.Name}
		}
		return a.printTable([]string{"field", "value", "name"}, rows)
	})
}

// fieldValue is a value of the command line as JSON has it; "" is none. What does not fit is refused by the org.
func fieldValue(kind, value string) any {
	switch {
	case value == "":
		return nil
	case kind == "boolean" && (value == "true" || value == "false"):
		return value == "true"
	case kind == "int" || kind == "double" || kind == "currency" || kind == "percent":
		return json.Number(value)
	}
	return value
}
