package soql_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/org/packages"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
)

// suite is an org whose every record the cases know. Its domain time is Monday, 1 June 2026, 12:00 UTC; its users live
// in Berlin, two hours ahead, where weeks begin on Monday.
type suite struct {
	house  *orgtest.House
	runner *soql.Runner
	admin  org.Session
	names  map[string]string // ids by what cases call them: {acme}
	shown  *strings.Replacer // ids to names
}

// A queryCase is a query and its answer: rows as showRows writes them, or a refusal as refusalOf writes it.
type queryCase struct{ query, want string }

func newSuite(t *testing.T, h *orgtest.House) *suite {
	t.Helper()
	spec := orgtest.Spec("soql")
	spec.Contacts = nil
	if err := h.Control.CreateOrg(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	s := &suite{house: h, admin: h.SessionOf(t, spec.Users[0].Username), names: map[string]string{}}
	normal := h.SessionOf(t, spec.Users[1].Username)
	s.names["admin"], s.names["user"] = string(s.admin.User), string(normal.User)
	for _, u := range []org.ID{s.admin.User, normal.User} {
		if err := h.Records.Update(t.Context(), s.admin, "User", string(u), map[string]any{"TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "de_DE"}); err != nil {
			t.Fatal(err)
		}
	}
	s.runner = &soql.Runner{Source: h.Store, Locators: h.Store, Schema: func(org.Session) *org.Schema { return wideSchema() }, Clock: h.Clock}

	at := func(text string) {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		h.Clock.Set(string(s.admin.Org), when.Sub(orgtest.Start))
	}
	add := func(name, object string, values map[string]any) {
		id, err := h.Records.Create(t.Context(), s.admin, object, values)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.names[name] = string(id)
	}
	acme := func() string { return s.names["acme"] }
	soehne := func() string { return s.names["soehne"] }

	at("2024-02-29T10:00:00Z")
	add("acme", "Account", map[string]any{"Name": "Acme", "Phone": "+49 30 1", "Website": "https://acme.example"})
	add("soehne", "Account", map[string]any{"Name": "Bär & Söhne", "OwnerId": s.names["user"]})
	at("2024-03-31T10:00:00Z")
	add("omega", "Account", map[string]any{"Name": "ΩΜΈΓΑΣ"})
	add("bust", "Account", map[string]any{"Name": "Bust"})

	at("2025-06-15T08:00:00Z")
	add("oel", "Contact", map[string]any{"LastName": "Ölkanne", "Title": "über"})
	at("2025-12-31T23:30:00Z") // the new year in Berlin
	add("apfel", "Contact", map[string]any{"LastName": "Äpfel", "Title": "ÜBER", "AccountId": soehne(), "Department": "south", "Description": "Fax"})
	at("2026-03-15T12:00:00Z")
	add("delta", "Contact", map[string]any{"LastName": "Delta", "Department": "South", "OwnerId": s.names["user"]})
	at("2026-05-20T12:00:00Z")
	add("gamma", "Contact", map[string]any{"LastName": "gamma", "Title": "Clerk", "Email": "G@X.example", "AccountId": soehne(), "Department": "south", "Description": "Mail"})
	at("2026-05-31T12:00:00Z") // Sunday
	add("beta", "Contact", map[string]any{
		"LastName": "Beta", "Title": "boss", "Birthdate": "1980-06-15", "HasOptedOutOfEmail": true, "AccountId": acme(), "Department": "north", "Description": "Web;Mail",
	})
	add("gone", "Contact", map[string]any{"LastName": "Gone", "Title": "boss", "AccountId": acme(), "Department": "north"})
	at("2026-06-01T12:00:00Z")
	add("alpha", "Contact", map[string]any{
		"FirstName": "Ann", "LastName": "alpha", "Title": "Boss", "Email": "a@x.example", "Birthdate": "1970-01-01", "AccountId": acme(), "Department": "north",
		"Description": "Mail;Web;Fax",
	})
	add("lead", "Lead", map[string]any{"LastName": "Lampe", "Company": "Licht", "Email": "l@x.example"})
	add("spring", "Campaign", map[string]any{"Name": "Spring", "BudgetedCost": 100.0})
	add("autumn", "Campaign", map[string]any{"Name": "Autumn"})
	add("m1", "CampaignMember", map[string]any{"CampaignId": s.names["spring"], "LeadId": s.names["lead"]})
	add("m2", "CampaignMember", map[string]any{"CampaignId": s.names["spring"], "ContactId": s.names["alpha"], "Status": "Responded"})
	add("m3", "CampaignMember", map[string]any{"CampaignId": s.names["autumn"], "ContactId": s.names["alpha"]})
	add("deal", "Opportunity", map[string]any{"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-06-30", "Amount": 1000.5, "AccountId": acme(), "CampaignId": s.names["spring"]})
	add("hope", "Opportunity", map[string]any{"Name": "Hope", "StageName": "Prospecting", "CloseDate": "2026-07-31", "Amount": 200.25, "AccountId": acme()})
	add("call", "Task", map[string]any{"Subject": "Call", "WhoId": s.names["alpha"], "WhatId": s.names["deal"], "Priority": "High"})
	add("mail", "Task", map[string]any{"Subject": "Mail", "WhoId": s.names["lead"], "WhatId": s.names["spring"]})
	add("help", "Case", map[string]any{"Subject": "Help", "ContactId": s.names["alpha"]})
	for object, name := range map[string]string{"Contact": "gone", "Account": "bust"} {
		if err := h.Records.Delete(t.Context(), s.admin, object, s.names[name]); err != nil {
			t.Fatal(err)
		}
	}
	var pairs []string
	for name, id := range s.names {
		pairs = append(pairs, id, "{"+name+"}")
	}
	s.shown = strings.NewReplacer(pairs...)
	return s
}

// wideSchema is the standard one, and what custom fields may bring: a multi-select picklist, a number with a fraction, a
// relationship to several objects. They read columns of standard fields, which the suite fills.
func wideSchema() *org.Schema {
	custom := func(name string, kind org.FieldType, column string) *org.Field {
		return &org.Field{Name: name, Label: name, Type: kind, Length: 255, Nillable: true, Filterable: true, Sortable: true, Groupable: true, Custom: true, Column: column}
	}
	what := custom("WhatId__c", org.TypeReference, "account_id")
	what.ReferenceTo, what.Relationship = []string{"User", "Account"}, "What__r"
	who := custom("WhoId__c", org.TypeReference, "owner_id")
	who.ReferenceTo, who.Relationship = []string{"User", "Account"}, "Who__r"
	more := map[string][]*org.Field{
		"Contact":     {custom("Interests__c", "multipicklist", "description"), what, who},
		"UserLicense": {custom("Price__c", "currency", "total_licenses")},
	}
	var objects []*org.Object
	for _, o := range org.SchemaWith(packages.Current, false).Objects {
		wide := *o
		wide.Fields = append(slices.Clone(o.Fields), more[o.Name]...)
		objects = append(objects, &wide)
	}
	return org.NewSchema(objects...)
}

// expand writes ids for the names in braces.
func (s *suite) expand(query string) string {
	for name, id := range s.names {
		query = strings.ReplaceAll(query, "{"+name+"}", id)
	}
	return query
}

// answer is what the case's want is compared with. A query whose name begins with "all:" asks for deleted records too.
func (s *suite) answer(t *testing.T, query string) string {
	t.Helper()
	text, deleted := strings.CutPrefix(query, "all:")
	text = s.expand(text)
	res, err := s.runner.Run(t.Context(), s.admin, text, deleted, 0)
	if err != nil {
		return s.shown.Replace(refusalOf(t, text, err))
	}
	if res.Plan.Count {
		return fmt.Sprintf("count %d", res.Total)
	}
	if res.Total != len(res.Rows) || res.Next != "" {
		t.Errorf("%s: %d rows of %d, next %q", text, len(res.Rows), res.Total, res.Next)
	}
	return s.shown.Replace(showRows(res.Plan, res.Rows))
}

// showRows writes rows divided by "; ", their values by " ", null as -, a parent as (…), children as […]. Aggregates are
// written with their names.
func showRows(p *soql.Plan, rows []soql.Row) string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = showRecord(p.Record(row))
	}
	return strings.Join(out, "; ")
}

