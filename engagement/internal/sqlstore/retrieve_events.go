package sqlstore

// events are the tracking events of the SOAP API, each an object type of its own (the WSDL's TrackingEvent and what
// extends it). SendID names the Send and is 0 for what was triggered, where the definition names it; BatchID is 0.
func events() map[string]object {
	all := map[string]object{}
	for name, e := range map[string]struct {
		kind, eventType string
		more            []column
	}{
		"SentEvent":  {"Sent", `'Sent'`, nil},
		"OpenEvent":  {"Open", `'Open'`, nil},
		"ClickEvent": {"Click", `'Click'`, []column{text("URL", `v.url`)}},
		"UnsubEvent": {"Unsubscribe", `'Unsubscribe'`, []column{number("List.ID", `v.eid`), boolean("IsMasterUnsubscribed", `1`)}},
		"BounceEvent": {"Bounce", `CASE v.bounce WHEN 'Hard' THEN 'HardBounce' WHEN 'Soft' THEN 'SoftBounce' ELSE 'OtherBounce' END`, []column{
			text("SMTPCode", `v.smtp_code`), text("BounceCategory", `CASE v.bounce WHEN 'Hard' THEN 'Hard bounce' WHEN 'Soft' THEN 'Soft bounce' ELSE 'Block bounce' END`),
			text("SMTPReason", `v.smtp_reason`), text("BounceType", `'immediate'`),
		}},
	} {
		all[name] = object{
			name: name, from: `tracking_event v WHERE v.eid = $1 AND v.kind = '` + e.kind + `'`, account: `v.mid IN (%s)`, key: `v.id`, numeric: true,
			columns: append([]column{
				number("Client.ID", `v.mid`), moment("CreatedDate", `v.happened_at`), moment("ModifiedDate", `v.happened_at`), number("ID", `v.id`), text("ObjectID", `v.message_id`),
				number("SendID", `v.send_id`), text("SubscriberKey", `v.subscriber_key`), moment("EventDate", `v.happened_at`), text("EventType", e.eventType),
				text("TriggeredSendDefinitionObjectID", `NULLIF(v.definition_id, '')`), number("BatchID", `0`),
			}, e.more...),
		}
	}
	all["NotSentEvent"] = object{
		name: "NotSentEvent", from: `message m WHERE m.eid = $1 AND m.event_id > 0`, account: `m.mid IN (%s)`, key: `m.event_id`, numeric: true,
		columns: []column{
			number("Client.ID", `m.mid`), moment("CreatedDate", `m.changed_at`), moment("ModifiedDate", `m.changed_at`), number("ID", `m.event_id`), text("ObjectID", `m.id`),
			number("SendID", `m.send_id`), text("SubscriberKey", `m.subscriber_key`), moment("EventDate", `m.changed_at`), text("EventType", `'NotSent'`),
			text("TriggeredSendDefinitionObjectID", `NULLIF(m.definition_id, '')`), number("BatchID", `0`),
		},
	}
	return all
}
