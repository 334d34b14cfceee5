package mailing

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

const (
	// pageRows is how much of an audience is read at once, where nothing else is said. One REST query costs one call for it, and calls of the package's
	// app do not count; the Bulk API, which does, is not used (connect-facts 6).
	pageRows = 2000
	// peopleAtOnce is how many ids one query names.
	peopleAtOnce = 200
)

// page is a part of an audience.
type page struct {
	recipients []Recipient
	next       string // the cursor of the page after this one
	last       bool
}

// reader reads an audience as somebody.
type reader struct {
	audience Audience
	// owner, where not "", is the user whose records alone are reached.
	owner  string
	rows   int // of a page
	org    func(context.Context, func(*crm.Session) error) error
	tenant func(context.Context, func(*engagement.Session) error) error
}

// read reads the page that a cursor stands before; "" is the first.
func (r reader) read(ctx context.Context, cursor string) (page, error) {
	switch r.audience.Kind {
	case Campaign:
		return r.members(ctx, cursor)
	case Report:
		return r.report(ctx)
	case DataExtension:
		return r.extension(ctx, cursor)
	}
	found, err := r.people(ctx, r.audience.IDs, nil)
	return page{recipients: found, last: true}, err
}

// members reads a page of a campaign. Who is not the owner's is left out, as scoping does: silently (connect-facts 1.8).
func (r reader) members(ctx context.Context, cursor string) (page, error) {
	query := "SELECT Id, LeadOrContactId, Email, FirstName, LastName, Name, HasOptedOutOfEmail FROM CampaignMember WHERE CampaignId = '" + r.audience.IDs[0] + "'"
	if cursor != "" {
		query += " AND Id > '" + cursor + "'"
	}
	if r.owner != "" {
		query += " AND LeadOrContactOwnerId = '" + r.owner + "'"
	}
	query += fmt.Sprintf(" ORDER BY Id LIMIT %d", r.rows)
	var records []crm.Record
	err := r.org(ctx, func(org *crm.Session) (err error) {
		if cursor == "" { // a campaign that is not there has no members either, and must not look like an empty one
			if _, err := org.GetRecord(ctx, "Campaign", r.audience.IDs[0], "Id"); err != nil {
				return err
			}
		}
		records, err = org.Query(ctx, query)
		return err
	})
	p := page{last: len(records) < r.rows}
	for _, m := range records {
		id, ok := RecordID(m.String("LeadOrContactId"))
		if !ok {
			continue // somebody whose record is gone
		}
		p.recipients = append(p.recipients, personOf(m, id, m.String("Email")))
	}
	if len(records) > 0 {
		next, ok := RecordID(records[len(records)-1].String("Id"))
		if !ok || cursor != "" && next <= cursor {
			return page{}, fault.New(fault.Unavailable, "cloud_protocol", "The org did not answer with the campaign's next members.")
		}
		p.next = next
	}
	return p, err
}

func personOf(m crm.Record, id, address string) Recipient {
	return Recipient{RecordID: id, Address: address, FirstName: m.String("FirstName"), LastName: m.String("LastName"), Name: m.String("Name")}.mailable(m.Bool("HasOptedOutOfEmail"))
}

// report runs the report. Its first column that holds ids of contacts or leads says who is meant.
func (r reader) report(ctx context.Context) (page, error) {
	var run crm.Report
	err := r.org(ctx, func(org *crm.Session) (err error) {
		run, err = org.RunReport(ctx, r.audience.IDs[0])
		return err
	})
	if err != nil {
		return page{}, err
	}
	if !run.All { // the first 2,000 alone would be a part that nobody chose
		return page{}, fault.New(fault.Conflict, CodeReportTooLarge, "The report %s has more rows than the org's API shows of a report, 2,000. Narrow it, or send to a campaign.", run.Name)
	}
	ids, err := peopleColumn(run)
	if err != nil {
		return page{}, err
	}
	found, err := r.people(ctx, ids, nil)
	return page{recipients: found, last: true}, err
}

func peopleColumn(run crm.Report) ([]string, error) {
	for n := range run.Columns {
		var ids []string
		people := true
		for _, row := range run.Rows {
			id, ok := RecordID(row[n])
			switch {
			case row[n] == "":
			case ok && isPerson(id):
				ids = append(ids, id)
			default:
				people = false
			}
		}
		if people && len(ids) > 0 {
			return ids, nil
		}
	}
	if len(run.Rows) == 0 {
		return nil, nil
	}
	return nil, fault.New(fault.Conflict, CodeNoPeople, "The report %s has no column of contact or lead ids.", run.Name)
}

func isPerson(id string) bool { return id[:3] == prefixes[Contact] || id[:3] == prefixes[Lead] }

