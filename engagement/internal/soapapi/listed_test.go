package soapapi_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/soapapi"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// TestListedFaultsAndResults goes through the faults, literals and codes that engagement-wire 3 and 9.3 list, one by one.
// What only a whole house can show is tried there: the throttled call (TestRateLimits), AccountUser's texts and 11003
// (TestUsersBySOAP), business unit assignments (TestConfigureUnits).
func TestListedFaultsAndResults(t *testing.T) {
	t.Parallel()
	k := idle(t)
	server := k.Serve()
	poor, noWeb := sendertest.Principal(sendertest.Top), sendertest.Principal(sendertest.Top)
	poor.Scopes, noWeb.Permissions, noWeb.ClientID = []string{"offline"}, []string{tenant.PermEmailSend}, ""
	k.Auth.Put("poor", poor)
	k.Auth.PutPassword("no.web", "Password1", noWeb)
	create := func(objects string) string { return message("Create", "", objects) }
	subscriber := object("Subscriber", `<EmailAddress>a@example.com</EmailAddress><SubscriberKey>a</SubscriberKey>`)
	send := func(definition, who string) string {
		return create(object("TriggeredSend", `<TriggeredSendDefinition><CustomerKey>`+definition+`</CustomerKey></TriggeredSendDefinition>`+who))
	}
	one := `<Subscribers><EmailAddress>a@example.com</EmailAddress></Subscribers>`
	security := `<faultcode xmlns:q0="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">q0:Security</faultcode>`
	for _, c := range []struct {
		name, action, token, body string
		status                    int
		want                      []string
	}{
		{"token expired", "Retrieve", "old", roles, 500, []string{security, "<faultstring>Token Expired</faultstring>", "<faultactor>" + server.URL + "/Service.asmx</faultactor>", "<wsa:Action>http://schemas.xmlsoap.org/ws/2004/08/addressing/fault</wsa:Action>"}},
		{"bad credentials", "Retrieve", "", roles, 500, []string{security, "<faultstring>Login Failed</faultstring>"}},
		{"server", "Retrieve", "broken", roles, 500, []string{"<faultcode>soap:Server</faultcode>", `<detail><apifault xmlns="urn:fault.partner.exacttarget.com"><Code>2</Code><Message>Unplanned Outage</Message></apifault></detail>`}},
		{"unknown action", "Test", "good", roles, 500, []string{"<faultcode>soap:Client</faultcode>", "Server did not recognize the value of HTTP Header SOAPAction: Test.", "<detail"}},
		{"no action", "", "good", roles, 500, []string{"<faultcode>soap:Client</faultcode>", "Server did not recognize the value of HTTP Header SOAPAction: ."}},
		{"no web services", "Retrieve", "no.web", roles, 500, []string{"<faultcode>soap:Client</faultcode>", "<Code>11</Code>"}},
		{"malformed", "Retrieve", "good", "<RetrieveRequestMsg>", 400, []string{"Bad Request"}},
		{"unknown type retrieved", "Retrieve", "good", `<RetrieveRequestMsg ` + partner + `><RetrieveRequest><ObjectType>role</ObjectType><Properties>Name</Properties></RetrieveRequest></RetrieveRequestMsg>`, 200, []string{"<OverallStatus>Error: Unable to find a handler for object type: role. Object types are case-sensitive, check spelling.</OverallStatus>"}},
		{"lacking rights", "Retrieve", "poor", roles, 200, []string{"<OverallStatus>Error: API Permission Failed.</OverallStatus>"}},
		{"subscriber created", "Create", "good", create(subscriber), 200, []string{"<StatusCode>OK</StatusCode><StatusMessage>Created Subscriber.</StatusMessage><OrdinalID>0</OrdinalID><NewID>", "<OverallStatus>OK</OverallStatus>"}},
		{"on the list", "Create", "good", create(subscriber), 200, []string{"<StatusCode>Error</StatusCode><StatusMessage>The subscriber is already on the list</StatusMessage><OrdinalID>0</OrdinalID><ErrorCode>12014</ErrorCode><NewID>0</NewID>", "<OverallStatus>Error</OverallStatus>"}},
		{"some of several", "Create", "good", create(subscriber + object("Subscriber", `<EmailAddress>b@example.com</EmailAddress>`)), 200, []string{"<OrdinalID>1</OrdinalID>", "<OverallStatus>Has Errors</OverallStatus>"}},
		{"subscriber updated", "Update", "good", message("Update", "", subscriber), 200, []string{"Updated Subscriber."}},
		{"subscriber deleted", "Delete", "good", message("Delete", "", object("Subscriber", `<SubscriberKey>a</SubscriberKey>`)), 200, []string{"Subscriber deleted"}},
		{"definition created", "Create", "good", create(object("TriggeredSendDefinition", `<CustomerKey>d</CustomerKey><Name>d</Name><Email><CustomerKey>welcome-email</CustomerKey></Email>`)), 200, []string{`<Results xsi:type="TriggeredSendDefinition">`, "TriggeredSendDefinition created", "<NewID>0</NewID><NewObjectID>"}},
		{"definition not started", "Create", "good", send("d", one), 200, []string{`<Results xsi:type="TriggeredSendCreateResult">`, "<ErrorCode>18001</ErrorCode>"}},
		{"definition not found", "Create", "good", send("none", one), 200, []string{"<ErrorCode>18002</ErrorCode>"}},
		{"no valid subscriber", "Create", "good", send("welcome", `<Subscribers><SubscriberKey>a</SubscriberKey></Subscribers>`), 200, []string{"<ErrorCode>18006</ErrorCode>", "Unable to queue Triggered Send request. There are no valid subscribers.", "<SubscriberFailures><Subscriber><SubscriberKey>a</SubscriberKey></Subscriber><ErrorCode>12002</ErrorCode>", "<Ordinal>0</Ordinal>"}},
		{"definition that cannot start", "Update", "good", message("Update", "", object("TriggeredSendDefinition", `<CustomerKey>d</CustomerKey><TriggeredSendStatus>Moved</TriggeredSendStatus>`)), 200, []string{"<ErrorCode>17000</ErrorCode>"}},
		{"bad From address", "Update", "good", message("Update", "", object("TriggeredSendDefinition", `<CustomerKey>d</CustomerKey><FromAddress>x</FromAddress>`)), 200, []string{"<ErrorCode>17106</ErrorCode>"}},
		{"performed", "Perform", "good", `<PerformRequestMsg ` + partner + `><Action>start</Action><Definitions><Definition xsi:type="TriggeredSendDefinition"><CustomerKey>d</CustomerKey></Definition></Definitions></PerformRequestMsg>`, 200, []string{"<Results><Result><StatusCode>OK</StatusCode><StatusMessage>Performed Activity</StatusMessage><Object ", "</Result></Results><OverallStatus>OK</OverallStatus><OverallStatusMessage/><RequestID>"}},
		{"definition deleted", "Delete", "good", message("Delete", "", object("TriggeredSendDefinition", `<CustomerKey>d</CustomerKey>`)), 200, []string{"TriggeredSendDefinition deleted"}},
		{"profile created", "Create", "good", create(object("SenderProfile", `<CustomerKey>p</CustomerKey><Name>p</Name><FromName>F</FromName><FromAddress>`+sendertest.From+`</FromAddress>`)), 200, []string{"SenderProfile created"}},
		{"email send definition", "Create", "good", create(object("EmailSendDefinition", `<CustomerKey>e</CustomerKey><Name>e</Name>`)), 200, []string{"<ErrorCode>42000</ErrorCode>"}},
		{"system status", "GetSystemStatus", "good", `<SystemStatusRequestMsg ` + partner + `><Options/></SystemStatusRequestMsg>`, 200, []string{"<SystemStatusResponseMsg", "<Result><StatusCode>OK</StatusCode><StatusMessage>System Status Retrieved</StatusMessage><SystemStatus>OK</SystemStatus></Result>"}},
		{"described", "Describe", "good", `<DefinitionRequestMsg ` + partner + `><DescribeRequests><ObjectDefinitionRequest><ObjectType>Send</ObjectType></ObjectDefinitionRequest></DescribeRequests></DefinitionRequestMsg>`, 200, []string{"<ObjectDefinition><ObjectType>Send</ObjectType><Properties>", "<Name>NumberSent</Name><DataType>int</DataType>"}},
		{"configured without its parts", "Configure", "good", `<ConfigureRequestMsg ` + partner + `><Action>assign</Action><Configurations><Configuration xsi:type="AccountUser"><ID>1</ID></Configuration></Configurations></ConfigureRequestMsg>`, 200, []string{"<ErrorCode>11000</ErrorCode>", "<OverallStatus>Error</OverallStatus><OverallStatusMessage/>"}},
		{"page past the end", "Retrieve", "good", `<RetrieveRequestMsg ` + partner + `><RetrieveRequest><ContinueRequest>` + tenant.NewGUID() + `</ContinueRequest></RetrieveRequest></RetrieveRequestMsg>`, 200, []string{"<OverallStatus>Error: "}},
	} {
		body := envelope(c.body)
		switch c.token {
		case "good":
		case "", "no.web":
			name := c.token
			if name == "" {
				name = "nobody"
			}
			body = strings.Replace(body, `<fueloauth xmlns="http://exacttarget.com">good</fueloauth>`, `<Security><UsernameToken><Username>`+name+`</Username><Password>Password1</Password></UsernameToken></Security>`, 1)
		default:
			body = strings.Replace(body, ">good<", ">"+c.token+"<", 1)
		}
		a := post(t, server, soapapi.Path, body, "SOAPAction", c.action)
		if a.status != c.status {
			t.Errorf("%s: %d %s", c.name, a.status, a.text)
		}
		for _, want := range c.want {
			if !strings.Contains(a.text, want) {
				t.Errorf("%s: %s is missing in\n%s", c.name, want, a.text)
			}
		}
		if c.name == "described" && strings.Contains(a.text, "OverallStatus") {
			t.Errorf("an answer to Describe has a status: %s", a.text)
		}
	}
}
