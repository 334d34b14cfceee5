package tenant

import (
	"context"
	"strings"
)

// rowsObject begins the object type under which Retrieve reads rows: DataExtensionObject[customer key].
const rowsObject = "DataExtensionObject"

// rowsOf is the customer key that an object type of rows names; false for other object types.
func rowsOf(object string) (string, bool) {
	key, ok := strings.CutPrefix(object, rowsObject+"[")
	if !ok || !strings.HasSuffix(key, "]") {
		return "", false
	}
	return strings.TrimSuffix(key, "]"), true
}

// rows reads one page of rows of the data extension with the key, in the only business unit that the retrieval names.
func (s *Retrieves) rows(ctx context.Context, p Principal, r Retrieval, key string) (Rows, error) {
	if len(r.Accounts) != 1 {
		return Rows{}, invalidRetrieve("Rows are retrieved from one business unit at a time.")
	}
	if err := mayRetrieve(p, ScopeDataExtensionsRead); err != nil {
		return Rows{}, err
	}
	d, err := s.Data.Store.Extension(ctx, p.Tenant, r.Accounts[0], ExtensionRef{Key: key})
	if err != nil {
		return Rows{}, err
	}
	page, err := s.Data.rows(ctx, d, RowQuery{Filter: r.Filter, Columns: r.Properties, After: r.After, Limit: r.Limit})
	if err != nil {
		return Rows{}, err
	}
	out := Rows{Properties: []string{"Type", "Properties"}, More: page.More}
	for _, row := range page.Rows {
		properties := Objects{Name: "Property", Plain: true}
		for _, f := range page.Fields {
			properties.Items = append(properties.Items, Object{Properties: []string{"Name", "Value"}, Values: []Value{f.Name, f.ShowValue(row.Values[f.Slot])}})
		}
		out.Values, out.Last = append(out.Values, []Value{rowsObject, properties}), row.Key
	}
	return out, nil
}
