package org

// The records of sales and service, with the names, types and lengths of the Object Reference (crm-wire 5.3 for prefixes).
// Their picklists hold what a new org of the vendor's has.

// Names and key prefixes of the objects.
const (
	ObjectLead        = "Lead"
	ObjectOpportunity = "Opportunity"
	ObjectCase        = "Case"
	ObjectTask        = "Task"

	PrefixLead        = "00Q"
	PrefixOpportunity = "006"
	PrefixCase        = "500"
	PrefixTask        = "00T"
)

// address is a postal address: its five fields, each name and label behind the given words.
func address(name, label string) []*Field {
	if label != "" {
		label += " "
	}
	return []*Field{
		typed(name+"Street", label+"Street", TypeTextArea, 255), text(name+"City", label+"City", 40), text(name+"State", label+"State/Province", 80),
		text(name+"PostalCode", label+"Zip/Postal Code", 20), text(name+"Country", label+"Country", 80),
	}
}

func deletedField() *Field { return boolean("IsDeleted", "Deleted").readOnly() }

func ownerField(child string) *Field {
	return reference("OwnerId", "Owner ID", "Owner", child, ObjectUser).filled()
}

func description(label string) *Field { return typed("Description", label, TypeTextArea, 32000) }

func lastActivity() *Field { return typed("LastActivityDate", "Last Activity", TypeDate, 0).readOnly() }

func salutation() *Field {
	return picklist("Salutation", "Salutation", false, values("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx.")...)
}

func leadSource(name, label string) *Field {
	return picklist(name, label, false, values("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")...)
}

func rating() *Field { return picklist("Rating", "Rating", false, values("Hot", "Warm", "Cold")...) }

func industry() *Field {
	return picklist("Industry", "Industry", false, values("Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction",
		"Consulting", "Education", "Electronics", "Energy", "Engineering", "Entertainment", "Environmental", "Finance", "Food & Beverage", "Government",
		"Healthcare", "Hospitality", "Insurance", "Machinery", "Manufacturing", "Media", "Not For Profit", "Recreation", "Retail", "Shipping", "Technology",
		"Telecommunications", "Transportation", "Utilities", "Other")...)
}

// employees has eight digits, as the Object Reference says.
func employees() *Field {
	f := typed("NumberOfEmployees", "Employees", TypeInt, 0)
	f.Digits = 8
	return f
}

// bounced are what a mail that came back leaves on a person.
func bounced() []*Field {
	return []*Field{
		text("EmailBouncedReason", "Email Bounced Reason", 255), typed("EmailBouncedDate", "Email Bounced Date", TypeDateTime, 0),
	}
}

// dataObject is one whose records people keep: they can be made, changed and put into the recycle bin.
func dataObject(name, label, plural, prefix string, groups ...any) *Object {
	return &Object{
		Name: name, Label: label, Plural: plural, KeyPrefix: prefix, Createable: true, Updateable: true, Deletable: true, SoftDelete: true, Extensible: true,
		Fields: fields(append(append([]any{idField(), deletedField()}, groups...), auditFields())...),
	}
}

func accountObject() *Object {
	return dataObject(ObjectAccount, "Account", "Accounts", PrefixAccount,
		text("Name", "Account Name", 255).required().title(),
		picklist("Type", "Account Type", false, values("Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller", "Installation Partner",
			"Technology Partner", "Other")...),
		reference("ParentId", "Parent Account ID", "Parent", "ChildAccounts", ObjectAccount),
		address("Billing", "Billing"), address("Shipping", "Shipping"),
		typed("Phone", "Account Phone", TypePhone, 40), typed("Fax", "Account Fax", TypePhone, 40),
		text("AccountNumber", "Account Number", 40), typed("Website", "Website", TypeURL, 255), text("Sic", "SIC Code", 20),
		industry(), currency("AnnualRevenue", "Annual Revenue", 0), employees(),
		picklist("Ownership", "Ownership", false, values("Public", "Private", "Subsidiary", "Other")...),
		text("TickerSymbol", "Ticker Symbol", 20), description("Account Description"), rating(), text("Site", "Account Site", 80),
		leadSource("AccountSource", "Account Source"), ownerField("Accounts"), lastActivity())
}

