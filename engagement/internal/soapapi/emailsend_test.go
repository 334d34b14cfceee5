package soapapi_test

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

const partner = `xmlns="http://exacttarget.com/wsdl/partnerAPI"`

// audience is a kit with an email, two lists and a data extension to send to.
type audience struct {
	*sendertest.Kit
	t                   *testing.T
	server              *httptest.Server
	email, list, others string
	extension           string // GUID
}

func (a *audience) create(objects string) string {
	a.t.Helper()
	text := call(a.t, a.server, "Create", `<CreateRequest `+partner+`>`+objects+`</CreateRequest>`)
	if !strings.Contains(text, "<OverallStatus>OK</OverallStatus>") {
		a.t.Fatalf("creating %s: %s", objects, text)
	}
	return text
}

// newID is the number of what was created.
func newID(text string) string {
	return regexp.MustCompile(`<NewID>(\d+)</NewID>`).FindStringSubmatch(text)[1]
}

func newAudience(t *testing.T, kind string) *audience {
	t.Helper()
	k := sendertest.New(t, sqldbtest.Open(t, sqldbtest.DSN(t, kind), sendertest.Migrations()), sendertest.Options{Links: tenant.Links{Base: "http://track.example", Key: []byte("0123456789abcdef0123456789abcdef")}})
	a := &audience{Kit: k, t: t, server: k.Serve()}
	a.email = newID(a.create(`<Objects xsi:type="Email"><CustomerKey>news</CustomerKey><Name>News</Name><Subject>News for %%First Name%%%%Name%%</Subject>` +
		`<HTMLBody>&lt;p&gt;%%Plan%%&lt;/p&gt;&lt;a href="%%unsub_center_url%%"&gt;leave&lt;/a&gt;</HTMLBody></Objects>`))
	a.list = newID(a.create(`<Objects xsi:type="List"><ListName>Readers</ListName><CustomerKey>readers</CustomerKey></Objects>`))
	a.others = newID(a.create(`<Objects xsi:type="List"><ListName>Others</ListName><CustomerKey>others</CustomerKey></Objects>`))
	member := func(name, status, listStatus string) string {
		return `<Objects xsi:type="Subscriber"><SubscriberKey>` + name + `</SubscriberKey><EmailAddress>` + name + `@example.com</EmailAddress><Status>` + status + `</Status>` +
			`<Attributes><Name>First Name</Name><Value>` + strings.ToUpper(name) + `</Value></Attributes><Lists><ID>` + a.list + `</ID><Status>` + listStatus + `</Status></Lists></Objects>`
	}
	a.create(member("ann", "Active", "Active") + member("bob", "Active", "Unsubscribed") + member("cy", "Unsubscribed", "Active") + member("dee", "Active", "Active") +
		`<Objects xsi:type="Subscriber"><SubscriberKey>vip</SubscriberKey><EmailAddress>vip@example.com</EmailAddress><Lists><ID>` + a.others + `</ID></Lists></Objects>`)
	field := func(name, kind, more string) string {
		return `<Field><Name>` + name + `</Name><FieldType>` + kind + `</FieldType>` + more + `</Field>`
	}
	a.create(`<Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><Name>People</Name><IsSendable>true</IsSendable><SendableDataExtensionField><Name>Id</Name></SendableDataExtensionField>` +
		`<SendableSubscriberField><Name>Subscriber Key</Name></SendableSubscriberField><Fields>` + field("N", "Number", "<IsPrimaryKey>true</IsPrimaryKey><IsRequired>true</IsRequired>") + field("Id", "Text", "<MaxLength>50</MaxLength>") +
		field("Mail", "EmailAddress", "") + field("Name", "Text", "<MaxLength>50</MaxLength>") + field("Plan", "Text", "<MaxLength>50</MaxLength>") + `</Fields></Objects>`)
	ids, _ := retrieve(t, a.server, "good", "DataExtension", "ObjectID", filter("CustomerKey", "equals", "people"))
	a.extension = ids[0]
	return a
}

func (a *audience) row(n int, id, mail, name, plan string) {
	a.t.Helper()
	value := func(name, v string) string {
		return `<Property><Name>` + name + `</Name><Value>` + v + `</Value></Property>`
	}
	a.create(`<Objects xsi:type="DataExtensionObject"><CustomerKey>people</CustomerKey><Properties>` + value("N", fmt.Sprint(n)) + value("Id", id) + value("Mail", mail) + value("Name", name) + value("Plan", plan) + `</Properties></Objects>`)
}

