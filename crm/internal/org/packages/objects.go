package packages

// q puts a name into the package's namespace.
func q(name string) string { return Namespace + "__" + name + "__c" }

func text(name, label string, length int) Field {
	return Field{Name: q(name), Label: label, Type: Text, Length: length}
}

func longText(name, label string, length int) Field {
	return Field{Name: q(name), Label: label, Type: LongText, Length: length}
}

func checkbox(name, label string) Field { return Field{Name: q(name), Label: label, Type: Checkbox} }

func number(name, label string) Field { return Field{Name: q(name), Label: label, Type: Number} }

func dateTime(name, label string) Field { return Field{Name: q(name), Label: label, Type: DateTime} }

func lookup(name, label, to string) Field {
	return Field{Name: q(name), Label: label, Type: Lookup, To: to}
}

func (f Field) on() Field { f.On = true; return f }

func (f Field) from(version string) Field { f.Since = version; return f }

func (f Field) starts(value string) Field { f.Default = value; return f }

func (f Field) required() Field { f.Required = true; return f }

// userFields: connect-facts 1.4 and 1.7.
func userFields() []Field {
	return []Field{
		checkbox("ExactTargetForAppExchangeUser", "Marketing Cloud for AppExchange User"),
		checkbox("ExactTargetForAppExchangeAdmin", "Marketing Cloud for AppExchange Admin"),
		{Name: q("ExactTarget_OAuth_Token"), Label: "Marketing Cloud OAuth Token", Type: EncryptedText, Length: 175},
		text("ExactTargetUsername", "Marketing Cloud Username", 255),
		text("Default_MID", "Default MID", 20),
		text("Default_ET_Page", "Default Marketing Cloud Page", 255),
		checkbox("ValidExactTargetUser", "Valid Marketing Cloud User"),
		checkbox("ValidExactTargetAdmin", "Valid Marketing Cloud Admin"),
	}
}