func contactObject() *Object {
	return dataObject(ObjectContact, "Contact", "Contacts", PrefixContact,
		reference("AccountId", "Account ID", "Account", "Contacts", ObjectAccount).cascade(),
		text("LastName", "Last Name", 80).required(), text("FirstName", "First Name", 40), salutation(),
		text("Name", "Full Name", 121).filled().readOnly().title(),
		address("Other", "Other"), address("Mailing", "Mailing"),
		typed("Phone", "Business Phone", TypePhone, 40), typed("Fax", "Business Fax", TypePhone, 40), typed("MobilePhone", "Mobile Phone", TypePhone, 40),
		typed("HomePhone", "Home Phone", TypePhone, 40), typed("OtherPhone", "Other Phone", TypePhone, 40), typed("AssistantPhone", "Asst. Phone", TypePhone, 40),
		reference("ReportsToId", "Reports To ID", "ReportsTo", "", ObjectContact),
		typed("Email", "Email", TypeEmail, 80).lookup(), text("Title", "Title", 128), text("Department", "Department", 80),
		text("AssistantName", "Assistant's Name", 40), leadSource("LeadSource", "Lead Source"), typed("Birthdate", "Birthdate", TypeDate, 0),
		description("Contact Description"), ownerField("Contacts"),
		boolean("HasOptedOutOfEmail", "Email Opt Out"), boolean("HasOptedOutOfFax", "Fax Opt Out"), boolean("DoNotCall", "Do Not Call"),
		lastActivity(), bounced(), boolean("IsEmailBounced", "Is Email Bounced").computed())
}

func leadObject() *Object {
	return dataObject(ObjectLead, "Lead", "Leads", PrefixLead,
		text("LastName", "Last Name", 80).required(), text("FirstName", "First Name", 40), salutation(),
		text("Name", "Full Name", 121).filled().readOnly().title(),
		text("Title", "Title", 128), text("Company", "Company", 255).required(), address("", ""),
		typed("Phone", "Phone", TypePhone, 40), typed("MobilePhone", "Mobile Phone", TypePhone, 40), typed("Fax", "Fax", TypePhone, 40),
		typed("Email", "Email", TypeEmail, 80).lookup(), typed("Website", "Website", TypeURL, 255), description("Description"),
		leadSource("LeadSource", "Lead Source"),
		picklist("Status", "Status", false, values("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")...).
			required().chosen("Open - Not Contacted"),
		industry(), rating(), currency("AnnualRevenue", "Annual Revenue", 0), employees(), ownerField(""),
		boolean("HasOptedOutOfEmail", "Email Opt Out"), boolean("HasOptedOutOfFax", "Fax Opt Out"), boolean("DoNotCall", "Do Not Call"),
		boolean("IsConverted", "Converted").readOnly(), typed("ConvertedDate", "Converted Date", TypeDate, 0).readOnly(),
		reference("ConvertedAccountId", "Converted Account ID", "ConvertedAccount", "", ObjectAccount).readOnly(),
		reference("ConvertedContactId", "Converted Contact ID", "ConvertedContact", "", ObjectContact).readOnly(),
		reference("ConvertedOpportunityId", "Converted Opportunity ID", "ConvertedOpportunity", "", ObjectOpportunity).readOnly(),
		boolean("IsUnreadByOwner", "Unread By Owner").defaults(true), lastActivity(), bounced())
}

// stage is a value of Opportunity.StageName with what follows from it.
type stage struct {
	name        string
	probability float64
	forecast    string // category, and its name
	closed, won bool
}

// stages are those of a new org.
var stages = []stage{
	{"Prospecting", 10, "Pipeline", false, false},
	{"Qualification", 10, "Pipeline", false, false},
	{"Needs Analysis", 20, "Pipeline", false, false},
	{"Value Proposition", 50, "Pipeline", false, false},
	{"Id. Decision Makers", 60, "Pipeline", false, false},
	{"Perception Analysis", 70, "Pipeline", false, false},
	{"Proposal/Price Quote", 75, "Pipeline", false, false},
	{"Negotiation/Review", 90, "Pipeline", false, false},
	{"Closed Won", 100, "Closed", true, true},
	{"Closed Lost", 0, "Omitted", true, false},
}

func stageNames() []PicklistValue {
	names := make([]string, len(stages))
	for i, s := range stages {
		names[i] = s.name
	}
	return values(names...)
}