// got lists who has how many mails.
func (a *audience) got() []string {
	var to []string
	for _, m := range a.Inbox.List(mail.Filter{}) {
		to = append(to, m.EnvelopeTo[0])
	}
	slices.Sort(to)
	return to
}

// mail is the first mail to the address, with its bodies.
func (a *audience) mail(to string) mail.Mail {
	a.t.Helper()
	m, err := a.Inbox.Get(a.Mails(to)[0].ID)
	if err != nil {
		a.t.Fatal(err)
	}
	return m
}

// oneClick reports whether the mail has the header of one-click unsubscription.
func (a *audience) oneClick(m mail.Mail) bool {
	a.t.Helper()
	raw, err := a.Inbox.Raw(m.ID)
	if err != nil {
		a.t.Fatal(err)
	}
	return strings.Contains(string(raw), "List-Unsubscribe:")
}

// send reads a property of the send.
func (a *audience) send(id, property string) string {
	a.t.Helper()
	values, status := retrieve(a.t, a.server, "good", "Send", property, filter("ID", "equals", id))
	if len(values) != 1 {
		a.t.Fatalf("send %s: %v %s", id, values, status)
	}
	return values[0]
}

func (a *audience) expect(id string, want map[string]string) {
	a.t.Helper()
	for property, value := range want {
		if got := a.send(id, property); got != value {
			a.t.Errorf("%s is %s, not %s", property, got, value)
		}
	}
}

// A Send to a list reaches its active members, keeps their tracking, and leaves alone who has unsubscribed.
func TestSendToAList(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a := newAudience(t, kind)
			object := `<Objects xsi:type="Send"><Email><ID>` + a.email + `</ID></Email><List><ID>` + a.list + `</ID></List></Objects>`
			text := a.create(object)
			id := newID(text)
			if !strings.Contains(text, `<Object xsi:type="Send">`) || !strings.Contains(text, "<NewObjectID>") {
				t.Error(text)
			}
			a.Drain()
			if got := a.got(); !slices.Equal(got, []string{"ann@example.com", "dee@example.com"}) {
				t.Fatalf("mails to %v", got)
			}
			m := a.mail("ann@example.com")
			if m.Subject != "News for ANN" || !a.oneClick(m) {
				t.Errorf("%+v", m)
			}
			a.expect(id, map[string]string{
				"Status": "Complete", "NumberSent": "2", "NumberDelivered": "2", "NumberTargeted": "3", "ExistingUnsubscribes": "1", "EmailName": "News",
				"Subject": "News for %%First Name%%%%Name%%", "UniqueOpens": "0", "Unsubscribes": "0", "Email.ID": a.email,
			})
			for object, want := range map[string][]string{"SentEvent": {"ann", "dee"}, "NotSentEvent": {"cy"}} {
				keys, _ := retrieve(t, a.server, "good", object, "SubscriberKey", filter("SendID", "equals", id))
				slices.Sort(keys)
				if !slices.Equal(keys, want) {
					t.Errorf("%s: %v", object, keys)
				}
			}
			token := regexp.MustCompile(`http://track.example/t/u/([a-z2-7]+)`).FindStringSubmatch(m.HTML)
			if token == nil {
				t.Fatal(m.HTML)
			}
			if _, err := a.Tracking.Unsubscribe(t.Context(), token[1]); err != nil {
				t.Fatal(err)
			}
			a.expect(id, map[string]string{"Unsubscribes": "1"})
			again := newID(a.create(object))
			a.Drain()
			if got := a.got(); !slices.Equal(got, []string{"ann@example.com", "dee@example.com", "dee@example.com"}) {
				t.Errorf("after ann left: %v", got)
			}
			a.expect(again, map[string]string{"NumberSent": "1", "ExistingUnsubscribes": "2"})
			if again == id {
				t.Error("two sends have one number")
			}
		})
	}
}

