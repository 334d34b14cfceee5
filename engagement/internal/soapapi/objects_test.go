package soapapi_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// object is one object of a request.
func object(kind, members string) string {
	return `<Objects xsi:type="` + kind + `">` + members + `</Objects>`
}

// TestObjectsComeAndGo makes, changes, reads and removes each type of object in turn: "operation|object|texts of the answer".
func TestObjectsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			ids := map[string]string{}
			created := regexp.MustCompile(`<NewID>(\d+)</NewID>(?:<NewObjectID>([0-9a-f-]{36})</NewObjectID>)?`)
			for _, c := range []struct {
				operation, object string
				want              []string
			}{
				{"Create", object("Email", `<CustomerKey>letter</CustomerKey><Name>Letter</Name><Subject>Hi</Subject><HTMLBody>&lt;p&gt;Hi %%First Name%%&lt;/p&gt;</HTMLBody>`), []string{"Email created."}},
				{"Create", object("Email", `<CustomerKey>LETTER</CustomerKey><Name>L</Name><Subject>Hi</Subject><TextBody>Hi</TextBody>`), []string{"<ErrorCode>10000</ErrorCode>", "exists already"}},
				{"Create", object("Email", `<CustomerKey>script</CustomerKey><Name>L</Name><Subject>Hi</Subject><TextBody>%%[ set @a = 1 ]%%</TextBody>`), []string{"<ErrorCode>10000</ErrorCode>", "AMPscript"}},
				{"Update", object("Email", `<ID>{Email}</ID><Subject>Hello</Subject>`), []string{"Email updated."}},

				{"Create", object("SenderProfile", `<CustomerKey>support</CustomerKey><Name>Support</Name><FromName>Support</FromName><FromAddress>`+sendertest.From+`</FromAddress>`), []string{"SenderProfile created"}},
				{"Create", object("SenderProfile", `<CustomerKey>Default</CustomerKey><Name>x</Name><FromAddress>`+sendertest.From+`</FromAddress>`), []string{"every account has"}},
				{"Update", object("SenderProfile", `<CustomerKey>SUPPORT</CustomerKey><FromName>Help &amp; Support</FromName>`), []string{"SenderProfile updated"}},
				{"Create", object("SendClassification", `<CustomerKey>help</CustomerKey><Name>Help</Name><SendClassificationType>Operational</SendClassificationType><SenderProfile><ObjectID>{SenderProfile}</ObjectID></SenderProfile>`), []string{"SendClassification created"}},
				{"Create", object("SendClassification", `<CustomerKey>odd</CustomerKey><Name>Odd</Name><SendClassificationType>Odd</SendClassificationType>`), []string{"Operational or Marketing"}},
				{"Create", object("SendClassification", `<CustomerKey>odd</CustomerKey><Name>Odd</Name><SendClassificationType>Marketing</SendClassificationType><SenderProfile><CustomerKey>nobody</CustomerKey></SenderProfile>`), []string{"no sender profile"}},
				{"Update", object("SendClassification", `<CustomerKey>help</CustomerKey><Description>For those who ask</Description>`), []string{"SendClassification updated"}},
				{"Delete", object("SenderProfile", `<CustomerKey>support</CustomerKey>`), []string{"A send classification uses the sender profile."}},

				{
					"Create", object("TriggeredSendDefinition", `<CustomerKey>answer</CustomerKey><Name>Answer</Name><Email><ID>{Email}</ID></Email><List><ID>510000001</ID></List><SendClassification><CustomerKey>help</CustomerKey></SendClassification><IsWrapped>true</IsWrapped>`),
					[]string{`<Results xsi:type="TriggeredSendDefinition"><StatusCode>OK</StatusCode><StatusMessage>TriggeredSendDefinition created</StatusMessage><OrdinalID>0</OrdinalID><NewID>0</NewID><NewObjectID>`},
				},
				{"Create", object("TriggeredSend", `<TriggeredSendDefinition><CustomerKey>answer</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>a@example.com</EmailAddress></Subscribers>`), []string{"<ErrorCode>18001</ErrorCode>"}},
				{"Create", object("TriggeredSendDefinition", `<CustomerKey>x</CustomerKey><Name>x</Name><Email><ID>1</ID></Email>`), []string{"<ErrorCode>17000</ErrorCode>", "no such email"}},
				{"Create", object("TriggeredSendDefinition", `<CustomerKey>x</CustomerKey><Name>x</Name><Email><ID>{Email}</ID></Email><FromAddress>nowhere</FromAddress>`), []string{"<ErrorCode>17106</ErrorCode>"}},
				{"Create", object("TriggeredSendDefinition", `<CustomerKey>x</CustomerKey><Name>x</Name><Email><ID>{Email}</ID></Email><BccEmail>b@example.com</BccEmail>`), []string{"BccEmail is not supported."}},
				{"Create", object("TriggeredSendDefinition", `<CustomerKey>x</CustomerKey><Name>x</Name><Email><ID>{Email}</ID></Email><SendClassification><CustomerKey>nothing</CustomerKey></SendClassification>`), []string{"no such send classification"}},
				{"Update", object("TriggeredSendDefinition", `<ObjectID>{TriggeredSendDefinition}</ObjectID><TriggeredSendStatus>Active</TriggeredSendStatus>`), []string{"TriggeredSendDefinition updated"}},
				{"Create", object("TriggeredSend", `<TriggeredSendDefinition><CustomerKey>answer</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>ask@example.com</EmailAddress></Subscribers>`), []string{"<OverallStatus>OK<"}},
				{"Update", object("TriggeredSendDefinition", `<CustomerKey>answer</CustomerKey><TriggeredSendStatus>New</TriggeredSendStatus>`), []string{"<ErrorCode>17000</ErrorCode>"}},
				{"Update", object("TriggeredSendDefinition", `<CustomerKey>answer</CustomerKey><TriggeredSendStatus>Inactive</TriggeredSendStatus>`), []string{"<OverallStatus>OK<"}},
				{"Create", object("TriggeredSend", `<TriggeredSendDefinition><CustomerKey>answer</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>a@example.com</EmailAddress></Subscribers>`), []string{"<ErrorCode>18001</ErrorCode>"}},
				{"Delete", object("Email", `<ID>{Email}</ID>`), []string{"content of a triggered send definition"}},
				{"Delete", object("SendClassification", `<CustomerKey>help</CustomerKey>`), []string{"A triggered send definition uses"}},
				{"Update", object("TriggeredSendDefinition", `<CustomerKey>answer</CustomerKey><TriggeredSendStatus>Deleted</TriggeredSendStatus>`), []string{"TriggeredSendDefinition deleted"}},
				{"Delete", object("TriggeredSendDefinition", `<CustomerKey>answer</CustomerKey>`), []string{"<ErrorCode>17000</ErrorCode>"}},
				{"Delete", object("SendClassification", `<CustomerKey>help</CustomerKey>`), []string{"SendClassification deleted"}},
				{"Delete", object("SenderProfile", `<CustomerKey>support</CustomerKey>`), []string{"SenderProfile deleted"}},
				{"Delete", object("Email", `<ID>{Email}</ID>`), []string{"Email deleted."}},

				{"Create", object("List", `<CustomerKey>news</CustomerKey><ListName>News</ListName>`), []string{"Created List."}},
				{"Create", object("List", `<CustomerKey>News</CustomerKey><ListName>News</ListName>`), []string{"exists already"}},
				{"Update", object("List", `<ID>{List}</ID><Description>What is new</Description>`), []string{"Updated List."}},
				{"Create", object("Subscriber", `<SubscriberKey>s1</SubscriberKey><EmailAddress>s1@example.com</EmailAddress><Lists><ID>{List}</ID><Status>Active</Status></Lists>`), []string{"Created Subscriber."}},
				{"Create", object("Subscriber", `<SubscriberKey>s1</SubscriberKey><EmailAddress>s1@example.com</EmailAddress><Lists><ID>{List}</ID></Lists>`), []string{"<ErrorCode>12014</ErrorCode>", "The subscriber is already on the list"}},
				{"Create", object("Subscriber", `<SubscriberKey>s2</SubscriberKey><EmailAddress>s2@example.com</EmailAddress>`), []string{"Created Subscriber."}},
				{"Create", object("Subscriber", `<SubscriberKey>s2</SubscriberKey><EmailAddress>s2@example.com</EmailAddress><Lists><ID>{List}</ID></Lists>`), []string{"Created Subscriber."}},
				{"Update", object("Subscriber", `<SubscriberKey>s2</SubscriberKey><Lists><ID>{List}</ID><Status>Unsubscribed</Status><Action>update</Action></Lists>`), []string{"Updated Subscriber."}},
				{"Update", object("Subscriber", `<SubscriberKey>s1</SubscriberKey><Lists><ID>{List}</ID><Action>delete</Action></Lists>`), []string{"Updated Subscriber."}},
				{"Update", object("Subscriber", `<SubscriberKey>s1</SubscriberKey><Lists><ID>77</ID></Lists>`), []string{"<ErrorCode>12000</ErrorCode>", "The list does not exist."}},
			} {
				body := c.object
				for name, id := range ids {
					body = strings.ReplaceAll(body, "{"+name+"}", id)
				}
				text := call(t, server, c.operation, message(c.operation, "", body))
				for _, want := range c.want {
					if !strings.Contains(text, want) {
						t.Fatalf("%s %s: %s is missing in\n%s", c.operation, body, want, text)
					}
				}
				k.Drain() // so that what was accepted goes out before its definition changes
				if m := created.FindStringSubmatch(text); m != nil && strings.Contains(text, ">OK</OverallStatus>") {
					name, _, _ := strings.Cut(strings.TrimPrefix(c.object, `<Objects xsi:type="`), `"`)
					if ids[name] = m[1]; m[1] == "0" {
						ids[name] = m[2]
					}
				}
			}
			if mails := k.Mails("ask@example.com"); len(mails) != 1 || mails[0].Subject != "Hello" || !strings.Contains(mails[0].From, "Help & Support") {
				t.Errorf("%+v", mails)
			}
			if members, _ := retrieve(t, server, "good", "ListSubscriber", "Status", filter("ListID", "equals", ids["List"])); strings.Join(members, ",") != "Unsubscribed" {
				t.Errorf("on the list: %v", members)
			}
			if all, _ := retrieve(t, server, "good", "ListSubscriber", "SubscriberKey", filter("ListID", "equals", "510000001")); len(all) != 3 {
				t.Errorf("on All Subscribers: %v", all)
			}
			if lists, _ := retrieve(t, server, "good", "List", "ListName", ""); len(lists) != 2 {
				t.Errorf("lists: %v", lists)
			}
			if lists, _ := retrieve(t, server, "child", "List", "ListName", ""); strings.Join(lists, ",") != "All Subscribers" {
				t.Errorf("lists of another unit: %v", lists)
			}
			text := call(t, server, "Delete", message("Delete", "", object("List", `<ID>`+ids["List"]+`</ID>`)))
			if !strings.Contains(text, "List deleted") {
				t.Error(text)
			}
			if profiles, _ := retrieve(t, server, "good", "SenderProfile", "CustomerKey", ""); strings.Join(profiles, ",") != "Default" {
				t.Errorf("profiles: %v", profiles)
			}
			if classes, _ := retrieve(t, server, "good", "SendClassification", "CustomerKey", ""); len(classes) != 2 {
				t.Errorf("classifications: %v", classes)
			}
		})
	}
}

