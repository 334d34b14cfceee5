package pages

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// listPage is how many rows a page of a long list holds.
const listPage = 50

func (s *Server) mountSubscribers(mux *web.Mux) {
	s.get(mux, subscribersPath, s.subscribers)
	s.get(mux, subscribersPath+"/one", s.subscriber)
	s.post(mux, subscribersPath+"/one", s.setSubscriber)
	s.get(mux, extensionsPath, s.extensions)
	s.get(mux, extensionsPath+"/one", s.extension)
}

// subscriberPath leads to somebody by his key, which may hold anything.
func subscriberPath(key string) string {
	return subscribersPath + "/one?" + url.Values{"key": {key}}.Encode()
}

func extensionPath(key string) string {
	return extensionsPath + "/one?" + url.Values{"key": {key}}.Encode()
}

// browse reads a page of rows for a table: the columns' properties, after a row.
func (s *Server) browse(v *visit, object string, properties []string, f *tenant.Filter, after string, scopes ...string) (tenant.Rows, error) {
	return s.o.Retrieves.Browse(v.r.Context(), v.Principal, tenant.Retrieval{Object: object, Properties: properties, Filter: f, After: after, Limit: listPage}, scopes...)
}

// shown is a value as a table shows it.
func shown(value tenant.Value) string {
	switch x := value.(type) {
	case string:
		return x
	case bool:
		return yes(x)
	case time.Time:
		return when(x)
	}
	return ""
}

func (s *Server) subscribers(v *visit) (answer, error) {
	search, after := strings.TrimSpace(v.query.Get("q")), v.query.Get("after")
	var f *tenant.Filter
	if search != "" {
		f = &tenant.Filter{
			Or:   true,
			Left: &tenant.Filter{Property: "EmailAddress", Operator: tenant.OpBegins, Values: []string{search}}, Right: &tenant.Filter{Property: "SubscriberKey", Operator: tenant.OpBegins, Values: []string{search}},
		}
	}
	rows, err := s.browse(v, "Subscriber", []string{"SubscriberKey", "EmailAddress", "Status", "CreatedDate"}, f, after, tenant.ScopeSubscribersRead, tenant.ScopeSubscribersWrite)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "All Subscribers", Columns: []string{"Subscriber Key", "Email Address", "Status", "Date Added"}, Empty: "nobody"}
	for _, r := range rows.Values {
		key := shown(r[0])
		table.Rows = append(table.Rows, []ui.Cell{{Text: key, Href: subscriberPath(key)}, {Text: shown(r[1])}, {Text: shown(r[2])}, {Text: shown(r[3])}})
	}
	blocks := []ui.Block{
		ui.Form{Get: true, Action: subscribersPath, Fields: []ui.Field{{Name: "q", Label: "Search", Value: search, Hint: "The beginning of an email address or subscriber key.", MaxLength: 254}}, Submits: []ui.Submit{{Label: "Search"}}},
		table,
	}
	first, next := "", ""
	if after != "" {
		first = subscribersPath + "?" + url.Values{"q": {search}}.Encode()
	}
	if rows.More {
		next = subscribersPath + "?" + url.Values{"q": {search}, "after": {rows.Last}}.Encode()
	}
	return answer{page: ui.Page{Title: "Subscribers", Blocks: append(blocks, turns("Subscribers", first, next)...)}}, nil
}

// subscriber shows somebody, with his standing and the attributes that are kept of him.
func (s *Server) subscriber(v *visit) (answer, error) { return s.subscriberPage(v, "", nil) }

