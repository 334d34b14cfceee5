package sqlstore

import "github.com/twinspan/twinspan/crm/internal/org"

// computed are the fields that no column holds, as SQL over the alias %[1]s.
var computed = withPermissions(withMembers(map[string]string{
	"User.NumberOfFailedLogins":                                 `COALESCE((SELECT l.failures FROM user_login l WHERE l.org_id = %[1]s.org_id AND l.user_id = %[1]s.id), 0)`,
	"OauthToken.Id":                                             `NULLIF(%[1]s.id, %[1]s.id)`,
	"AuthSession.IsCurrent":                                     noFlag,
	"AuthSession.LogoutUrl":                                     `NULLIF(%[1]s.source_ip, %[1]s.source_ip)`,
	"ConnectedApplication.OptionsHasSessionLevelPolicy":         `CASE WHEN %[1]s.id IS NULL THEN NULL WHEN %[1]s.high_assurance <> '' THEN 1 ELSE 0 END`,
	"ConnectedApplication.OptionsIsInternal":                    noFlag,
	"ConnectedApplication.OptionsFullContentPushNotifications":  noFlag,
	"ConnectedApplication.OptionsCodeCredentialGuestEnabled":    noFlag,
	"ConnectedApplication.OptionsAppIssueJwtTokenEnabled":       noFlag,
	"ConnectedApplication.OptionsAllowExpiredUvidJWT":           noFlag,
	"ConnectedApplication.OptionsTokenExchangeManageBitEnabled": noFlag,
	"ConnectedApplication.MobileSessionTimeout":                 `NULLIF(%[1]s.id, %[1]s.id)`,
	"ConnectedApplication.PinLength":                            `NULLIF(%[1]s.id, %[1]s.id)`,
	"ConnectedApplication.MobileStartUrl":                       `NULLIF(%[1]s.id, %[1]s.id)`,
	"ConnectedApplication.UvidTimeout":                          `NULLIF(%[1]s.created_date, %[1]s.created_date)`,
	"ConnectedApplication.NamedUserUvidTimeout":                 `NULLIF(%[1]s.created_date, %[1]s.created_date)`,
	// By profile, so that an index counts and no user is read.
	"UserLicense.UsedLicenses": `(SELECT CAST(COALESCE(SUM((SELECT COUNT(*) FROM user_account u WHERE u.org_id = p.org_id AND u.profile_id = p.id AND u.is_active = 1)), 0) AS BIGINT)
 FROM profile p WHERE p.org_id = %[1]s.org_id AND p.user_license_id = %[1]s.id)`,
	// No licence of ours counts logins, and used ones are counted when they are asked for.
	"UserLicense.UsedLicensesLastUpdated":  `NULLIF(%[1]s.system_modstamp, %[1]s.system_modstamp)`,
	"UserLicense.MonthlyLoginsEntitlement": `NULLIF(%[1]s.total_licenses, %[1]s.total_licenses)`,
	"UserLicense.MonthlyLoginsUsed":        `NULLIF(%[1]s.total_licenses, %[1]s.total_licenses)`,
	"Contact.IsEmailBounced":               `CASE WHEN %[1]s.email_bounced_date IS NULL THEN 0 ELSE 1 END`,
	"Opportunity.ExpectedRevenue":          `(%[1]s.amount * %[1]s.probability / 100)`,
	"Case.ContactPhone":                    ofContact("phone"),
	"Case.ContactMobile":                   ofContact("mobile_phone"),
	"Case.ContactEmail":                    ofContact("email"),
	"Case.ContactFax":                      ofContact("fax"),
	"Task.IsHighPriority":                  `CASE WHEN %[1]s.priority = 'High' THEN 1 ELSE 0 END`,
	"Task.IsClosed":                        `CASE WHEN %[1]s.status = 'Completed' THEN 1 ELSE 0 END`,
	"Campaign.NumberOfLeads":               ofMembers(`m.lead_id IS NOT NULL`),
	"Campaign.NumberOfContacts":            ofMembers(`m.contact_id IS NOT NULL`),
	"Campaign.NumberOfResponses":           ofMembers(`m.has_responded = 1`),
	"Campaign.NumberOfConvertedLeads":      ofMembers(`EXISTS (SELECT 1 FROM lead l WHERE l.org_id = m.org_id AND l.id = m.lead_id AND l.is_converted = 1)`),
	"Campaign.NumberOfOpportunities":       ofOpportunities(`COUNT(*)`, ""),
	"Campaign.NumberOfWonOpportunities":    ofOpportunities(`COUNT(*)`, " AND p.is_won = 1"),
	"Campaign.AmountAllOpportunities":      ofOpportunities(`COALESCE(SUM(p.amount), 0)`, ""),
	"Campaign.AmountWonOpportunities":      ofOpportunities(`COALESCE(SUM(p.amount), 0)`, " AND p.is_won = 1"),
	"CampaignMember.LeadOrContactId":       `COALESCE(%[1]s.lead_id, %[1]s.contact_id)`,
	"CampaignMember.Type":                  `CASE WHEN %[1]s.contact_id IS NULL THEN 'Lead' ELSE 'Contact' END`,
	"CampaignMember.CompanyOrAccount": `COALESCE((SELECT l.company FROM lead l WHERE l.org_id = %[1]s.org_id AND l.id = %[1]s.lead_id),
 (SELECT a.name FROM contact c JOIN account a ON a.org_id = c.org_id AND a.id = c.account_id WHERE c.org_id = %[1]s.org_id AND c.id = %[1]s.contact_id))`,
}))

