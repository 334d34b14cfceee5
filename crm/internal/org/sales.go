package org

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/fault"
)

func beforePerson(c *change) error {
	c.values["Name"] = PersonName(c.text("FirstName"), c.text("LastName"))
	return nil
}

// beforeOpportunity: the stage says how likely it is to be won, unless the caller does, and what the forecast makes of it.
func beforeOpportunity(c *change) error {
	if !c.changes("StageName") {
		return nil
	}
	at := stage{forecast: "Pipeline"} // of a stage that the org does not know
	for _, s := range stages {
		if s.name == c.text("StageName") {
			at = s
		}
	}
	if _, given := c.values["Probability"]; !given {
		c.values["Probability"] = at.probability
	}
	c.values["IsClosed"], c.values["IsWon"] = at.closed, at.won
	c.values["ForecastCategory"], c.values["ForecastCategoryName"] = at.forecast, at.forecast
	return nil
}

// beforeCase numbers a new case, takes the contact's account where none is given, and notes when it is closed.
func beforeCase(c *change) error {
	if c.old == nil {
		n, err := c.tx.NextNumber(c.object, c.session.Org)
		if err != nil {
			return err
		}
		c.values["CaseNumber"] = fmt.Sprintf("%08d", firstCase+n-1)
		if c.values["AccountId"] == nil && c.values["ContactId"] != nil {
			contact, err := c.related(ObjectContact, c.values.ID("ContactId"))
			if err != nil {
				return err
			}
			c.values["AccountId"] = contact["AccountId"]
		}
	}
	if closed := c.text("Status") == "Closed"; closed != c.old.Flag("IsClosed") || c.old == nil {
		c.values["IsClosed"], c.values["ClosedDate"] = closed, nil
		if closed {
			c.values["ClosedDate"] = c.at
		}
	}
	return nil
}

// firstCase is the number of an org's first case.
const firstCase = 1000

// beforeTask notes when a task is completed, and finds the account that it belongs to.
func beforeTask(c *change) error {
	if done := c.text("Status") == "Completed"; done != (c.old["CompletedDateTime"] != nil) {
		c.values["CompletedDateTime"] = nil
		if done {
			c.values["CompletedDateTime"] = c.at
		}
	}
	if !c.changes("WhatId") && !c.changes("WhoId") {
		return nil
	}
	account, err := c.accountOf(ID(c.text("WhatId")))
	if err == nil && account == nil {
		account, err = c.accountOf(ID(c.text("WhoId")))
	}
	c.values["AccountId"] = account
	return err
}

// accountOf is the id of the account that a record is, or belongs to; nil where there is none.
func (c *change) accountOf(id ID) (any, error) {
	o := c.schema.ByID(id)
	switch {
	case id == "" || o == nil:
		return nil, nil
	case o.Name == ObjectAccount:
		return string(id), nil
	case o.byName[Fold("AccountId")] == nil:
		return nil, nil
	}
	v, err := c.related(o.Name, id)
	return v["AccountId"], err
}

// beforeCampaignMember: a member is a contact or a lead, with one of the campaign's statuses: the default one where the
// caller names another.
func beforeCampaignMember(c *change) error {
	if c.old == nil && (c.values["LeadId"] == nil) == (c.values["ContactId"] == nil) {
		return fault.New(fault.Invalid, CodeRequiredFieldMissing, "Must specify either a lead or contact ID, but not both.").In("LeadId,ContactId")
	}
	if c.old != nil && !c.changes("Status") {
		return nil
	}
	found, err := c.tx.Find(c.schema.must(ObjectCampaignMemberStatus), c.session.Org, Values{"CampaignId": c.text("CampaignId"), "IsDeleted": false}, maxStatuses)
	if err != nil {
		return err
	}
	var status, asked Values
	for _, s := range found {
		if Fold(s.Text("Label")) == Fold(c.text("Status")) {
			asked = s
		}
		if s.Flag("IsDefault") {
			status = s
		}
	}
	if asked != nil {
		status = asked
	}
	c.values["Status"], c.values["HasResponded"] = status["Label"], status.Flag("HasResponded")
	if status.Flag("HasResponded") && c.old["FirstRespondedDate"] == nil {
		c.values["FirstRespondedDate"] = c.at.Format("2006-01-02")
	}
	return nil
}

// maxStatuses is how many statuses of a campaign are looked at.
const maxStatuses = 200

// afterCampaign gives a new campaign the two statuses that its members may have.
func afterCampaign(c *change) error {
	if c.old != nil {
		return nil
	}
	statuses := c.schema.must(ObjectCampaignMemberStatus)
	for i, label := range []string{"Sent", "Responded"} {
		v := Values{
			"Id": string(NewID(PrefixCampaignMemberStatus)), "CampaignId": string(c.id), "Label": label, "SortOrder": int64(i + 1), "IsDefault": i == 0,
			"HasResponded": i == 1, "CreatedDate": c.at, "CreatedById": string(c.session.User), "LastModifiedDate": c.at, "SystemModstamp": c.at,
			"LastModifiedById": string(c.session.User),
		}
		if err := c.tx.Insert(statuses, c.session.Org, v); err != nil {
			return err
		}
	}
	return nil
}

// afterCampaignMemberStatus: a campaign has one default status.
func afterCampaignMemberStatus(c *change) error {
	if !c.changes("IsDefault") || !c.values.Flag("IsDefault") {
		return nil
	}
	others, err := c.tx.Find(c.object, c.session.Org, Values{"CampaignId": c.text("CampaignId"), "IsDefault": true}, maxStatuses)
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.ID("Id") == c.id {
			continue
		}
		if _, err := c.tx.Update(c.object, c.session.Org, Values{"Id": o.Text("Id")}, Values{"IsDefault": false, "SystemModstamp": c.at}); err != nil {
			return err
		}
	}
	return nil
}

// Ran notes that a report was run, which is no change of it.
func (r *Records) Ran(ctx context.Context, s Session, report ID) error {
	o := s.Schema().must(ObjectReport)
	at := r.Clock.Now(string(s.Org))
	return r.Store.Write(ctx, func(tx RecordTx) error {
		_, err := tx.Update(o, s.Org, Values{"Id": string(report)}, Values{"LastRunDate": at})
		return err
	})
}

// beforeReport sees that its maker could ask a report's query, and names a report to programs where he does not.
func beforeReport(c *change) error {
	if c.checkQuery != nil && c.changes("Query") {
		if err := c.checkQuery(c.session, c.text("Query")); err != nil {
			return err
		}
	}
	if c.old != nil && !c.changes("DeveloperName") {
		return nil
	}
	if c.old == nil {
		c.values["Format"] = "Tabular"
	}
	if c.values["DeveloperName"] == nil {
		name := APIName("Report " + c.text("Name"))
		if len(name) > maxAPIName-4 {
			name = name[:maxAPIName-4]
		}
		c.values["DeveloperName"] = name + "_" + string(c.id[11:14])
	}
	if !ValidAPIName(c.text("DeveloperName")) {
		return fault.New(fault.Invalid, CodeInvalidValue, "Report Unique Name: only letters, digits and single underscores, beginning with a letter: %s",
			clip(c.text("DeveloperName"))).In("DeveloperName")
	}
	return nil
}