func (s *Server) subscriberPage(v *visit, status string, refused error) (answer, error) {
	one, err := s.o.Subscribers.Get(v.r.Context(), v.Principal, v.query.Get("key"))
	if err != nil {
		return answer{}, err
	}
	if status == "" {
		status = string(one.Status)
	}
	choose := ui.Field{Type: ui.SelectField, Name: "status", Label: "Status", Value: status, Required: true}
	for _, to := range []tenant.SubscriberStatus{tenant.SubscriberActive, tenant.SubscriberBounced, tenant.SubscriberHeld, tenant.SubscriberUnsubscribed} {
		choose.Options = append(choose.Options, ui.Option{Value: string(to), Label: string(to)})
	}
	fields := []ui.Field{v.token, choose}
	a := answer{page: ui.Page{Title: one.Key, Crumbs: crumbs(subscribersPath + "/x")}}
	if refused != nil {
		refuse(&a.page, fields, map[string]string{"Status": "status", "status": "status"}, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	attributes := ui.Table{Caption: "Profile attributes", Columns: []string{"Name", "Value"}, Empty: "none"}
	for _, name := range slices.Sorted(maps.Keys(one.Attributes)) {
		attributes.Rows = append(attributes.Rows, ui.Row(name, one.Attributes[name]))
	}
	a.page.Blocks = []ui.Block{
		ui.Definitions{
			{Name: "Subscriber Key", Value: one.Key},
			{Name: "Email Address", Value: one.Address},
			{Name: "Status", Value: string(one.Status)},
			{Name: "Date Added", Value: when(one.Created)},
			{Name: "Modified", Value: when(one.Modified)},
			{Name: "Unsubscribed", Value: when(one.Unsubscribed)},
		},
		ui.Form{Legend: "Change the status", Fields: fields, Submits: []ui.Submit{{Label: "Save"}}},
		attributes,
	}
	return a, nil
}

func (s *Server) setSubscriber(v *visit) (answer, error) {
	key, status := v.query.Get("key"), v.form.Get("status")
	_, err := s.o.Subscribers.Update(v.r.Context(), v.Principal, tenant.SubscriberChange{Key: key, Status: tenant.SubscriberStatus(status)})
	if told(err) {
		if a, err2 := s.subscriberPage(v, status, err); err2 == nil {
			return a, nil
		}
	}
	if err != nil {
		return answer{}, err
	}
	return answer{to: subscriberPath(key) + "&done=saved"}, nil
}

// extensions lists the data extensions of the business unit.
func (s *Server) extensions(v *visit) (answer, error) {
	after := v.query.Get("after")
	rows, err := s.browse(v, "DataExtension", []string{"Name", "CustomerKey", "Description", "IsSendable", "ModifiedDate"}, nil, after, tenant.ScopeDataExtensionsRead)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Data Extensions", Columns: []string{"Name", "External Key", "Description", "Is Sendable", "Modified"}, Empty: "none in this business unit"}
	for _, r := range rows.Values {
		table.Rows = append(table.Rows, []ui.Cell{{Text: shown(r[0]), Href: extensionPath(shown(r[1]))}, {Text: shown(r[1])}, {Text: shown(r[2])}, {Text: shown(r[3])}, {Text: shown(r[4])}})
	}
	first, next := "", ""
	if after != "" {
		first = extensionsPath
	}
	if rows.More {
		next = extensionsPath + "?" + url.Values{"after": {rows.Last}}.Encode()
	}
	return answer{page: ui.Page{Title: "Data Extensions", Blocks: append([]ui.Block{table}, turns("Data Extensions", first, next)...)}}, nil
}

// maxCell is how much of a value a table of rows shows, in bytes.
const maxCell = 200

// extension shows the fields of a data extension and a page of its rows.
func (s *Server) extension(v *visit) (answer, error) {
	key, after := v.query.Get("key"), v.query.Get("after")
	page, err := s.o.Data.Rows(v.r.Context(), v.Principal, tenant.ExtensionRef{Key: key}, tenant.RowQuery{After: after, Limit: listPage})
	if err != nil {
		return answer{}, err
	}
	d := page.Extension
	fields := ui.Table{Caption: "Fields", Columns: []string{"Name", "Type", "Length", "Primary Key", "Required"}}
	rows := ui.Table{Caption: "Records", Empty: "none"}
	for _, f := range page.Fields {
		length := ""
		if f.MaxLength > 0 {
			length = count(f.MaxLength)
		}
		fields.Rows = append(fields.Rows, ui.Row(f.Name, string(f.Type), length, yes(f.PrimaryKey), yes(f.Required)))
		rows.Columns = append(rows.Columns, f.Name)
	}
	for _, r := range page.Rows {
		var cells []ui.Cell
		for _, f := range page.Fields {
			text := f.ShowValue(r.Values[f.Slot])
			if len(text) > maxCell {
				text = strings.ToValidUTF8(text[:maxCell], "") + "…"
			}
			cells = append(cells, ui.Cell{Text: text})
		}
		rows.Rows = append(rows.Rows, cells)
	}
	first, next := "", ""
	if after != "" {
		first = extensionPath(d.Key)
	}
	if page.More {
		next = extensionsPath + "/one?" + url.Values{"key": {d.Key}, "after": {page.Rows[len(page.Rows)-1].Key}}.Encode()
	}
	blocks := []ui.Block{
		ui.Definitions{{Name: "External Key", Value: d.Key}, {Name: "Description", Value: d.Description}, {Name: "Is Sendable", Value: yes(d.Sendable)}, {Name: "Record Count", Value: count(int(d.Rows))}, {Name: "Modified", Value: when(d.Modified)}},
		fields, rows,
	}
	return answer{page: ui.Page{Title: d.Name, Crumbs: crumbs(extensionsPath + "/x"), Blocks: append(blocks, turns("Records", first, next)...)}}, nil
}