func opportunityObject() *Object {
	return dataObject(ObjectOpportunity, "Opportunity", "Opportunities", PrefixOpportunity,
		reference("AccountId", "Account ID", "Account", "Opportunities", ObjectAccount).cascade(), boolean("IsPrivate", "Private"),
		text("Name", "Name", 120).required().title(), description("Description"),
		picklist("StageName", "Stage", false, stageNames()...).required(), currency("Amount", "Amount", 2),
		decimal("Probability", "Probability (%)", TypePercent, 3, 0), decimal("ExpectedRevenue", "Expected Amount", TypeCurrency, 18, 2).computed(),
		decimal("TotalOpportunityQuantity", "Quantity", TypeDouble, 18, 2), typed("CloseDate", "Close Date", TypeDate, 0).required(),
		picklist("Type", "Opportunity Type", false, values("Existing Customer - Upgrade", "Existing Customer - Replacement", "Existing Customer - Downgrade", "New Customer")...),
		text("NextStep", "Next Step", 255), leadSource("LeadSource", "Lead Source"),
		boolean("IsClosed", "Closed").readOnly(), boolean("IsWon", "Won").readOnly(),
		picklist("ForecastCategory", "Forecast Category", true, values("Omitted", "Pipeline", "BestCase", "Forecast", "Closed")...).filled().readOnly(),
		picklist("ForecastCategoryName", "Forecast Category", true, values("Omitted", "Pipeline", "Best Case", "Commit", "Closed")...).filled().readOnly(),
		reference("CampaignId", "Campaign ID", "Campaign", "Opportunities", ObjectCampaign),
		reference("ContactId", "Contact ID", "Contact", "Opportunities", ObjectContact).createOnly(), ownerField("Opportunities"), lastActivity())
}

func caseObject() *Object {
	return dataObject(ObjectCase, "Case", "Cases", PrefixCase,
		text("CaseNumber", "Case Number", 30).filled().readOnly().name(),
		reference("ContactId", "Contact ID", "Contact", "Cases", ObjectContact), reference("AccountId", "Account ID", "Account", "Cases", ObjectAccount),
		reference("ParentId", "Parent Case ID", "Parent", "Cases", ObjectCase),
		text("SuppliedName", "Name", 80), typed("SuppliedEmail", "Email Address", TypeEmail, 80), text("SuppliedPhone", "Phone", 40), text("SuppliedCompany", "Company", 80),
		picklist("Type", "Case Type", false, values("Mechanical", "Electrical", "Electronic", "Structural", "Other")...),
		picklist("Status", "Status", false, values("New", "Working", "Escalated", "Closed")...).chosen("New"),
		picklist("Reason", "Case Reason", false, values("Installation", "Equipment Complexity", "Performance", "Breakdown", "Equipment Design", "Feedback", "Other")...),
		picklist("Origin", "Case Origin", false, values("Phone", "Email", "Web")...), text("Subject", "Subject", 255),
		picklist("Priority", "Priority", false, values("High", "Medium", "Low")...).chosen("Medium"), description("Description"),
		boolean("IsClosed", "Closed").readOnly(), typed("ClosedDate", "Closed Date", TypeDateTime, 0).readOnly(), boolean("IsEscalated", "Escalated"),
		ownerField(""), typed("ContactPhone", "Contact Phone", TypePhone, 40).computed(), typed("ContactMobile", "Contact Mobile", TypePhone, 40).computed(),
		typed("ContactEmail", "Contact Email", TypeEmail, 80).computed(), typed("ContactFax", "Contact Fax", TypePhone, 40).computed())
}

func taskObject() *Object {
	o := dataObject(ObjectTask, "Task", "Tasks", PrefixTask,
		reference("WhoId", "Name ID", "Who", "Tasks", ObjectContact, ObjectLead),
		reference("WhatId", "Related To ID", "What", "Tasks", ObjectAccount, ObjectCampaign, ObjectCase, ObjectOpportunity),
		typed("Subject", "Subject", TypeCombobox, 255), typed("ActivityDate", "Due Date Only", TypeDate, 0),
		picklist("Status", "Status", false, values("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred")...).required().chosen("Not Started"),
		picklist("Priority", "Priority", false, values("High", "Normal", "Low")...).required().chosen("Normal"), boolean("IsHighPriority", "High Priority").computed(),
		reference("OwnerId", "Assigned To ID", "Owner", "", ObjectUser).filled(), description("Description"),
		reference("AccountId", "Account ID", "Account", "", ObjectAccount).readOnly(), boolean("IsClosed", "Closed").computed(),
		typed("CallDurationInSeconds", "Call Duration", TypeInt, 0), picklist("CallType", "Call Type", false, values("Internal", "Inbound", "Outbound")...),
		picklist("TaskSubtype", "Task Subtype", true, values("Task", "Email", "ListEmail", "Cadence", "Call", "LinkedIn")...).chosen("Task").createOnly(),
		typed("CompletedDateTime", "Completed Date", TypeDateTime, 0).readOnly(),
		boolean("IsReminderSet", "Reminder Set"), typed("ReminderDateTime", "Reminder Date/Time", TypeDateTime, 0))
	edit := Need{{PermEditTask}}
	o.Create, o.Update, o.Delete = edit, edit, edit
	return o
}
