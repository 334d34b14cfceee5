package org

// Campaigns with their members, and reports: what the two clouds' joint sends take as audiences.

// Names and key prefixes of the objects.
const (
	ObjectCampaign             = "Campaign"
	ObjectCampaignMember       = "CampaignMember"
	ObjectCampaignMemberStatus = "CampaignMemberStatus"
	ObjectReport               = "Report"

	PrefixCampaign             = "701"
	PrefixCampaignMember       = "00v"
	PrefixCampaignMemberStatus = "01Y"
	PrefixReport               = "00O"
)

func campaignObject() *Object {
	count := func(name, label string) *Field { return typed(name, label, TypeInt, 0).computed() }
	sum := func(name, label string) *Field { return currency(name, label, 0).computed() }
	return dataObject(ObjectCampaign, "Campaign", "Campaigns", PrefixCampaign,
		text("Name", "Name", 80).required().title(), reference("ParentId", "Parent Campaign ID", "Parent", "ChildCampaigns", ObjectCampaign),
		picklist("Type", "Type", false, values("Conference", "Webinar", "Trade Show", "Public Relations", "Partners", "Referral Program", "Advertisement", "Banner Ads",
			"Direct Mail", "Email", "Telemarketing", "Other")...),
		picklist("Status", "Status", false, values("Planned", "In Progress", "Completed", "Aborted")...).chosen("Planned"),
		typed("StartDate", "Start Date", TypeDate, 0), typed("EndDate", "End Date", TypeDate, 0),
		currency("ExpectedRevenue", "Expected Revenue", 0), currency("BudgetedCost", "Budgeted Cost", 0), currency("ActualCost", "Actual Cost", 0),
		decimal("ExpectedResponse", "Expected Response (%)", TypePercent, 10, 2), decimal("NumberSent", "Num Sent", TypeDouble, 18, 0),
		boolean("IsActive", "Active"), description("Description"),
		count("NumberOfLeads", "Leads in Campaign"), count("NumberOfConvertedLeads", "Converted Leads in Campaign"), count("NumberOfContacts", "Contacts in Campaign"),
		count("NumberOfResponses", "Responses in Campaign"), count("NumberOfOpportunities", "Opportunities in Campaign"),
		count("NumberOfWonOpportunities", "Won Opportunities in Campaign"), sum("AmountAllOpportunities", "Value Opportunities in Campaign"),
		sum("AmountWonOpportunities", "Value Won Opportunities in Campaign"), ownerField("Campaigns"), lastActivity())
}

// campaignMemberObject: a member is a lead or a contact, whose own fields it shows.
func campaignMemberObject() *Object {
	person := func(name, label string, t FieldType, length int) *Field {
		return typed(name, label, t, length).computed()
	}
	o := dataObject(ObjectCampaignMember, "Campaign Member", "Campaign Members", PrefixCampaignMember,
		reference("CampaignId", "Campaign ID", "Campaign", "CampaignMembers", ObjectCampaign).required().createOnly().cascade(),
		reference("LeadId", "Lead ID", "Lead", "CampaignMembers", ObjectLead).createOnly().cascade(),
		reference("ContactId", "Contact ID", "Contact", "CampaignMembers", ObjectContact).createOnly().cascade(),
		picklist("Status", "Status", false, values("Sent", "Responded")...), boolean("HasResponded", "Responded").readOnly(),
		typed("FirstRespondedDate", "First Responded Date", TypeDate, 0).readOnly(),
		person("Salutation", "Salutation", TypePicklist, 40), person("Name", "Name", TypeString, 121).title(), person("FirstName", "First Name", TypeString, 40),
		person("LastName", "Last Name", TypeString, 80), person("Title", "Title", TypeString, 128), person("Street", "Street", TypeTextArea, 255),
		person("City", "City", TypeString, 40), person("State", "State/Province", TypeString, 80), person("PostalCode", "Zip/Postal Code", TypeString, 20),
		person("Country", "Country", TypeString, 80), person("Email", "Email", TypeEmail, 80), person("Phone", "Phone", TypePhone, 40),
		person("Fax", "Fax", TypePhone, 40), person("MobilePhone", "Mobile Phone", TypePhone, 40), person("Description", "Description", TypeTextArea, 32000),
		person("DoNotCall", "Do Not Call", TypeBoolean, 0), person("HasOptedOutOfEmail", "Email Opt Out", TypeBoolean, 0),
		person("HasOptedOutOfFax", "Fax Opt Out", TypeBoolean, 0), person("LeadSource", "Lead Source", TypePicklist, 40),
		person("CompanyOrAccount", "Company (Account)", TypeString, 255), person("Type", "Type", TypePicklist, 40),
		reference("LeadOrContactId", "Related Record ID", "LeadOrContact", "", ObjectLead, ObjectContact).computed(),
		reference("LeadOrContactOwnerId", "Related Record Owner ID", "LeadOrContactOwner", "", ObjectUser).computed())
	o.Master = "CampaignId"
	o.Unique = []UniqueKey{{Fields: []string{"CampaignId", "LeadId"}}, {Fields: []string{"CampaignId", "ContactId"}}}
	return o
}

// campaignMemberStatusObject: the statuses that a campaign's members may have.
func campaignMemberStatusObject() *Object {
	o := dataObject(ObjectCampaignMemberStatus, "Campaign Member Status", "Campaign Member Statuses", PrefixCampaignMemberStatus,
		reference("CampaignId", "Campaign ID", "Campaign", "CampaignMemberStatuses", ObjectCampaign).required().createOnly().cascade(),
		text("Label", "Label", 765).required().title(), typed("SortOrder", "Sort Order", TypeInt, 0), boolean("IsDefault", "Is Default"),
		boolean("HasResponded", "Responded"))
	o.Extensible, o.Master = false, "CampaignId"
	return o
}

// reportObject: a report is a saved query. The field Query is ours; the real service keeps what a report selects to its
// own Analytics API.
func reportObject() *Object {
	o := dataObject(ObjectReport, "Report", "Reports", PrefixReport,
		text("Name", "Report Name", 40).required().title(), text("DeveloperName", "Report Unique Name", 80).filled().folded(),
		text("FolderName", "Folder Name", 255).defaults("Public Reports"), typed("Description", "Description", TypeTextArea, 255),
		picklist("Format", "Format", true, values("Tabular", "Summary")...).filled().readOnly(), text("NamespacePrefix", "Namespace Prefix", 15).readOnly(),
		typed("Query", "Query", TypeTextArea, 20000).required(), typed("LastRunDate", "Last Run", TypeDateTime, 0).readOnly(), ownerField(""))
	o.Unique, o.Extensible = []UniqueKey{{Fields: []string{"DeveloperName"}}}, false
	edit := Need{{PermCreateReports}}
	o.View, o.Create, o.Update, o.Delete = Need{{PermRunReports}}, edit, edit, edit
	return o
}
