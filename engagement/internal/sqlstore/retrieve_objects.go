package sqlstore

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

// object says how an object type of the SOAP API is read from the tables. Its columns stand in the order of the WSDL,
// in which results are written.
type object struct {
	name string
	// from is what follows FROM up to a condition on the tenant, $1.
	from string
	// account is a condition on the business units of the row with %s for their list; "" where the enterprise owns it.
	account string
	// key is the sort key, unique in the tenant.
	key     string
	numeric bool // whether key is a number
	// sought is a text property of which an index holds the folded values, "" for none: who asks for one value of it is not made to
	// wait for a walk through all rows in the order of the key. Only a numeric key has that.
	sought  string
	columns []column
}

// column is one property and the SQL expression that holds it; expr is "" for what can never be read.
type column struct {
	tenant.Property
	expr string
	// show is what results have in place of expr, which filters go by; "" where they are the same.
	show string
	// expand turns the texts that expr gives for the rows of a page into member objects; nil for plain columns.
	expand func(ctx context.Context, s *Sending, eid tenant.EID, keys []string) ([]tenant.Objects, error)
}

// members is a property that holds objects, read for a whole page at once.
func members(name, expr string, expand func(context.Context, *Sending, tenant.EID, []string) ([]tenant.Objects, error)) column {
	return column{Property: tenant.Property{Name: name, Kind: tenant.KindObjects, Retrievable: true}, expr: expr, expand: expand}
}

func text(name, expr string) column {
	return column{Property: tenant.Property{Name: name, Kind: tenant.KindString, Retrievable: true}, expr: expr}
}

func number(name, expr string) column {
	return column{Property: tenant.Property{Name: name, Kind: tenant.KindNumber, Retrievable: true}, expr: expr}
}

func boolean(name, expr string) column {
	return column{Property: tenant.Property{Name: name, Kind: tenant.KindBoolean, Retrievable: true}, expr: expr}
}

func moment(name, expr string) column {
	return column{Property: tenant.Property{Name: name, Kind: tenant.KindTime, Retrievable: true}, expr: expr}
}

// unkept is a property that the real service has and this one keeps nothing for: it may be asked for and is never there.
func unkept(name string) column { return text(name, `CAST(NULL AS TEXT)`) }

// hidden is a property that exists and is never shown.
func hidden(name string) column {
	return column{Property: tenant.Property{Name: name, Kind: tenant.KindString, Updatable: true}, expr: ""}
}

// shown gives a column another expression for results: clients fall over a missing element where the real service sends
// an empty one.
func shown(c column, show string) column {
	c.show = show
	return c
}

// updatable marks properties that Create and Update take.
func updatable(c column, maxLength int) column {
	c.Updatable, c.MaxLength = true, maxLength
	return c
}

// retrievable is every object type that Retrieve and Describe know, by its case-sensitive name (engagement-wire 3).
var retrievable = allObjects()

func allObjects() map[string]object {
	all := builtin()
	maps.Copy(all, stored)
	maps.Copy(all, events())
	maps.Copy(all, sendObjects())
	return all
}