// objects by name: connect-facts 1.7 and 8.3.
func objects() []Object {
	return []Object{
		{
			Name: q("Business_Unit"), Label: "Business Unit", Plural: "Business Units", Prefix: "a01", Write: PermConnectorAdmin,
			Fields: []Field{
				text("Business_Unit_ID", "Business Unit ID", 20).required(), checkbox("Enabled", "Enabled"), checkbox("PreSaved", "PreSaved"),
				checkbox("IsParentAccountMID", "Is Parent Account MID").from("5.494"),
			},
		},
		{
			Name: q("Configuration"), Label: "Configuration", Plural: "Configurations", Prefix: "a00", AutoNumber: "CFG-{0000}", Write: PermConnectorAdmin,
			Fields: []Field{
				text("Username", "Username", 255),
				{Name: q("Password"), Label: "Password", Type: EncryptedText, Length: 175},
				text("Auth_API_URL", "Auth API URL", 255).from("220"), text("Root_Rest_API_URL", "Root Rest API URL", 255).from("220"),
				text("Root_SOAP_API_URL", "Root SOAP API URL", 255).from("220"),
				// Document 002 names the setting; no public record names its field, so the name is ours.
				checkbox("Tenant_Specific_OAuth", "Enable tenant-specific OAuth Endpoints").from("220"),
				text("Root_Open_Rasta_API_URL", "Root Open Rasta API URL", 255),
				text("url_part", "url_part", 10), text("url_root", "url_root", 10).starts("mc"),
				text("Integration_Type", "Integration Type", 255), text("Parent_Account_MID", "Parent Account MID", 20),
				checkbox("AwaitingBusinessUnits", "Awaiting Business Units"), text("Send_Types", "Send Types", 255),
				text("Target_Audience", "Target Audience", 255), text("Exclusion_Audience", "Exclusion Audience", 255),
				checkbox("Aggregate_Tracking", "Aggregate Tracking"), checkbox("Individual_Tracking", "Individual Tracking"),
				checkbox("Link_Detail_Tracking", "Link Detail Tracking"), checkbox("Sent_Events_Tracking", "Sent Events Tracking"),
				{Name: q("Frequency"), Label: "Frequency", Type: Picklist, Values: []string{"Hourly", "Daily"}, Default: "Hourly"},
				number("Days_Tracked", "Days Tracked"), checkbox("Retry", "Retry").on(), checkbox("Restrict_Automation", "Restrict Automation"),
				longText("automationObjects", "Automation Objects", 32768), checkbox("Allow_Personal_Reports", "Allow Personal Reports"),
				checkbox("MultiFrom", "MultiFrom"), checkbox("MultiReplyTo", "MultiReplyTo"), longText("replyToOptions", "Reply To Options", 32768),
				text("Support_Ticket_Recipient", "Support Ticket Recipient", 255), dateTime("Last_Log_Request", "Last Log Request"),
				text("Deep_Link_Availability", "Deep Link Availability", 255),
			},
		},
		{
			Name: q("ET4AE_Config"), Label: "ET4AE Config", Plural: "ET4AE Config", Prefix: "a02", Write: PermConnectorAdmin,
			Fields: []Field{
				checkbox("Configuration_Wizard_Completed", "Configuration Wizard Completed"), checkbox("Remote_Site_Setting_Added", "Remote Site Setting Added"),
				checkbox("Enable_Cascading_Delete", "Enable Cascading Delete"), checkbox("JBPlatformEventEnable", "JB Platform Event Enable").on(),
				checkbox("QA_Mode", "QA Mode"), text("Endpoint", "Endpoint", 255), text("Environment", "Environment", 255),
				text("SessionId", "SessionId", 255), text("StackId", "StackId", 255), text("TenantId", "TenantId (deprecated)", 255),
				{Name: q("Tracking_Data_Clean_Up_Batch_Size"), Label: "Tracking Data Clean Up Batch Size", Type: Number, Number: 200},
			},
		},
		{
			Name: q("IndividualEmailResult"), Label: "Individual Email Result", Plural: "Individual Email Results", Prefix: "a03", AutoNumber: "IER-{0000000}",
			Write: PermSystemUser,
			Fields: []Field{
				lookup("Contact", "Contact", "Contact"), lookup("Lead", "Lead", "Lead"), lookup("SendDefinition", "Email Send", q("SendDefinition")),
				lookup("TriggeredSendDefinition", "Triggered Send", q("TriggeredSendDefinition")), dateTime("DateSent", "Date Sent"), checkbox("Opened", "Opened"), dateTime("DateOpened", "Date Opened"),
				number("NumberOfTotalClicks", "Number of Total Clicks"), number("NumberOfUniqueClicks", "Number of Unique Clicks"),
				checkbox("HardBounce", "Hard Bounce"), checkbox("SoftBounce", "Soft Bounce"), dateTime("DateBounced", "Date Bounced"),
				dateTime("DateUnsubscribed", "Date Unsubscribed"), dateTime("Tracking_As_Of", "Tracking As Of"), text("SubscriberId", "Subscriber ID", 50),
				text("JobId", "Job ID", 50), text("MergeId", "Merge ID", 255),
			},
		},
		{
			Name: q("SendDefinition"), Label: "Email Send", Plural: "Email Sends", Prefix: "a05", AutoNumber: "SD-{0000000}", Write: PermSystemUser,
			Fields: []Field{ // connect-facts 8.1
				{Name: q("SendStatus"), Label: "Send Status", Type: Picklist, Values: []string{
					"New", "Scheduled", "Submitted", "Send Queued", "Processing", "Processing Data", "Sending", "Pending Tracking Subscription", "Completed", "Failed", "Canceled",
				}, Default: "New"},
				{Name: q("JobStatus"), Label: "Job Status", Type: Picklist, Values: []string{"Complete", "Error"}},
			},
		},
		{Name: q("TriggeredSendDefinition"), Label: "Triggered Send", Plural: "Triggered Sends", Prefix: "a06", Write: PermSystemUser},
		{
			Name: q("UEBU"), Label: "User Enabled Business Unit", Plural: "User Enabled Business Units", Prefix: "a04", AutoNumber: "UEBU-{0000}",
			Write:  PermConnectorAdmin,
			Fields: []Field{lookup("Business_Unit", "Business Unit", q("Business_Unit")).required(), lookup("User", "User", "User").required()},
		},
	}
}
