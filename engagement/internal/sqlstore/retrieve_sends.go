package sqlstore

import (
	"context"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// expandAudience shows an audience as the WSDL's SendDefinitionList.
func expandAudience(_ context.Context, _ *Sending, eid tenant.EID, keys []string) ([]tenant.Objects, error) {
	out := make([]tenant.Objects, len(keys))
	for i, key := range keys {
		var a tenant.Audience
		if err := fromJSON(key, &a); err != nil {
			return nil, err
		}
		out[i] = tenant.Objects{Name: "SendDefinitionList", Bare: true}
		for _, part := range []struct {
			kind string
			list []tenant.AudienceSource
		}{{"ExclusionList", a.Exclusions}, {"SourceList", a.Sources}} {
			for _, source := range part.list {
				o := tenant.Object{Properties: []string{"ObjectID"}, Values: []tenant.Value{source.ID}}
				add := func(name string, v tenant.Value) {
					o.Properties, o.Values = append(o.Properties, name), append(o.Values, v)
				}
				list := source.List
				if list == 0 {
					list = int64(eid)
				}
				add("List.ID", list)
				add("SendDefinitionListType", part.kind)
				if source.Extension != "" {
					add("CustomObjectID", source.Extension)
					add("DataSourceTypeID", "CustomObject")
				} else {
					add("DataSourceTypeID", "List")
				}
				add("IsTestObject", source.Test)
				add("SalesForceObjectID", "")
				add("Name", "")
				out[i].Items = append(out[i].Items, o)
			}
		}
	}
	return out, nil
}

// counted counts the messages of a send in some states.
func counted(states string) string {
	return `(SELECT COUNT(*) FROM message m WHERE m.eid = v.eid AND m.send_id = v.id` + states + `)`
}

// happened counts the messages of a send that have an event of the kind for which more holds.
func happened(kind tenant.EventKind, more string) string {
	return `(SELECT COUNT(DISTINCT t.message_id) FROM tracking_event t WHERE t.eid = v.eid AND t.send_id = v.id AND t.kind = '` + string(kind) + `'` + more + `)`
}

// codes are the conditions on messages that were not sent for a reason.
func codes(list ...tenant.SendCode) string {
	text := ""
	for i, c := range list {
		if i > 0 {
			text += ", "
		}
		text += strconv.Itoa(int(c))
	}
	return ` AND m.state = 'not_sent' AND m.code IN (` + text + `)`
}

// sendObjects are the object types of sends to audiences and of asynchronous requests.
func sendObjects() map[string]object {
	null := `CAST(NULL AS TEXT)`
	return map[string]object{
		"Send": {
			name: "Send", from: `email_send v WHERE v.eid = $1`, account: `v.mid IN (%s)`, key: `v.id`, numeric: true,
			columns: []column{
				number("Client.ID", `v.mid`), number("Client.PartnerClientKey", `v.mid`), moment("CreatedDate", `v.created_at`), moment("ModifiedDate", `v.modified_at`), number("ID", `v.id`),
				text("ObjectID", `v.object_id`), number("Email.ID", `v.email_id`), text("Email.PartnerKey", null), text("Email.CustomerKey", `v.email_key`),
				moment("SendDate", `v.created_at`), text("FromAddress", `v.from_address`), text("FromName", `v.from_name`), number("Duplicates", `0`),
				number("InvalidAddresses", counted(codes(tenant.SendInvalidAddress))), number("ExistingUndeliverables", counted(codes(tenant.SendHeld))),
				number("ExistingUnsubscribes", counted(codes(tenant.SendUnsubscribed))),
				number("HardBounces", happened(tenant.EventBounce, ` AND t.bounce = 'Hard'`)), number("SoftBounces", happened(tenant.EventBounce, ` AND t.bounce = 'Soft'`)), number("OtherBounces", happened(tenant.EventBounce, ` AND t.bounce = 'Block'`)),
				number("ForwardedEmails", `0`), number("UniqueClicks", happened(tenant.EventClick, ``)), number("UniqueOpens", happened(tenant.EventOpen, ``)),
				number("NumberSent", counted(` AND m.state = 'sent'`)),
				number("NumberDelivered", counted(` AND m.state = 'sent' AND NOT EXISTS (SELECT 1 FROM tracking_event t WHERE t.eid = m.eid AND t.message_id = m.id AND t.kind = 'Bounce')`)),
				number("NumberTargeted", counted(``)), number("NumberErrored", `v.errored`), number("NumberExcluded", `v.excluded`),
				number("Unsubscribes", happened(tenant.EventUnsubscribe, ``)), number("MissingAddresses", counted(codes(tenant.SendMissingAddress))),
				text("Subject", `v.subject`), text("PreviewURL", null), moment("SentDate", `v.created_at`), text("EmailName", `v.email_name`),
				text("Status", `CASE WHEN v.state = 'Failed' THEN 'Failed' WHEN v.state = 'Spreading' THEN 'Sending'
					WHEN EXISTS (SELECT 1 FROM message m WHERE m.eid = v.eid AND m.send_id = v.id AND m.state IN ('queued', 'sending')) THEN 'Sending' ELSE 'Complete' END`),
				boolean("IsMultipart", `1`), number("SendLimit", `0`), text("SendWindowOpen", null), text("SendWindowClose", null), boolean("IsAlwaysOn", `0`),
				text("Additional", null), text("BccEmail", null), text("EmailSendDefinition.ObjectID", `NULLIF(v.definition_id, '')`),
				text("EmailSendDefinition.CustomerKey", `(SELECT d.customer_key FROM email_send_definition d WHERE d.eid = v.eid AND d.id = v.definition_id)`),
			},
		},
		"EmailSendDefinition": {
			name: "EmailSendDefinition", from: `email_send_definition v WHERE v.eid = $1`, account: `v.mid IN (%s)`, key: `v.id`,
			columns: []column{
				number("Client.ID", `v.mid`), moment("CreatedDate", `v.created_at`), moment("ModifiedDate", `v.modified_at`), text("ObjectID", `v.id`), updatable(text("CustomerKey", `v.customer_key`), tenant.MaxKey),
				boolean("IsPlatformObject", `0`), updatable(text("Name", `v.name`), tenant.MaxEmailName), updatable(text("Description", `v.description`), 2000), number("CategoryID", folderOf("v.mid", "userinitiatedsends")),
				updatable(text("SendClassification.CustomerKey", `v.classification`), tenant.MaxKey), updatable(text("SenderProfile.CustomerKey", `COALESCE(NULLIF(v.profile_key, ''), 'Default')`), tenant.MaxKey),
				text("DeliveryProfile.CustomerKey", `'Default'`), text("DeliveryProfile.PrivateDomain", null), text("DeliveryProfile.PrivateIP", null),
				boolean("SuppressTracking", `0`), boolean("IsSendLogging", `0`), members("SendDefinitionList", `v.audience`, expandAudience), updatable(number("Email.ID", `v.email_id`), 0),
				text("BccEmail", `''`), text("AutoBccEmail", `''`), text("TestEmailAddr", `''`),
				updatable(text("EmailSubject", `CASE WHEN v.subject = '' THEN COALESCE((SELECT e.subject FROM email e WHERE e.eid = v.eid AND e.id = v.email_id), '') ELSE v.subject END`), tenant.MaxEmailSubject),
				text("DynamicEmailSubject", `CASE WHEN v.subject = '' THEN COALESCE((SELECT e.subject FROM email e WHERE e.eid = v.eid AND e.id = v.email_id), '') ELSE v.subject END`),
				boolean("IsMultipart", `1`), updatable(boolean("IsWrapped", `v.track_links`), 0), number("SendLimit", `0`), text("SendWindowOpen", null), text("SendWindowClose", null),
				updatable(boolean("DeduplicateByEmail", `v.is_deduplicated`), 0), text("ExclusionFilter", `''`), text("Additional", `''`), text("CCEmail", `''`),
			},
		},
		"ResultItem": {
			name: "ResultItem", from: `request_result v WHERE v.eid = $1`, account: `v.mid IN (%s)`, key: `v.id`, numeric: true,
			columns: []column{
				number("Client.ID", `v.mid`), moment("CreatedDate", `v.created_at`), moment("ModifiedDate", `v.created_at`), number("ID", `v.id`), text("ObjectID", null),
				text("RequestID", `v.request_id`), text("ConversationID", `NULLIF(v.conversation_id, '')`), text("StatusCode", `v.status_code`), text("StatusMessage", `v.status_message`),
				number("OrdinalID", `v.ordinal`), number("ErrorCode", `v.error_code`), text("RequestType", `'Asynchronous'`), text("RequestObjectType", `v.object_type`),
			},
		},
	}
}