// stored are the object types that people make.
var stored = map[string]object{
	"BusinessUnit": {
		name:    "BusinessUnit",
		from:    `business_unit b JOIN tenant t ON t.eid = b.eid LEFT JOIN business_unit p ON p.eid = b.eid AND p.mid = b.parent_mid WHERE b.eid = $1 AND t.account_type = 'ENTERPRISE_2'`,
		account: `b.mid IN (%s)`, key: `b.mid`, numeric: true,
		columns: []column{
			number("Client.ID", `b.mid`), moment("CreatedDate", `b.created_at`), moment("ModifiedDate", `b.modified_at`), number("ID", `b.mid`),
			text("CustomerKey", `CAST(b.mid AS TEXT)`),
			text("AccountType", `CASE WHEN b.parent_mid = 0 THEN t.account_type ELSE 'BUSINESS_UNIT' END`),
			number("ParentID", `b.parent_mid`), unkept("BrandID"), unkept("PrivateLabelID"), unkept("ReportingParentID"), text("Name", `b.name`),
			unkept("Email"), unkept("FromName"), unkept("BusinessName"), unkept("Phone"), unkept("Address"), unkept("Fax"), unkept("City"), unkept("State"), unkept("Zip"), unkept("Country"),
			boolean("IsActive", `b.is_active`), boolean("IsTestAccount", `0`), unkept("OrgID"), unkept("DBID"), text("ParentName", `COALESCE(p.name, '')`),
			unkept("CustomerID"), unkept("DeletedDate"), unkept("EditionID"), unkept("Subscription"), boolean("InheritAddress", `1`), boolean("IsTrialAccount", `0`),
			unkept("Description"), text("MasterUnsubscribeBehavior", `'ENTIRE_ENTERPRISE'`),
		},
	},
	"AccountUser": {
		name:    "AccountUser",
		from:    `account_user u WHERE u.eid = $1`,
		account: `EXISTS (SELECT 1 FROM account_user_business_unit ub WHERE ub.eid = u.eid AND ub.user_id = u.id AND ub.mid IN (%s))`,
		key:     `u.id`, numeric: true, sought: "UserID",
		columns: []column{
			number("Client.ID", `u.eid`), number("Client.ModifiedBy", `u.modified_by`), moment("CreatedDate", `u.created_at`), moment("ModifiedDate", `u.modified_at`), number("ID", `u.id`),
			text("CustomerKey", `u.customer_key`), number("AccountUserID", `u.id`), text("UserID", `u.username`), hidden("Password"),
			updatable(text("Name", `u.name`), 254), updatable(shown(text("Email", `u.email`), `COALESCE(u.email, '')`), 254), updatable(boolean("MustChangePassword", `u.must_change_password`), 0),
			updatable(boolean("ActiveFlag", `u.is_active`), 0), hidden("ChallengePhrase"), hidden("ChallengeAnswer"),
			members("UserPermissions", `u.user_permissions`, expandUserPermissions), number("Delete", `0`),
			shown(moment("LastSuccessfulLogin", `NULLIF(u.last_login_at, 0)`), `COALESCE(NULLIF(u.last_login_at, 0), u.created_at)`), updatable(boolean("IsAPIUser", `u.is_api_user`), 0),
			updatable(text("NotificationEmailAddress", `NULLIF(u.notification_email, '')`), 254),
			boolean("IsLocked", `CASE WHEN COALESCE(u.locked_at, 0) = 0 THEN 0 ELSE 1 END`), hidden("Unlock"),
			updatable(number("DefaultBusinessUnit", `u.default_mid`), 0), updatable(text("Locale.LocaleCode", `u.locale`), 254),
			text("TimeZone.ID", timeZoneIDs()), updatable(text("TimeZone.Name", `u.time_zone`), 254), members("Roles", `CAST(u.id AS TEXT)`, expandUserRoles),
			// Ours: the value beside Salesforce.com Status on the user's page (DESIGN 5.10).
			updatable(text("SalesforceUsername", `u.salesforce_username`), 254),
		},
	},
	"AccountUserAccount": {
		name:    "AccountUserAccount",
		from:    `account_user_business_unit ub JOIN account_user u ON u.eid = ub.eid AND u.id = ub.user_id JOIN tenant t ON t.eid = ub.eid WHERE ub.eid = $1 AND t.account_type = 'ENTERPRISE_2'`,
		account: `EXISTS (SELECT 1 FROM account_user_business_unit o WHERE o.eid = ub.eid AND o.user_id = ub.user_id AND o.mid IN (%s))`,
		key:     `ub.user_id * 1000000000 + ub.mid`, numeric: true,
		columns: []column{
			number("Client.ID", `ub.eid`), number("AccountUser.ID", `ub.user_id`), text("AccountUser.CustomerKey", `u.customer_key`),
			number("AccountUser.AccountUserID", `ub.user_id`), text("AccountUser.UserID", `u.username`), number("Account.ID", `ub.mid`),
		},
	},
	"Role": {
		name: "Role", from: `role r WHERE r.eid = $1`, key: `r.id`,
		columns: []column{
			number("Client.ID", `r.eid`), moment("CreatedDate", `r.created_at`), moment("ModifiedDate", `r.modified_at`), text("ObjectID", `r.id`),
			text("CustomerKey", `r.customer_key`), text("Name", `r.name`), text("Description", `r.description`),
			boolean("IsPrivate", `0`), boolean("IsSystemDefined", `r.is_system`), boolean("ForceInheritance", `0`),
			members("PermissionSets", `r.id`, expandRolePermissions),
		},
	},
	"PermissionSet": {
		name: "PermissionSet", from: `tenant t CROSS JOIN (` + permissionSets() + `) v WHERE t.eid = $1`, key: `v.name`,
		columns: []column{
			number("Client.ID", `t.eid`), text("CustomerKey", `v.name`), text("Name", `v.name`), text("Description", `v.name`),
			boolean("IsAllowed", `0`), boolean("IsDenied", `0`), members("Permissions", `v.name`, expandPermissionSet),
		},
	},
	"Email": {
		name: "Email", from: `email e WHERE e.eid = $1`, account: `e.mid IN (%s)`, key: `e.id`, numeric: true,
		columns: []column{
			number("Client.ID", `e.mid`), number("Client.PartnerClientKey", `e.mid`), moment("CreatedDate", `e.created_at`), moment("ModifiedDate", `e.modified_at`), number("ID", `e.id`),
			text("PartnerKey", `CAST(NULL AS TEXT)`), text("ObjectID", `e.object_id`), text("CustomerKey", `e.customer_key`), text("Name", `e.name`), text("Folder", `'my emails'`), number("CategoryID", folderOf("e.mid", "email")),
			text("EmailType", `'Normal'`), boolean("HasDynamicSubjectLine", `0`), boolean("IsHTMLPaste", `1`), text("ContentCheckStatus", `'Not Checked'`), text("Status", `'Active'`),
			number("ClonedFromID", `0`), text("ContentAreas", `CAST(NULL AS TEXT)`), text("PreHeader", `e.pre_header`), text("HTMLBody", `e.html_body`), text("TextBody", `e.text_body`),
			text("Subject", `e.subject`), boolean("IsActive", `1`), text("CharacterSet", `'UTF-8'`),
		},
	},
	"TriggeredSendDefinition": {
		name:    "TriggeredSendDefinition",
		from:    `send_definition d LEFT JOIN email e ON e.eid = d.eid AND e.mid = d.mid AND e.key_fold = d.email_key_fold WHERE d.eid = $1`,
		account: `d.mid IN (%s)`, key: `d.id`,
		columns: []column{
			number("Client.ID", `d.mid`), moment("CreatedDate", `d.created_at`), moment("ModifiedDate", `d.modified_at`), text("ObjectID", `d.id`),
			text("CustomerKey", `d.definition_key`), text("Name", `d.name`), text("Description", `d.description`),
			text("SendClassification.ObjectID", `CASE WHEN d.classification = 'Default Commercial' THEN `+guid(4, "1", "d.mid")+` WHEN d.classification = 'Default Transactional' THEN `+guid(4, "2", "d.mid")+
				` ELSE (SELECT c.id FROM send_classification c WHERE c.eid = d.eid AND c.mid = d.mid AND c.key_fold = lower(d.classification)) END`), text("SendClassification.CustomerKey", `d.classification`), text("FromName", `d.from_name`), text("FromAddress", `d.from_address`),
			text("TriggeredSendType", `'Continuous'`), text("TriggeredSendStatus", `d.status`), number("Email.ID", `e.id`),
			text("Email.CustomerKey", `d.email_key`), number("List.ID", `CASE WHEN d.list_key = 'All Subscribers' THEN d.eid ELSE (SELECT l.id FROM subscriber_list l WHERE l.eid = d.eid AND l.mid = d.mid AND l.key_fold = lower(d.list_key)) END`), text("List.CustomerKey", `d.list_key`),
			boolean("AutoAddSubscribers", `d.auto_add`), boolean("AutoUpdateSubscribers", `d.auto_update`), boolean("IsWrapped", `d.track_links`),
			text("EmailSubject", `e.subject`), boolean("IsMultipart", `1`), number("CategoryID", folderOf("d.mid", "triggered_send")),
			text("SenderProfile.ObjectID", guid(2, "1", "d.mid")), text("SenderProfile.CustomerKey", `'Default'`),
			text("DeliveryProfile.ObjectID", guid(3, "1", "d.mid")), text("DeliveryProfile.CustomerKey", `'Default'`), text("Priority", `'4'`),
			boolean("SuppressTracking", `0`), boolean("IsPlatformObject", `0`), number("BatchInterval", `0`), number("AllowedSlots", `0`), number("NewSlotTrigger", `0`), number("SendLimit", `0`),
			text("DynamicEmailSubject", `''`), text("Keyword", `CAST(NULL AS TEXT)`), text("TestEmailAddr", `CAST(NULL AS TEXT)`), text("SendWindowOpen", `CAST(NULL AS TEXT)`), text("SendWindowClose", `CAST(NULL AS TEXT)`),
			number("FooterContentArea.ID", `NULLIF(0, 0)`), number("HeaderContentArea.ID", `NULLIF(0, 0)`), text("PrivateDomain.ObjectID", `CAST(NULL AS TEXT)`), number("PrivateIP.ID", `NULLIF(0, 0)`),
		},
	},
	"Subscriber": {
		name: "Subscriber", from: `subscriber s WHERE s.eid = $1`, key: `s.id`, numeric: true,
		columns: []column{
			number("Client.ID", `s.eid`), moment("CreatedDate", `s.created_at`), moment("ModifiedDate", `s.modified_at`), number("ID", `s.id`),
			updatable(text("EmailAddress", `s.email_address`), 254), updatable(text("SubscriberKey", `s.subscriber_key`), tenant.MaxSubscriberKey),
			moment("UnsubscribedDate", `NULLIF(s.unsubscribed_at, 0)`), updatable(text("Status", `s.status`), 0),
			text("EmailTypePreference", `'HTML'`),
		},
	},
	"List": {
		name: "List", from: `(SELECT t.eid, t.eid AS mid, t.eid AS id, ` + guid(6, "1", "t.eid") + ` AS object_id, 'All Subscribers' AS customer_key, 'All Subscribers' AS name, 'Private' AS list_type,
				'Contains all subscribers' AS description, t.created_at, t.created_at AS modified_at, ` + folderOf("t.eid", "mysubs") + ` AS category FROM tenant t
			UNION ALL SELECT l.eid, l.mid, l.id, l.object_id, l.customer_key, l.name, l.list_type, l.description, l.created_at, l.modified_at, ` + folderOf("l.mid", "list") + ` FROM subscriber_list l) l WHERE l.eid = $1`,
		// Everybody sees All Subscribers.
		account: `(l.id = l.eid OR l.mid IN (%s))`, key: `l.id`, numeric: true,
		columns: []column{
			number("Client.ID", `l.mid`), number("Client.PartnerClientKey", `l.mid`), moment("CreatedDate", `l.created_at`), moment("ModifiedDate", `l.modified_at`), number("ID", `l.id`),
			text("ObjectID", `l.object_id`), updatable(text("CustomerKey", `l.customer_key`), tenant.MaxKey), updatable(text("ListName", `l.name`), 50), number("Category", `l.category`), updatable(text("Type", `l.list_type`), 0),
			updatable(text("Description", `l.description`), 2000), text("AutomatedEmail.ID", `CAST(NULL AS TEXT)`), text("ListClassification", `'ExactTargetList'`),
		},
	},
	"ListSubscriber": {
		name: "ListSubscriber", from: `(SELECT s.eid, s.eid AS mid, s.eid AS list_id, s.id, s.subscriber_key, s.status, s.created_at, s.modified_at, s.unsubscribed_at FROM subscriber s
			UNION ALL SELECT m.eid, l.mid, m.list_id, m.subscriber_id, s.subscriber_key, m.status, m.created_at, m.modified_at, CASE WHEN m.status = 'Unsubscribed' THEN m.modified_at ELSE 0 END
			FROM list_subscriber m JOIN subscriber_list l ON l.eid = m.eid AND l.id = m.list_id JOIN subscriber s ON s.eid = m.eid AND s.id = m.subscriber_id) m WHERE m.eid = $1`,
		account: `(m.list_id = m.eid OR m.mid IN (%s))`, key: `m.list_id * 1000000000 + m.id`, numeric: true,
		columns: []column{
			number("Client.ID", `m.mid`), moment("CreatedDate", `m.created_at`), moment("ModifiedDate", `m.modified_at`), number("ID", `m.id`), text("ObjectID", `CAST(NULL AS TEXT)`),
			text("Status", `m.status`), number("ListID", `m.list_id`), text("SubscriberKey", `m.subscriber_key`), moment("UnsubscribedDate", `NULLIF(m.unsubscribed_at, 0)`),
		},
	},
}

// column finds a readable property without regard to case.
func (o object) column(name string) (column, bool) {
	i := slices.IndexFunc(o.columns, func(c column) bool { return c.Retrievable && strings.EqualFold(c.Name, name) })
	if i < 0 {
		return column{}, false
	}
	return o.columns[i], true
}

// choose turns the properties asked for into columns, in the WSDL's order and each once.
func (o object) choose(properties []string) ([]column, error) {
	wanted := make(map[string]bool, len(properties))
	var unknown []string
	for _, p := range properties {
		c, ok := o.column(p)
		if !ok {
			unknown = append(unknown, clip(p))
			continue
		}
		wanted[c.Name] = true
	}
	if len(unknown) > 0 {
		return nil, fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "The Request Property(s) %s do not match with the fields of %s retrieve",
			strings.Join(unknown[:min(len(unknown), 10)], ", "), o.name)
	}
	var columns []column
	for _, c := range o.columns {
		if wanted[c.Name] {
			columns = append(columns, c)
		}
	}
	return columns, nil
}
