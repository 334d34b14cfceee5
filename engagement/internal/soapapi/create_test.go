package soapapi_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

func triggered(definition, rest string) string {
	return `<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="TriggeredSend"><TriggeredSendDefinition>` + definition + `</TriggeredSendDefinition>` + rest + `</Objects></CreateRequest>`
}

func TestTriggeredSendGoesOut(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			d, err := k.Definitions.Get(t.Context(), sendertest.Principal(sendertest.Top), "welcome")
			if err != nil {
				t.Fatal(err)
			}
			text := call(t, server, "Create", triggered(`<ObjectID>`+d.ID+`</ObjectID>`, `<Attributes><Name>First Name</Name><Value>Friend</Value></Attributes>`+
				`<Subscribers><EmailAddress>ada@example.com</EmailAddress><SubscriberKey>A</SubscriberKey><Attributes><Name>First Name</Name><Value>Ada &amp; Co</Value></Attributes></Subscribers>`+
				`<Subscribers><EmailAddress>bob@example.com</EmailAddress></Subscribers><Subscribers><SubscriberKey>C</SubscriberKey></Subscribers>`))
			if !strings.Contains(text, "<StatusCode>OK</StatusCode>") || strings.Count(text, "<SubscriberFailures>") != 1 || !strings.Contains(text, "<Ordinal>2</Ordinal>") {
				t.Errorf("%s", text)
			}
			for to, subject := range map[string]string{"ada@example.com": "Welcome, Ada & Co", "bob@example.com": "Welcome, Friend"} {
				if mails := k.Mails(to); len(mails) != 1 || mails[0].Subject != subject {
					t.Errorf("%s: %+v", to, mails)
				}
			}
			if sub, err := k.Store.SubscriberByKey(t.Context(), sendertest.EID, "bob@example.com"); err != nil || sub.Address != "bob@example.com" {
				t.Errorf("without a key the address is the key: %+v, %v", sub, err)
			}
		})
	}
}

func TestRefusedObjects(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	p := sendertest.Principal(sendertest.Top)
	if _, err := k.Definitions.Create(t.Context(), p, tenant.Definition{Key: "asleep", Name: "Asleep", EmailKey: "welcome-email", FromAddress: sendertest.From, Status: tenant.DefinitionInactive}); err != nil {
		t.Fatal(err)
	}
	one := `<Subscribers><EmailAddress>ada@example.com</EmailAddress></Subscribers>`
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"unknown type":       {`<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="Widget"/></CreateRequest>`, []string{"Unable to find a handler for object type: Widget. Object types are case-sensitive, check spelling.", "<OverallStatus>Error</OverallStatus>"}},
		"no such definition": {triggered(`<CustomerKey>nothing</CustomerKey>`, one), []string{"<ErrorCode>18002</ErrorCode>"}},
		"not started":        {triggered(`<CustomerKey>asleep</CustomerKey>`, one), []string{"<ErrorCode>18001</ErrorCode>"}},
		"no subscribers":     {triggered(`<CustomerKey>welcome</CustomerKey>`, ""), []string{"<ErrorCode>18006</ErrorCode>"}},
		"attribute twice":    {triggered(`<CustomerKey>welcome</CustomerKey>`, one+`<Attributes><Name>a</Name></Attributes><Attributes><Name>A</Name></Attributes>`), []string{"<ErrorCode>12000</ErrorCode>"}},
		"unverified owner":   {triggered(`<CustomerKey>welcome</CustomerKey>`, `<Subscribers><EmailAddress>ada@example.com</EmailAddress><Owner><FromAddress>x@elsewhere.example</FromAddress></Owner></Subscribers>`), []string{"<ErrorCode>18006</ErrorCode>", "<SubscriberFailures>"}},
		"another unit's":     {strings.Replace(triggered(`<CustomerKey>welcome</CustomerKey>`, one), `<TriggeredSendDefinition>`, `<Client><ID>510000002</ID></Client><TriggeredSendDefinition>`, 1), []string{"<ErrorCode>18002</ErrorCode>"}},
		"a unit out of reach": {
			strings.Replace(triggered(`<CustomerKey>welcome</CustomerKey>`, one), `<TriggeredSendDefinition>`, `<Client><ID>999999999</ID></Client><TriggeredSendDefinition>`, 1),
			[]string{"<ErrorCode>11</ErrorCode>", "API Permission Failed."},
		},
		"bad address":   {`<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="Subscriber"><EmailAddress>nowhere</EmailAddress></Objects></CreateRequest>`, []string{"<ErrorCode>12002</ErrorCode>"}},
		"bad status":    {`<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="Subscriber"><EmailAddress>a@b.example</EmailAddress><Status>Bored</Status></Objects></CreateRequest>`, []string{"<ErrorCode>12000</ErrorCode>"}},
		"another list":  {`<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="Subscriber"><EmailAddress>a@b.example</EmailAddress><Lists><ID>5</ID></Lists></Objects></CreateRequest>`, []string{"The list does not exist."}},
		"update nobody": {`<UpdateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="Subscriber"><SubscriberKey>x</SubscriberKey></Objects></UpdateRequest>`, []string{"There is no such subscriber."}},
		"delete nobody": {`<DeleteRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="Subscriber"><SubscriberKey>x</SubscriberKey></Objects></DeleteRequest>`, []string{"There is no such subscriber."}},
	} {
		text := call(t, server, "Create", c.body)
		for _, want := range append(c.want, "<StatusCode>Error</StatusCode>") {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %s is missing in\n%s", name, want, text)
			}
		}
	}
	poor := p
	poor.Permissions = []string{tenant.PermEmailRead}
	k.Auth.Put("poor", poor)
	for _, body := range []string{triggered(`<CustomerKey>welcome</CustomerKey>`, one), `<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="Subscriber"><EmailAddress>a@b.example</EmailAddress></Objects></CreateRequest>`} {
		a := post(t, server, "/Service.asmx", strings.Replace(envelope(body), ">good<", ">poor<", 1), "SOAPAction", "Create")
		if !strings.Contains(a.text, "API Permission Failed.") {
			t.Errorf("without the permission: %s", a.text)
		}
	}
	if n := len(k.Inbox.List(mail.Filter{})); n != 0 {
		t.Errorf("%d mails went out", n)
	}
}

func TestUpdateAdd(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	body := `<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Options><SaveOptions><SaveOption><PropertyName>*</PropertyName><SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions></Options>` +
		`<Objects xsi:type="Subscriber"><SubscriberKey>k</SubscriberKey><EmailAddress>EMAIL</EmailAddress><Lists><ID>510000001</ID></Lists></Objects></CreateRequest>`
	if text := call(t, server, "Create", strings.Replace(body, "EMAIL", "a@example.com", 1)); !strings.Contains(text, "Created Subscriber.") {
		t.Errorf("%s", text)
	}
	if text := call(t, server, "Create", strings.Replace(body, "EMAIL", "b@example.com", 1)); !strings.Contains(text, "Updated Subscriber.") {
		t.Errorf("%s", text)
	}
	if sub, err := k.Store.SubscriberByKey(t.Context(), sendertest.EID, "k"); err != nil || sub.Address != "b@example.com" {
		t.Errorf("%+v, %v", sub, err)
	}
}
