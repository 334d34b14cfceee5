package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// orgRecordCmd holds the commands about records, as the org's own pages make them.
type orgRecordCmd struct {
	Create orgRecordCreateCmd `cmd:"" help:"Make a record, such as a contact to send to, and print its id."`
}

type orgRecordCreateCmd struct {
	orgFlags
	Object string   `arg:"" help:"API name of the object: Contact, Lead, Campaign."`
	Fields []string `arg:"" help:"FIELD=VALUE, with API names or labels: FirstName=Ann LastName=Lee Email=ann@customer.example."`
}

// Run makes the record.
func (c *orgRecordCreateCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		record, err := recordFields(ctx, s, c.Object, c.Fields)
		if err != nil {
			return err
		}
		id, err := s.CreateRecord(ctx, c.Object, record)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]string{"id": id})
		}
		return a.print(oneLine(id) + "\n")
	})
}

// recordFields are values of a record by API name, as FIELD=VALUE with API names or labels gives them. An empty value is null.
func recordFields(ctx context.Context, s *crm.Session, object string, args []string) (map[string]any, error) {
	described, err := s.Describe(ctx, object)
	if err != nil {
		return nil, err
	}
	record := map[string]any{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, usagef("%q: want FIELD=VALUE", arg)
		}
		i := slices.IndexFunc(described, func(f crm.FieldInfo) bool { return strings.EqualFold(f.Name, name) || strings.EqualFold(f.Label, name) })
		if i < 0 {
			return nil, usagef("%s has no field %q", object, name)
		}
		record[described[i].Name] = fieldValue(described[i].Type, value)
	}
	return record, nil
}
