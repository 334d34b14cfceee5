package sqlstore

import (
	"fmt"
	"strings"
)

// What every business unit of a tenant has without anybody having made it. The lists are part of the program and
// become SQL, so that filters and paging work on them as on rows.

// rootFolders are the folders at the top of each business unit, by content type. Tools refuse to go on where there are
// none (clients 3.8).
var rootFolders = [][2]string{
	{"dataextension", "Data Extensions"},
	{"shared_data", "Shared Items"},
	{"shared_dataextension", "Shared Data Extensions"},
	{"salesforcedataextension", "Salesforce Data Extensions"},
	{"shared_salesforcedataextension", "Shared Salesforce Data Extensions"},
	{"synchronizeddataextension", "Synchronized Data Extensions"},
	{"list", "my lists"},
	{"mysubs", "my subscribers"},
	{"group", "my groups"},
	{"publication", "my publication lists"},
	{"suppression_list", "Suppression Lists"},
	{"email", "my emails"},
	{"template", "my templates"},
	{"content", "my contents"},
	{"asset", "Content Builder"},
	{"triggered_send", "Triggered Sends"},
	{"triggered_send_journeybuilder", "Journey Builder Sends"},
	{"queryactivity", "Query"},
	{"ssjsactivity", "Scripts"},
	{"filteractivity", "Filters"},
	{"filterdefinition", "Data Filters"},
	{"automations", "my automations"},
	{"journey", "Journey Builder"},
	{"cloudpages", "CloudPages"},
	{"media", "Portfolio"},
	{"measure", "Measures"},
	{"userinitiatedsends", "User-Initiated"},
}

// literal quotes a text of the program's own lists.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// folders is a table of the root folders: n, type, name.
func folders() string {
	rows := make([]string, len(rootFolders))
	for i, f := range rootFolders {
		rows[i] = fmt.Sprintf("SELECT %d AS n, %s AS content_type, %s AS name", i+1, literal(f[0]), literal(f[1]))
	}
	return strings.Join(rows, " UNION ALL ")
}

// folderOf is an expression for the number of a unit's root folder of the content type.
func folderOf(mid, contentType string) string {
	for i, f := range rootFolders {
		if f[0] == contentType {
			return fmt.Sprintf("(%s * 100 + %d)", mid, i+1)
		}
	}
	panic("sqlstore: no root folder " + contentType) // the callers are this package's own tables
}

// classifications is a table of the two default send classifications: n, name, type (engagement-wire 6).
const classifications = `SELECT 1 AS n, 'Default Commercial' AS name, 'Marketing' AS kind UNION ALL SELECT 2, 'Default Transactional', 'Operational'`

// guid is an expression for the identifier of something built in: a kind, a number and the business unit in GUID form.
// MIDs have at most nine digits.
func guid(kind int, n, mid string) string {
	return fmt.Sprintf("'%08d-0000-4000-8000-' || substr('000' || CAST(%s AS TEXT), length(CAST(%s AS TEXT)) + 1, 3) || substr('000000000' || CAST(%s AS TEXT), length(CAST(%s AS TEXT)) + 1, 9)",
		kind, n, n, mid, mid)
}