// withPermissions adds the permissions of a profile, which are those of the set that it owns.
func withPermissions(all map[string]string) map[string]string {
	for _, p := range org.AllPermissions() {
		all["Profile.Permissions"+p] = `CASE WHEN %[1]s.id IS NULL THEN NULL WHEN EXISTS (SELECT 1 FROM permission_set s WHERE s.org_id = %[1]s.org_id AND s.profile_id = %[1]s.id
 AND s.permissions LIKE '%%"` + p + `"%%') THEN 1 ELSE 0 END`
	}
	return all
}

// noFlag is no for every record, and nothing for the absent one of an outer join.
const noFlag = `CASE WHEN %[1]s.id IS NULL THEN NULL ELSE 0 END`

// withMembers adds the fields that a campaign member shows of the person: of the lead, or of the contact's column where
// it has another name.
func withMembers(all map[string]string) map[string]string {
	for field, contact := range map[string]string{
		"Salutation": "", "Name": "", "FirstName": "", "LastName": "", "Title": "", "Street": "mailing_street", "City": "mailing_city",
		"State": "mailing_state", "PostalCode": "mailing_postal_code", "Country": "mailing_country", "Email": "", "Phone": "", "Fax": "",
		"MobilePhone": "", "Description": "", "DoNotCall": "", "HasOptedOutOfEmail": "", "HasOptedOutOfFax": "", "LeadSource": "", "LeadOrContactOwnerId": "owner_id",
	} {
		lead := org.ColumnName(field)
		if field == "LeadOrContactOwnerId" {
			lead = contact
		}
		if contact == "" {
			contact = lead
		}
		all["CampaignMember."+field] = `COALESCE((SELECT l.` + lead + ` FROM lead l WHERE l.org_id = %[1]s.org_id AND l.id = %[1]s.lead_id),
 (SELECT c.` + contact + ` FROM contact c WHERE c.org_id = %[1]s.org_id AND c.id = %[1]s.contact_id))`
	}
	return all
}

func ofContact(column string) string {
	return `(SELECT c.` + column + ` FROM contact c WHERE c.org_id = %[1]s.org_id AND c.id = %[1]s.contact_id)`
}

func ofMembers(which string) string {
	return `(SELECT COUNT(*) FROM campaign_member m WHERE m.org_id = %[1]s.org_id AND m.campaign_id = %[1]s.id AND m.is_deleted = 0 AND ` + which + `)`
}

func ofOpportunities(what, which string) string {
	return `(SELECT ` + what + ` FROM opportunity p WHERE p.org_id = %[1]s.org_id AND p.campaign_id = %[1]s.id AND p.is_deleted = 0` + which + `)`
}
