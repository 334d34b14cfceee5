package sqlstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/internal/fault"
)

// desk makes and reads records as the administrator.
type desk struct {
	*testing.T
	house *orgtest.House
	org   orgtest.Org
}

func (d desk) make(object string, in map[string]any) string {
	d.Helper()
	id, err := d.house.Records.Create(d.Context(), d.org.Admin, object, in)
	if err != nil {
		d.Fatalf("%s: %v", object, err)
	}
	return string(id)
}

func (d desk) refused(object string, in map[string]any, code fault.Code) {
	d.Helper()
	if _, err := d.house.Records.Create(d.Context(), d.org.Admin, object, in); fault.CodeOf(err) != code {
		d.Errorf("%s: %v, want %s", object, err, code)
	}
}

func (d desk) change(object, id string, in map[string]any) {
	d.Helper()
	if err := d.house.Records.Update(d.Context(), d.org.Admin, object, id, in); err != nil {
		d.Fatalf("%s: %v", object, err)
	}
}

func (d desk) delete(object, id string) {
	d.Helper()
	if err := d.house.Records.Delete(d.Context(), d.org.Admin, object, id); err != nil {
		d.Fatalf("%s: %v", object, err)
	}
}

// shows compares the record's fields, as text.
func (d desk) shows(object, id string, want map[string]any) {
	d.Helper()
	rec, err := d.house.Records.Read(d.Context(), d.org.Admin, object, id, nil)
	if err != nil {
		d.Fatalf("%s: %v", object, err)
	}
	for name, v := range want {
		if got := fmt.Sprint(rec.Values[name]); got != fmt.Sprint(v) {
			d.Errorf("%s.%s = %s, want %v", object, name, got, v)
		}
	}
}

func (d desk) gone(object, id string) {
	d.Helper()
	if _, err := d.house.Records.Read(d.Context(), d.org.Admin, object, id, nil); fault.CodeOf(err) != org.CodeEntityDeleted {
		d.Errorf("%s: %v", object, err)
	}
}

func desks(t *testing.T, test func(desk)) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) { test(desk{t, h, h.MakeOrg(t, "desk")}) })
}

func TestCampaigns(t *testing.T) {
	desks(t, func(d desk) {
		campaign := d.make("Campaign", map[string]any{"Name": "Spring"})
		lead := d.make("Lead", map[string]any{"LastName": "Lead", "FirstName": "Lea", "Company": "Co", "Email": "lea@x.example", "City": "Bonn"})
		contact := d.make("Contact", map[string]any{"LastName": "Con", "MailingCity": "Köln", "HasOptedOutOfEmail": true, "AccountId": d.make("Account", map[string]any{"Name": "Acme"})})
		one := d.make("CampaignMember", map[string]any{"CampaignId": campaign, "LeadId": lead})
		two := d.make("CampaignMember", map[string]any{"CampaignId": campaign, "ContactId": contact, "Status": "responded"})
		d.shows("CampaignMember", one, map[string]any{
			"Status": "Sent", "HasResponded": false, "LeadOrContactId": lead, "Type": "Lead", "Name": "Lea Lead", "CompanyOrAccount": "Co", "Email": "lea@x.example",
			"City": "Bonn", "LeadOrContactOwnerId": d.org.Admin.User,
		})
		d.shows("CampaignMember", two, map[string]any{
			"Status": "Responded", "HasResponded": true, "FirstRespondedDate": "2026-06-01", "LeadOrContactId": contact, "Type": "Contact", "CompanyOrAccount": "Acme",
			"City": "Köln", "HasOptedOutOfEmail": true,
		})
		d.shows("Campaign", campaign, map[string]any{"Status": "Planned", "NumberOfLeads": 1, "NumberOfContacts": 1, "NumberOfResponses": 1})
		d.refused("CampaignMember", map[string]any{"CampaignId": campaign, "LeadId": lead}, org.CodeDuplicateValue)
		d.refused("CampaignMember", map[string]any{"CampaignId": campaign}, org.CodeRequiredFieldMissing)
		d.refused("CampaignMember", map[string]any{"CampaignId": campaign, "LeadId": lead, "ContactId": contact}, org.CodeRequiredFieldMissing)
		d.refused("CampaignMember", map[string]any{"CampaignId": campaign, "LeadId": contact}, org.CodeInvalidValue)

		// A status that the campaign does not have is the default one, and there is one default.
		d.make("CampaignMemberStatus", map[string]any{"CampaignId": campaign, "Label": "Opened", "IsDefault": true})
		d.change("CampaignMember", one, map[string]any{"Status": "Nonsense"})
		d.shows("CampaignMember", one, map[string]any{"Status": "Opened", "HasResponded": false})

		// Who has left may come again; what is deleted takes its members along.
		d.delete("CampaignMember", one)
		again := d.make("CampaignMember", map[string]any{"CampaignId": campaign, "LeadId": lead})
		d.delete("Lead", lead)
		d.gone("CampaignMember", again)
		d.delete("Campaign", campaign)
		d.gone("CampaignMember", two)
	})
}