// keyColumns are the columns of a data extension that hold the person's record, in the order in which they are looked for
// (connect-facts 8.4).
var keyColumns = []string{"contact id", "lead id", "contactid", "leadid", "contact_id", "lead_id", "subscriberkey", "subscriber key", "_subscriberkey", "id"}

// extension reads a page of a data extension. Its rows say whom and to which address; the org, whether he may be mailed.
func (r reader) extension(ctx context.Context, cursor string) (page, error) {
	number := 1
	if cursor != "" {
		var err error
		if number, err = strconv.Atoi(cursor); err != nil {
			return page{}, err
		}
	}
	key := r.audience.IDs[0]
	var fields []engagement.ExtensionField
	var rows []map[string]string
	more := false
	err := r.tenant(ctx, func(tenant *engagement.Session) (err error) {
		if fields, err = tenant.ExtensionFields(ctx, key); err != nil {
			return err
		}
		rows, more, err = tenant.ExtensionRows(ctx, key, number, r.rows)
		return err
	})
	if err != nil {
		return page{}, err
	}
	person, email := -1, ""
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		if strings.EqualFold(f.Type, "EmailAddress") && email == "" {
			email = name
		}
		if at := slices.Index(keyColumns, name); at >= 0 && (person < 0 || at < person) {
			person = at
		}
	}
	switch {
	case person < 0:
		return page{}, fault.New(fault.Conflict, CodeNoPeople, "The data extension %s has no column Contact ID, Lead ID or SubscriberKey.", key)
	case email == "":
		return page{}, fault.New(fault.Conflict, CodeNoEmailColumn, "The data extension %s has no column of the type EmailAddress: tracking would never return.", key)
	}
	p := page{next: strconv.Itoa(number + 1), last: !more}
	addresses := map[string]string{}
	var ids []string
	for _, row := range rows {
		raw := row[keyColumns[person]]
		id, ok := RecordID(raw)
		if !ok || !isPerson(id) {
			p.recipients = append(p.recipients, Recipient{RecordID: clip(raw, 254), Address: row[email]}.refused(CodeNotAPerson, "The row holds no id of a contact or lead."))
			continue
		}
		if _, twice := addresses[id]; !twice {
			ids = append(ids, id)
			addresses[id] = row[email]
		}
	}
	found, err := r.people(ctx, ids, addresses)
	p.recipients = append(p.recipients, found...)
	return p, err
}

func clip(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// again reads recipients of an earlier page anew, by record id: who must not be mailed any more is refused. Addresses that
// a data extension gave stay.
func (r reader) again(ctx context.Context, recipients []Recipient) (map[string]Recipient, error) {
	var addresses map[string]string
	if r.audience.Kind == DataExtension {
		addresses = make(map[string]string, len(recipients))
	}
	ids := make([]string, len(recipients))
	for i, one := range recipients {
		ids[i] = one.RecordID
		if addresses != nil {
			addresses[one.RecordID] = one.Address
		}
	}
	found, err := r.people(ctx, ids, addresses)
	now := make(map[string]Recipient, len(found))
	for _, one := range found {
		now[one.RecordID] = one
	}
	return now, err
}

// people reads contacts and leads by id and gives a recipient for each, in the order of ids. addresses, where not nil,
// stand in the place of the records' own.
func (r reader) people(ctx context.Context, ids []string, addresses map[string]string) ([]Recipient, error) {
	known := map[string]crm.Record{}
	for part := range slices.Chunk(ids, peopleAtOnce) {
		for _, object := range []struct{ name, prefix string }{{"Contact", prefixes[Contact]}, {"Lead", prefixes[Lead]}} {
			var names []string
			for _, id := range part {
				if id[:3] == object.prefix {
					names = append(names, "'"+id+"'")
				}
			}
			if len(names) == 0 {
				continue
			}
			query := "SELECT Id, FirstName, LastName, Name, Email, HasOptedOutOfEmail FROM " + object.name + " WHERE Id IN (" + strings.Join(names, ",") + ")"
			if r.owner != "" {
				query += " AND OwnerId = '" + r.owner + "'"
			}
			err := r.org(ctx, func(org *crm.Session) error {
				records, err := org.Query(ctx, query)
				for _, record := range records {
					if id, ok := RecordID(record.String("Id")); ok {
						known[id] = record
					}
				}
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	out := make([]Recipient, 0, len(ids))
	for _, id := range ids {
		record, there := known[id]
		switch {
		case there && addresses != nil:
			out = append(out, personOf(record, id, addresses[id]))
		case there:
			out = append(out, personOf(record, id, record.String("Email")))
		case r.owner != "":
			out = append(out, Recipient{RecordID: id}.refused(CodeNotVisible, "The org has no such record that this user owns."))
		default:
			out = append(out, Recipient{RecordID: id}.refused(CodeNotVisible, "The org has no such record that the system user may see."))
		}
	}
	return out, nil
}