// An email send definition sends to a data extension with the values of its rows, leaves out who is on an exclusion
// list, and says what it began.
func TestEmailSendDefinition(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a := newAudience(t, kind)
			for i, r := range [][4]string{{"new", "new@example.com", "Newman", "gold &amp; silver"}, {"cy", "cy@example.com", "Cy", "x"}, {"vip", "vip@example.com", "Vip", "x"}, {"", "nobody@example.com", "x", "x"}, {"ann", "", "Ann", "tin"}, {"twin", "new@example.com", "Twin", "x"}} {
				a.row(i+1, r[0], r[1], r[2], r[3])
			}
			text := a.create(`<Objects xsi:type="EmailSendDefinition"><CustomerKey>blast</CustomerKey><Name>Blast</Name><Description>d</Description><SendClassification><CustomerKey>Default Transactional</CustomerKey></SendClassification>` +
				`<SendDefinitionList><List><ID>` + a.others + `</ID></List><SendDefinitionListType>ExclusionList</SendDefinitionListType><DataSourceTypeID>List</DataSourceTypeID></SendDefinitionList>` +
				`<SendDefinitionList><CustomObjectID>` + a.extension + `</CustomObjectID><DataSourceTypeID>CustomObject</DataSourceTypeID></SendDefinitionList>` +
				`<Email><ID>` + a.email + `</ID></Email><EmailSubject>Plan of %%Name%%</EmailSubject><DeduplicateByEmail>true</DeduplicateByEmail></Objects>`)
			if !strings.Contains(text, "<StatusMessage>EmailSendDefinition created</StatusMessage>") {
				t.Error(text)
			}
			perform := func(action, more string) string {
				t.Helper()
				return call(t, a.server, "Perform", `<PerformRequestMsg `+partner+`><Action>`+action+`</Action><Definitions><Definition xsi:type="EmailSendDefinition"><CustomerKey>BLAST</CustomerKey>`+more+`</Definition></Definitions></PerformRequestMsg>`)
			}
			if text := perform("GetMaxCount", ""); !strings.Contains(text, "<StatusMessage>Task status message holds the requested value.</StatusMessage>") || !strings.Contains(text, "<Task><StatusCode>OK</StatusCode><StatusMessage>6</StatusMessage></Task>") {
				t.Error(text)
			}
			if text := perform("start", `<SenderProfile><FromAddress>who@elsewhere.example</FromAddress></SenderProfile>`); !strings.Contains(text, "<ErrorCode>18006</ErrorCode>") {
				t.Error(text)
			}
			if text := perform("test", ""); !strings.Contains(text, "<ErrorCode>42000</ErrorCode>") {
				t.Error(text)
			}
			text = perform("start", "")
			task := regexp.MustCompile(`<StatusMessage>EmailSendDefinition performed</StatusMessage>.*<Task><StatusCode>OK</StatusCode><StatusMessage>OK</StatusMessage><ID>(\d+)</ID><InteractionObjectID>[0-9a-f-]{36}</InteractionObjectID></Task>`).FindStringSubmatch(text)
			if task == nil {
				t.Fatal(text)
			}
			a.Drain()
			if got := a.got(); !slices.Equal(got, []string{"ann@example.com", "new@example.com"}) {
				t.Fatalf("mails to %v", got)
			}
			if m := a.mail("new@example.com"); m.Subject != "Plan of Newman" || !strings.Contains(m.HTML, "<p>gold &amp; silver</p>") || a.oneClick(m) {
				t.Errorf("%+v", m)
			}
			a.expect(task[1], map[string]string{
				"Status": "Complete", "NumberSent": "2", "NumberExcluded": "1", "NumberErrored": "1", "ExistingUnsubscribes": "1", "EmailSendDefinition.CustomerKey": "blast", "Subject": "Plan of %%Name%%",
			})
			if sub, err := a.Store.SubscriberByKey(t.Context(), sendertest.EID, "new"); err != nil || sub.Status != tenant.SubscriberActive {
				t.Errorf("%+v %v", sub, err)
			}
			// What mcdev asks for, with its filter.
			kinds, status := retrieve(t, a.server, "good", "EmailSendDefinition", "SendDefinitionList", `<Filter xsi:type="ComplexFilterPart"><LeftOperand xsi:type="SimpleFilterPart">`+part("IsPlatformObject", "equals", "false")+
				`</LeftOperand><LogicalOperator>AND</LogicalOperator><RightOperand xsi:type="SimpleFilterPart">`+part("Description", "notEquals", "SFSendDefinition")+`</RightOperand></Filter>`)
			if len(kinds) != 1 || status != "OK" || !strings.Contains(kinds[0], "<SendDefinitionListType>ExclusionList</SendDefinitionListType>") {
				t.Errorf("%v %s", kinds, status)
			}
			update := func(what string) string {
				return call(t, a.server, "Update", `<UpdateRequest `+partner+`><Objects xsi:type="EmailSendDefinition"><CustomerKey>blast</CustomerKey>`+what+`</Objects></UpdateRequest>`)
			}
			if text := update(`<Name>Renamed</Name>`); !strings.Contains(text, "EmailSendDefinition updated") {
				t.Error(text)
			}
			for name, what := range map[string]string{
				"AMPscript": `<EmailSubject>%%=v(@x)=%%</EmailSubject>`, "a filter": `<SendDefinitionList><DataSourceTypeID>FilterDefinition</DataSourceTypeID></SendDefinitionList>`, "no list": `<SendDefinitionList><List><ID>5</ID></List></SendDefinitionList>`,
				"nobody": `<SendDefinitionList><List><ID>` + a.list + `</ID></List><SendDefinitionListType>ExclusionList</SendDefinitionListType></SendDefinitionList>`, "a copy": `<BccEmail>x@example.com</BccEmail>`, "no email": `<Email><ID>3</ID></Email>`,
			} {
				if text := update(what); !strings.Contains(text, "<ErrorCode>42000</ErrorCode>") {
					t.Errorf("%s: %s", name, text)
				}
			}
			if text := call(t, a.server, "Delete", `<DeleteRequest `+partner+`><Objects xsi:type="EmailSendDefinition"><CustomerKey>blast</CustomerKey></Objects></DeleteRequest>`); !strings.Contains(text, "EmailSendDefinition deleted") {
				t.Error(text)
			}
			if text := perform("start", ""); !strings.Contains(text, "<ErrorCode>42000</ErrorCode>") {
				t.Error(text)
			}
		})
	}
}