func TestOpportunitiesCasesAndTasks(t *testing.T) {
	desks(t, func(d desk) {
		account := d.make("Account", map[string]any{"Name": "Acme"})
		contact := d.make("Contact", map[string]any{"LastName": "Con", "AccountId": account, "Phone": "1"})
		campaign := d.make("Campaign", map[string]any{"Name": "Spring"})
		opp := d.make("Opportunity", map[string]any{
			"Name": "Deal", "StageName": "Negotiation/Review", "CloseDate": "2026-07-01", "Amount": 1000.5, "AccountId": account, "CampaignId": campaign,
		})
		d.shows("Opportunity", opp, map[string]any{"Probability": 90, "IsClosed": false, "ForecastCategory": "Pipeline", "ExpectedRevenue": 900.45})
		d.change("Opportunity", opp, map[string]any{"StageName": "Closed Won"})
		d.shows("Opportunity", opp, map[string]any{"Probability": 100, "IsClosed": true, "IsWon": true, "ForecastCategoryName": "Closed"})
		d.shows("Campaign", campaign, map[string]any{"NumberOfOpportunities": 1, "NumberOfWonOpportunities": 1, "AmountWonOpportunities": 1000.5})
		d.refused("Opportunity", map[string]any{"Name": "Deal"}, org.CodeRequiredFieldMissing)

		first := d.make("Case", map[string]any{"Subject": "Help", "ContactId": contact})
		second := d.make("Case", nil)
		d.shows("Case", first, map[string]any{"CaseNumber": "00001000", "AccountId": account, "Status": "New", "Priority": "Medium", "IsClosed": false, "ContactPhone": "1"})
		d.shows("Case", second, map[string]any{"CaseNumber": "00001001"})
		d.change("Case", first, map[string]any{"Status": "Closed"})
		d.shows("Case", first, map[string]any{"IsClosed": true, "ClosedDate": orgtest.Start})
		d.change("Case", first, map[string]any{"Status": "Working"})
		d.shows("Case", first, map[string]any{"IsClosed": false, "ClosedDate": nil})

		task := d.make("Task", map[string]any{"Subject": "Call", "WhoId": contact, "Priority": "High"})
		d.shows("Task", task, map[string]any{"Status": "Not Started", "IsClosed": false, "IsHighPriority": true, "AccountId": account, "OwnerId": d.org.Admin.User})
		d.change("Task", task, map[string]any{"Status": "Completed"})
		d.shows("Task", task, map[string]any{"IsClosed": true, "CompletedDateTime": orgtest.Start})
		d.refused("Task", map[string]any{"WhoId": account}, org.CodeInvalidValue)

		// An account takes contacts and opportunities along; cases and tasks lose what they pointed at.
		d.house.Clock.Set(string(d.org.ID), time.Hour)
		d.delete("Account", account)
		d.gone("Contact", contact)
		d.gone("Opportunity", opp)
		d.shows("Case", first, map[string]any{"ContactId": nil, "AccountId": nil})
		d.shows("Task", task, map[string]any{"WhoId": nil, "AccountId": nil})
	})
}

func TestReports(t *testing.T) {
	desks(t, func(d desk) {
		report := d.make("Report", map[string]any{"Name": "All people", "Query": "SELECT Id FROM Contact"})
		rec, err := d.house.Records.Read(t.Context(), d.org.Admin, "Report", report, nil)
		if err != nil || !org.ValidAPIName(rec.Values.Text("DeveloperName")) || rec.Values.Text("Format") != "Tabular" {
			t.Errorf("%v, %v", rec.Values, err)
		}
		d.make("Report", map[string]any{"Name": "Named", "DeveloperName": "Named", "Query": "SELECT Id FROM Contact"})
		d.refused("Report", map[string]any{"Name": "Named", "DeveloperName": "NAMED", "Query": "SELECT Id FROM Contact"}, org.CodeDuplicateValue)
		d.refused("Report", map[string]any{"Name": "Named", "DeveloperName": "not a name", "Query": "SELECT Id FROM Contact"}, org.CodeInvalidValue)
	})
}

// Names that differ in the case of letters alone are the same name, letters of every alphabet.
func TestNicknamesFold(t *testing.T) {
	desks(t, func(d desk) {
		d.change("User", string(d.org.Admin.User), map[string]any{"CommunityNickname": "Ωμέγα"})
		err := d.house.Records.Update(d.Context(), d.org.Admin, "User", string(d.org.Normal.User), map[string]any{"CommunityNickname": "ωμέγα"})
		if fault.CodeOf(err) != org.CodeDuplicateNickname {
			d.Errorf("%v", err)
		}
	})
}