func showRecord(r *soql.Record) string {
	var parts []string
	for _, m := range r.Members {
		text := fmt.Sprint(m.Value)
		switch v := m.Value.(type) {
		case nil:
			text = "-"
		case time.Time:
			text = v.Format("2006-01-02T15:04Z07:00")
		case *soql.Record:
			if text = "(" + showRecord(v) + ")"; v.Type == soql.TypeName {
				text = v.Object.Name + text
			}
		case soql.ChildRecords:
			text = "[" + showRows(v.Plan, v.Rows) + "]"
		}
		if r.Type == soql.TypeAggregate {
			text = m.Name + "=" + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

// refusalOf writes "code row:column message" and checks the picture: the caret stands under what row and column name.
func refusalOf(t *testing.T, query string, err error) string {
	t.Helper()
	f := fault.Of(err)
	if f.Kind != fault.Invalid {
		t.Fatalf("%s: %v", query, err)
	}
	head, message, placed := strings.Cut(f.Message, "\nERROR at Row:")
	if !placed {
		return string(f.Code) + " " + f.Message
	}
	var row, column int
	if _, err := fmt.Sscanf(message, "%d:Column:%d", &row, &column); err != nil {
		t.Fatalf("%s: %q: %v", query, f.Message, err)
	}
	_, message, _ = strings.Cut(message, "\n")
	lines := strings.Split(head, "\n")
	if len(lines) != 3 || lines[0] != "" || !strings.HasSuffix(lines[2], "^") {
		t.Fatalf("%s: no picture: %q", query, f.Message)
	}
	line, caret := append([]rune(strings.Split(query, "\n")[row-1]), '\n'), len([]rune(lines[2]))-1
	shown := append([]rune(lines[1]), '\n')
	if shown[caret] != line[column-1] {
		t.Errorf("%s: the caret is under %q, column %d is %q", query, shown[caret], column, line[column-1])
	}
	return fmt.Sprintf("%s %d:%d %s", f.Code, row, column, message)
}

func TestSuite(t *testing.T) {
	t.Parallel()
	all := slices.Concat(selectCases, whereCases, dateCases, orderCases, relationCases, childCases, semiJoinCases, aggregateCases, fieldsCases, refusalCases, salesCases)
	if len(all) < 200 {
		t.Errorf("%d cases, want 200", len(all))
	}
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		s := newSuite(t, h)
		for _, c := range all {
			if got := s.answer(t, c.query); got != c.want {
				t.Errorf("%s\n\tgot  %s\n\twant %s", c.query, got, c.want)
			}
		}
	})
}