// A triggered send definition with a list puts its recipients there and leaves alone who has left it.
func TestTriggeredSendToAList(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			a := newAudience(t, kind)
			a.create(`<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>to-list</CustomerKey><Name>To a list</Name><Email><ID>` + a.email + `</ID></Email><List><ID>` + a.list + `</ID></List><TriggeredSendStatus>Active</TriggeredSendStatus></Objects>`)
			if ids, _ := retrieve(t, a.server, "good", "TriggeredSendDefinition", "List.ID", filter("CustomerKey", "equals", "to-list")); !slices.Equal(ids, []string{a.list}) {
				t.Errorf("the list is %v", ids)
			}
			send := func(options, names string) string {
				var who string
				for name := range strings.FieldsSeq(names) {
					who += `<Subscribers><SubscriberKey>` + name + `</SubscriberKey><EmailAddress>` + name + `@example.com</EmailAddress></Subscribers>`
				}
				return call(t, a.server, "Create", `<CreateRequest `+partner+`>`+options+`<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>to-list</CustomerKey></TriggeredSendDefinition>`+who+`</Objects></CreateRequest>`)
			}
			// Who can get nothing is told at once: bob has left the list, and one has no address.
			if text := send("", "bob"); !strings.Contains(text, "<ErrorCode>18006</ErrorCode>") || !strings.Contains(text, "There are no valid subscribers.") || !strings.Contains(text, "<ErrorCode>12000</ErrorCode><ErrorDescription>The subscriber is unsubscribed.") {
				t.Errorf("to bob: %s", text)
			}
			if text := send("", "zoe b@d"); !strings.Contains(text, "<StatusCode>OK</StatusCode>") || !strings.Contains(text, "<ErrorCode>12002</ErrorCode>") || !strings.Contains(text, "<Ordinal>1</Ordinal>") {
				t.Errorf("to zoe and nobody: %s", text)
			}
			// In an asynchronous request it shows in the tracking.
			if text := send("<Options><RequestType>Asynchronous</RequestType></Options>", "bob"); !strings.Contains(text, "<OverallStatus>OK</OverallStatus>") || strings.Contains(text, "SubscriberFailures") {
				t.Errorf("to bob, later: %s", text)
			}
			a.Drain()
			if got := a.got(); !slices.Equal(got, []string{"zoe@example.com"}) {
				t.Errorf("mails to %v", got)
			}
			both := `<Filter xsi:type="ComplexFilterPart"><LeftOperand xsi:type="SimpleFilterPart">` + part("ListID", "equals", a.list) + `</LeftOperand><LogicalOperator>AND</LogicalOperator><RightOperand xsi:type="SimpleFilterPart">` + part("SubscriberKey", "equals", "zoe") + `</RightOperand></Filter>`
			if status, _ := retrieve(t, a.server, "good", "ListSubscriber", "Status", both); !slices.Equal(status, []string{"Active"}) {
				t.Errorf("zoe on the list: %v", status)
			}
			if text := call(t, a.server, "Delete", `<DeleteRequest `+partner+`><Objects xsi:type="List"><ID>`+a.list+`</ID></Objects></DeleteRequest>`); !strings.Contains(text, "<ErrorCode>10000</ErrorCode>") {
				t.Errorf("a list in use: %s", text)
			}
			if text := call(t, a.server, "Update", `<UpdateRequest `+partner+`><Objects xsi:type="TriggeredSendDefinition"><CustomerKey>to-list</CustomerKey><List><ID>77</ID></List></Objects></UpdateRequest>`); !strings.Contains(text, "<ErrorCode>17000</ErrorCode>") {
				t.Errorf("no such list: %s", text)
			}
		})
	}
}

