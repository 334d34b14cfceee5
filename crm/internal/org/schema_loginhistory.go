package org

// ObjectLoginHistory keeps the logins that happened and those that were refused.
const ObjectLoginHistory = "LoginHistory"

// loginHistoryObject shows all logins to who manages users and to everybody else his own; filters are the documented few
// (crm-wire 5.2).
func loginHistoryObject() *Object {
	return &Object{
		Name: ObjectLoginHistory, Label: "Login History", Plural: "Login History", KeyPrefix: PrefixLoginHistory,
		Person: "UserId", AllRows: Need{{PermManageUsers}},
		Fields: fields(idField(),
			reference("UserId", "User ID", "", "", ObjectUser).filled().readOnly(),
			typed("LoginTime", "Login Time", TypeDateTime, 0).filled().readOnly(),
			picklist("LoginType", "Login Type", false, values(LoginTypeApplication, LoginTypeSOAP, LoginTypeOAuth)...).filled().readOnly(),
			sortOnly(text("LoginSubType", "Login Subtype", 40)).readOnly(),
			sortOnly(text("SourceIp", "Source IP", 39)).readOnly(),
			text("LoginUrl", "Login URL", 255).readOnly(),
			sortOnly(text("Status", "Status", 128).filled()).readOnly(),
			sortOnly(text("Application", "Application", 80)).readOnly(),
			sortOnly(text("Browser", "Browser", 64)).readOnly(),
			sortOnly(text("Platform", "Platform", 64)).readOnly(),
			sortOnly(text("ApiType", "API Type", 64)).readOnly(),
			sortOnly(text("ApiVersion", "API Version", 32)).readOnly(),
			absentOfLogin()),
	}
}

func sortOnly(f *Field) *Field {
	f.Filterable, f.Groupable = false, false
	return f
}