// TestPerform starts and stops a definition, and has the recorded shape: no OrdinalID.
func TestPerform(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	perform := func(action, definition string) string {
		return call(t, server, "Perform", `<PerformRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><Action>`+action+`</Action><Definitions><Definition xsi:type="`+definition+`</Definition></Definitions></PerformRequestMsg>`)
	}
	status := func() string {
		d, err := k.Definitions.Get(t.Context(), sendertest.Principal(sendertest.Top), "welcome")
		if err != nil {
			t.Fatal(err)
		}
		return string(d.Status)
	}
	for _, c := range [][3]string{
		{"stop", `TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey>`, "Inactive"}, {"start", `TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey>`, "Active"},
	} {
		text := perform(c[0], c[1])
		if !strings.Contains(text, `<PerformResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><Results><Result><StatusCode>OK</StatusCode><StatusMessage>Performed Activity</StatusMessage><Object xsi:type="TriggeredSendDefinition">`) ||
			!strings.Contains(text, `</Result></Results><OverallStatus>OK</OverallStatus><OverallStatusMessage/><RequestID>`) || status() != c[2] {
			t.Errorf("%s: %s, %s", c[0], status(), text)
		}
	}
	for _, c := range [][3]string{
		{"dance", `TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey>`, "is not supported"},
		{"start", `TriggeredSendDefinition"><CustomerKey>nobody</CustomerKey>`, "<ErrorCode>17000</ErrorCode>"},
		{"start", `Automation"><CustomerKey>x</CustomerKey>`, "Unable to find a handler for object type: Automation."},
	} {
		if text := perform(c[0], c[1]); !strings.Contains(text, c[2]) || !strings.Contains(text, "<OverallStatus>Error<") {
			t.Errorf("%s: %s", c[0], text)
		}
	}
}

// TestObjectRights: no object is made without its permission.
func TestObjectRights(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	poor := sendertest.Principal(sendertest.Top)
	poor.Permissions = []string{tenant.PermWebServices}
	k.Auth.Put("poor", poor)
	for _, kind := range []string{"Email", "SenderProfile", "SendClassification", "TriggeredSendDefinition", "List", "Subscriber", "DataExtension", "EmailSendDefinition", "Role"} {
		for _, operation := range []string{"Create", "Update", "Delete"} {
			body := message(operation, "", object(kind, `<CustomerKey>welcome</CustomerKey><Name>x</Name><ListName>x</ListName><SubscriberKey>s</SubscriberKey><EmailAddress>s@example.com</EmailAddress><SendClassificationType>Marketing</SendClassificationType>`))
			a := post(t, server, "/Service.asmx", strings.Replace(envelope(body), ">good<", ">poor<", 1), "SOAPAction", operation)
			if !strings.Contains(a.text, "API Permission Failed.") {
				t.Errorf("%s %s: %s", operation, kind, a.text)
			}
		}
	}
}