// Asynchronous requests are answered by results, which can be asked for by the request's number for thirty days.
func TestAsynchronousRequests(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := sendertest.New(t, sqldbtest.Open(t, sqldbtest.DSN(t, kind), sendertest.Migrations()), sendertest.Options{Idle: true})
			server := k.Serve()
			text := call(t, server, "Create", `<CreateRequest `+partner+`><Options><RequestType>Asynchronous</RequestType><QueuePriority>High</QueuePriority><ConversationID>talk</ConversationID></Options>`+
				`<Objects xsi:type="Subscriber"><EmailAddress>a@example.com</EmailAddress></Objects><Objects xsi:type="Subscriber"><EmailAddress>nowhere</EmailAddress></Objects></CreateRequest>`)
			request := regexp.MustCompile(`<RequestID>(.*)</RequestID><OverallStatus>Has Errors</OverallStatus>`).FindStringSubmatch(text)
			if request == nil {
				t.Fatal(text)
			}
			of := filter("RequestID", "equals", strings.ToUpper(request[1]))
			for property, want := range map[string][]string{
				"StatusCode": {"OK", "Error"}, "ErrorCode": {"0", "12002"}, "OrdinalID": {"0", "1"}, "RequestObjectType": {"Subscriber", "Subscriber"}, "RequestType": {"Asynchronous", "Asynchronous"}, "ConversationID": {"talk", "talk"},
			} {
				if got, status := retrieve(t, server, "good", "ResultItem", property, of); !slices.Equal(got, want) || status != "OK" {
					t.Errorf("%s: %v %s", property, got, status)
				}
			}
			if got, _ := retrieve(t, server, "child", "ResultItem", "StatusCode", of); len(got) != 0 {
				t.Errorf("another business unit sees %v", got)
			}
			if text := call(t, server, "Create", `<CreateRequest `+partner+`><Objects xsi:type="Subscriber"><EmailAddress>b@example.com</EmailAddress></Objects></CreateRequest>`); strings.Contains(text, "Error") {
				t.Error(text)
			}
			if got, _ := retrieve(t, server, "good", "ResultItem", "StatusCode", ""); len(got) != 2 {
				t.Errorf("a synchronous request left %v", got)
			}
			k.Time.Advance(tenant.RequestResultsKept + 1e9)
			again := call(t, server, "Perform", `<PerformRequestMsg `+partner+`><Options><RequestType>Asynchronous</RequestType></Options><Action>start</Action><Definitions><Definition xsi:type="TriggeredSendDefinition"><CustomerKey>welcome</CustomerKey></Definition></Definitions></PerformRequestMsg>`)
			if got, _ := retrieve(t, server, "good", "ResultItem", "StatusMessage", ""); !slices.Equal(got, []string{"Performed Activity"}) {
				t.Errorf("later there are %v: %s", got, again)
			}
		})
	}
}