// builtin are the object types that stand on these lists.
func builtin() map[string]object {
	profile := guid(2, "1", "b.mid")
	return map[string]object{
		"DataFolder": {
			name: "DataFolder", from: `business_unit b CROSS JOIN (` + folders() + `) f WHERE b.eid = $1`, account: `b.mid IN (%s)`, key: `b.mid * 100 + f.n`, numeric: true,
			columns: []column{
				number("Client.ID", `b.mid`), moment("CreatedDate", `b.created_at`), moment("ModifiedDate", `b.created_at`), number("ID", `b.mid * 100 + f.n`),
				text("ObjectID", guid(1, "f.n", "b.mid")), text("CustomerKey", `f.content_type || '_default'`),
				number("ParentFolder.ID", `0`), text("ParentFolder.ObjectID", `CAST(NULL AS TEXT)`), text("ParentFolder.CustomerKey", `CAST(NULL AS TEXT)`), text("ParentFolder.Name", `CAST(NULL AS TEXT)`),
				text("Name", `f.name`), text("Description", `''`), text("ContentType", `f.content_type`), boolean("IsActive", `1`), boolean("IsEditable", `0`), boolean("AllowChildren", `1`),
			},
		},
		"SenderProfile": {
			name: "SenderProfile", from: `(SELECT b.eid, b.mid, ` + profile + ` AS id, 'Default' AS customer_key, 'Default' AS name, 'Default sender profile' AS description, COALESCE(s.from_name, '') AS from_name,
					CASE WHEN s.kind = 'UserDomain' THEN s.domain ELSE '' END AS from_address, b.created_at, b.created_at AS modified_at FROM business_unit b LEFT JOIN verified_sender s ON s.eid = b.eid AND s.is_default = 1
				UNION ALL SELECT p.eid, p.mid, p.id, p.customer_key, p.name, p.description, p.from_name, p.from_address, p.created_at, p.modified_at FROM sender_profile p) p WHERE p.eid = $1`,
			account: `p.mid IN (%s)`, key: `p.id`,
			columns: []column{
				number("Client.ID", `p.mid`), number("Client.CreatedBy", `0`), number("Client.ModifiedBy", `0`), moment("CreatedDate", `p.created_at`), moment("ModifiedDate", `p.modified_at`),
				text("ObjectID", `p.id`), text("CustomerKey", `p.customer_key`), updatable(text("Name", `p.name`), 100), updatable(text("Description", `p.description`), 2000),
				updatable(text("FromName", `p.from_name`), 130), updatable(text("FromAddress", `p.from_address`), 254), boolean("UseDefaultRMMRules", `0`),
				text("AutoForwardToEmailAddress", `''`), text("AutoForwardToName", `''`), boolean("DirectForward", `0`), text("AutoForwardTriggeredSend.ObjectID", `CAST(NULL AS TEXT)`),
				boolean("AutoReply", `0`), text("AutoReplyTriggeredSend.ObjectID", `CAST(NULL AS TEXT)`), text("SenderHeaderEmailAddress", `''`), text("SenderHeaderName", `''`),
				number("DataRetentionPeriodLength", `0`), text("DataRetentionPeriodUnitOfMeasure", `CAST(NULL AS TEXT)`),
				text("ReplyManagementRuleSet.ObjectID", `CAST(NULL AS TEXT)`), text("RMMRuleCollection.ObjectID", `CAST(NULL AS TEXT)`), text("FallbackFromAddress", `''`),
			},
		},
		"SendClassification": {
			name: "SendClassification", from: `(SELECT b.eid, b.mid, ` + guid(4, "c.n", "b.mid") + ` AS id, c.name AS customer_key, c.name, c.name AS description, c.kind, 'Default' AS profile_key, ` + profile + ` AS profile_id,
					b.created_at, b.created_at AS modified_at FROM business_unit b CROSS JOIN (` + classifications + `) c
				UNION ALL SELECT b.eid, b.mid, b.id, b.customer_key, b.name, b.description, b.kind, COALESCE(p.customer_key, 'Default'), COALESCE(p.id, ` + profile + `), b.created_at, b.modified_at
				FROM send_classification b LEFT JOIN sender_profile p ON p.eid = b.eid AND p.mid = b.mid AND p.key_fold = lower(b.profile_key)) c WHERE c.eid = $1`,
			account: `c.mid IN (%s)`, key: `c.id`,
			columns: []column{
				number("Client.ID", `c.mid`), moment("CreatedDate", `c.created_at`), moment("ModifiedDate", `c.modified_at`),
				text("ObjectID", `c.id`), text("CustomerKey", `c.customer_key`), updatable(text("SendClassificationType", `c.kind`), 0), updatable(text("Name", `c.name`), 100), updatable(text("Description", `c.description`), 2000),
				text("SenderProfile.ObjectID", `c.profile_id`), text("SenderProfile.CustomerKey", `c.profile_key`),
				text("DeliveryProfile.ObjectID", guid(3, "1", "c.mid")), text("DeliveryProfile.CustomerKey", `'Default'`), boolean("ArchiveEmail", `0`),
			},
		},
		"DataExtensionTemplate": {
			name: "DataExtensionTemplate", from: `business_unit b WHERE b.eid = $1`, account: `b.mid IN (%s)`, key: `b.mid`, numeric: true,
			columns: []column{
				number("Client.ID", `b.mid`), moment("CreatedDate", `b.created_at`), text("ObjectID", guid(5, "1", "b.mid")), text("CustomerKey", `'TriggeredSendDataExtension'`),
				text("Name", `'TriggeredSendDataExtension'`), text("Description", `'For the subscribers of triggered sends'`), boolean("IsSendable", `1`), boolean("IsTestable", `0`),
				text("SendableCustomObjectField", `'SubscriberKey'`), text("SendableSubscriberField", `'Subscriber Key'`), number("DataRetentionPeriodLength", `0`),
				text("DataRetentionPeriodUnitOfMeasure", `CAST(NULL AS TEXT)`), boolean("RowBasedRetention", `0`), boolean("ResetRetentionPeriodOnImport", `0`),
				boolean("DeleteAtEndOfRetentionPeriod", `0`), text("RetainUntil", `''`),
			},
		},
		"DataExtension": {
			name: "DataExtension", from: `data_extension d WHERE d.eid = $1 AND d.deleted_at = 0`, account: `d.mid IN (%s)`, key: `d.id`,
			columns: []column{
				number("Client.ID", `d.mid`), moment("CreatedDate", `d.created_at`), moment("ModifiedDate", `d.modified_at`), text("ObjectID", `d.id`),
				text("CustomerKey", `d.customer_key`), text("Name", `d.name`), text("Description", `d.description`), boolean("IsSendable", `d.is_sendable`), boolean("IsTestable", `0`),
				text("SendableDataExtensionField.Name", `NULLIF(d.send_field, '')`), text("SendableSubscriberField.Name", `NULLIF(d.send_subscriber_field, '')`),
				text("Template.CustomerKey", `CAST(NULL AS TEXT)`), number("CategoryID", folderOf("d.mid", "dataextension")), text("Status", `'Active'`),
				number("DataRetentionPeriodLength", `0`), text("DataRetentionPeriodUnitOfMeasure", `CAST(NULL AS TEXT)`), boolean("RowBasedRetention", `0`),
				boolean("ResetRetentionPeriodOnImport", `0`), boolean("DeleteAtEndOfRetentionPeriod", `0`), text("RetainUntil", `''`),
			},
		},
		"DataExtensionField": {
			name: "DataExtensionField", from: `data_extension_field f JOIN data_extension d ON d.eid = f.eid AND d.id = f.extension_id WHERE f.eid = $1 AND d.deleted_at = 0`,
			account: `d.mid IN (%s)`, key: `f.id`,
			columns: []column{
				number("Client.ID", `d.mid`), moment("CreatedDate", `d.created_at`), moment("ModifiedDate", `d.modified_at`), text("ObjectID", `f.id`),
				text("CustomerKey", `'[' || d.customer_key || '].[' || f.name || ']'`), text("Name", `f.name`), text("DefaultValue", `f.default_value`),
				number("MaxLength", `NULLIF(f.max_length, 0)`), boolean("IsRequired", `f.is_required`), number("Ordinal", `f.ordinal`), boolean("IsPrimaryKey", `f.is_primary_key`),
				text("FieldType", `f.field_type`), number("Scale", `NULLIF(f.scale, 0)`), text("DataExtension.CustomerKey", `d.customer_key`), text("DataExtension.Name", `d.name`),
			},
		},
	}
}
