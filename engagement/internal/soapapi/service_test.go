package soapapi_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/soapapi"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// The message of a Retrieve of role names, in its default namespace.
const roles = `<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>Role</ObjectType><Properties>Name</Properties></RetrieveRequest></RetrieveRequestMsg>`

// envelope is a SOAP 1.1 envelope with the token "good".
func envelope(body string) string {
	return `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body>` + body +
		`</Body><Header><fueloauth xmlns="http://exacttarget.com">good</fueloauth></Header></Envelope>`
}

type answer struct {
	status int
	media  string
	text   string
}

// post sends a body; header names and values come in turn.
func post(t testing.TB, server *httptest.Server, path, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return do(t, server, r)
}

func do(t testing.TB, server *httptest.Server, r *http.Request) answer {
	t.Helper()
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Content-Type"), string(text)}
}

func call(t testing.TB, server *httptest.Server, action, body string) string {
	t.Helper()
	a := post(t, server, soapapi.Path, envelope(body), "SOAPAction", action)
	if a.status != http.StatusOK {
		t.Fatalf("%s: %d %s", action, a.status, a.text)
	}
	return a.text
}

// TestShapesOfRequests is the table of engagement-wire 9.2 and 0.4: what real clients send must be understood.
func TestShapesOfRequests(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	suds := `<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:etns="http://exacttarget.com" xmlns:ns0="http://exacttarget.com/wsdl/partnerAPI" xmlns:ns1="http://schemas.xmlsoap.org/soap/envelope/">` +
		`<SOAP-ENV:Header>%s</SOAP-ENV:Header><ns1:Body><ns0:RetrieveRequestMsg><ns0:RetrieveRequest><ns0:ObjectType>Role</ns0:ObjectType><ns0:Properties>Name</ns0:Properties>` +
		`<ns0:Filter xsi:type="ns0:SimpleFilterPart"><ns0:Property>Name</ns0:Property><ns0:SimpleOperator>equals</ns0:SimpleOperator><ns0:Value>Analyst</ns0:Value></ns0:Filter></ns0:RetrieveRequest></ns0:RetrieveRequestMsg></ns1:Body></SOAP-ENV:Envelope>`
	legacy := `<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" mustUnderstand="true"><wsse:UsernameToken><wsse:Username>*</wsse:Username><wsse:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText">*</wsse:Password></wsse:UsernameToken></wsse:Security><etns:oAuth><oAuthToken>good</oAuthToken></etns:oAuth>`
	password := `<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" mustUnderstand="1"><wsse:UsernameToken><wsse:Username>` + sendertest.APIUser + `</wsse:Username><wsse:Password>` + sendertest.Password + `</wsse:Password></wsse:UsernameToken></wsse:Security>`
	soap12 := `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header><fueloauth xmlns="http://exacttarget.com">good</fueloauth></s:Header><s:Body>` + roles + `</s:Body></s:Envelope>`
	for name, c := range map[string]struct {
		path, body string
		header     []string
		media      string
	}{
		"sfmc-sdk":                       {"/Service.asmx", envelope(roles), []string{"SOAPAction", "Retrieve"}, ""},
		"FuelSDK-Python v2":              {"/service.asmx", fmt.Sprintf(suds, `<etns:fueloauth>good</etns:fueloauth>`), []string{"SOAPAction", `"Retrieve"`}, ""},
		"FuelSDK-Python v1":              {"/Service.asmx", fmt.Sprintf(suds, legacy), []string{"SOAPAction", `"Retrieve"`}, ""},
		"name and password":              {"/Service.asmx", fmt.Sprintf(suds, password), []string{"SOAPAction", `"Retrieve"`}, ""},
		"fueloauth without a namespace":  {"/Service.asmx", fmt.Sprintf(suds, `<fueloauth>good</fueloauth>`), []string{"SOAPAction", "Retrieve"}, ""},
		"double slashes":                 {"//SERVICE.asmx/", envelope(roles), []string{"SOAPAction", "Retrieve"}, ""},
		"SOAP 1.2":                       {"/Service.asmx", soap12, []string{"Content-Type", `application/soap+xml; charset=utf-8; action="Retrieve"`}, "application/soap+xml; charset=utf-8"},
		"SOAP 1.2 as text/xml":           {"/Service.asmx", soap12, []string{"SOAPAction", "Retrieve"}, ""},
		"action with a namespace":        {"/Service.asmx", envelope(roles), []string{"SOAPAction", `"http://exacttarget.com/wsdl/partnerAPI/Retrieve"`}, ""},
		"another action than the body's": {"/Service.asmx", envelope(roles), []string{"SOAPAction", "Create"}, ""},
		"white space around the token":   {"/Service.asmx", strings.Replace(envelope(roles), ">good<", ">\n good \n<", 1), []string{"SOAPAction", "Retrieve"}, ""},
	} {
		a := post(t, server, c.path, c.body, c.header...)
		if c.media == "" {
			c.media = "text/xml; charset=utf-8"
		}
		if a.status != 200 || a.media != c.media || !strings.Contains(a.text, "<Name>Analyst</Name>") || !strings.Contains(a.text, "<soap:Body>") {
			t.Errorf("%s: %d %s\n%s", name, a.status, a.media, a.text)
		}
	}
}

// TestBadRequests is the table of refusals: nothing is done, nothing is told, and each has its documented form.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	noWeb := sendertest.Principal(sendertest.Top)
	noWeb.ClientID, noWeb.Permissions = "", []string{tenant.PermEmailSend}
	k.Auth.PutPassword("no.web", "Password1", noWeb)
	action := []string{"SOAPAction", "Retrieve"}
	usernames := func(token string) string {
		return `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header><Security xmlns="x">` + token + `</Security></Header><Body>` + roles + `</Body></Envelope>`
	}
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
		want   string
	}{
		"no action":               {envelope(roles), nil, 500, "<faultcode>soap:Client</faultcode><faultstring>Server did not recognize the value of HTTP Header SOAPAction: .</faultstring>"},
		"operation not offered":   {envelope(`<ScheduleRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"/>`), []string{"SOAPAction", "Schedule"}, 500, "SOAPAction: Schedule."},
		"other namespace":         {envelope(`<RetrieveRequestMsg xmlns="urn:other"/>`), action, 500, "soap:Client"},
		"empty body":              {envelope(``), action, 500, "soap:Client"},
		"no header":               {`<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>` + roles + `</Body></Envelope>`, action, 500, "<faultstring>Login Failed</faultstring>"},
		"empty token":             {strings.Replace(envelope(roles), ">good<", "><", 1), action, 500, "<faultstring>Login Failed</faultstring>"},
		"unknown token":           {strings.Replace(envelope(roles), ">good<", ">bad<", 1), action, 500, "<faultstring>Token Expired</faultstring>"},
		"star as name":            {usernames(`<UsernameToken><Username>*</Username><Password>*</Password></UsernameToken>`), action, 500, "Login Failed"},
		"no password":             {usernames(`<UsernameToken><Username>api.user</Username></UsernameToken>`), action, 500, "Login Failed"},
		"two names":               {usernames(`<UsernameToken><Username>api.user</Username><Username>x</Username><Password>p</Password></UsernameToken>`), action, 400, "Bad Request"},
		"may not use the API":     {usernames(`<UsernameToken><Username>no.web</Username><Password>Password1</Password></UsernameToken>`), action, 500, "<Code>11</Code>"},
		"two tokens":              {strings.Replace(envelope(roles), "</Header>", "<fueloauth>x</fueloauth></Header>", 1), action, 400, "Bad Request"},
		"our own failure":         {strings.Replace(envelope(roles), ">good<", ">broken<", 1), action, 500, "<faultcode>soap:Server</faultcode><faultstring>Unplanned Outage</faultstring>"},
		"DTD":                     {`<!DOCTYPE Envelope [<!ENTITY x "good">]>` + envelope(roles), action, 400, "Bad Request"},
		"two envelopes":           {envelope(roles) + envelope(roles), action, 400, "Bad Request"},
		"comment inside a token":  {strings.Replace(envelope(roles), ">good<", ">go<!-- -->od<", 1), action, 400, "Bad Request"},
		"not XML":                 {`{"a":1}`, action, 400, "Bad Request"},
		"nothing":                 {``, action, 400, "Bad Request"},
		"too deep":                {envelope(strings.Repeat("<a>", 200) + strings.Repeat("</a>", 200)), action, 413, "Too Large"},
		"too long":                {envelope(`<a>` + strings.Repeat("x", 513<<10) + `</a>`), action, 413, "Too Large"},
		"JSON":                    {envelope(roles), []string{"SOAPAction", "Retrieve", "Content-Type", "application/json"}, 415, "Unsupported Media Type"},
		"UTF-16":                  {envelope(roles), []string{"SOAPAction", "Retrieve", "Content-Type", "text/xml; charset=utf-16"}, 415, "Unsupported Media Type"},
		"compressed":              {envelope(roles), []string{"SOAPAction", "Retrieve", "Content-Encoding", "gzip"}, 415, "Unsupported Media Type"},
		"no objects":              {envelope(`<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"/>`), []string{"SOAPAction", "Create"}, 500, "soap:Client"},
		"two retrieves in one":    {envelope(strings.Replace(roles, "</RetrieveRequest>", "</RetrieveRequest><RetrieveRequest/>", 1)), action, 400, "Bad Request"},
		"describe without a type": {envelope(`<DefinitionRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"/>`), []string{"SOAPAction", "Describe"}, 500, "soap:Client"},
	} {
		a := post(t, server, soapapi.Path, c.body, c.header...)
		if a.status != c.status || !strings.Contains(a.text, c.want) {
			t.Errorf("%s: %d\n%s\nwant %d %s", name, a.status, a.text, c.status, c.want)
		}
		if strings.Contains(a.text, "secret") || strings.Contains(a.text, "Analyst") {
			t.Errorf("%s tells too much: %s", name, a.text)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+soapapi.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := do(t, server, r); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.status)
	}
}

// TestAnswersAreXML reads answers that repeat what a caller wrote with a strict parser.
func TestAnswersAreXML(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	evil := `&lt;/StatusMessage&gt;&lt;x&gt; &amp; &quot;' ]]&gt;`
	text := call(t, server, "Create", `<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="Subscriber"><SubscriberKey>`+evil+`</SubscriberKey><EmailAddress>`+evil+`</EmailAddress><Password>hunter2</Password></Objects><Objects xsi:type="Evil`+evil+`"/></CreateRequest>`)
	if strings.Contains(text, "hunter2") {
		t.Error("an answer repeats a password")
	}
	var keys []string
	for dec := xml.NewDecoder(bytes.NewReader([]byte(text))); ; {
		tok, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if start, ok := tok.(xml.StartElement); ok && start.Name.Local == "SubscriberKey" {
			var key string
			if err := dec.DecodeElement(&key, &start); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
	}
	if len(keys) != 1 || keys[0] != `</StatusMessage><x> & "' ]]>` {
		t.Errorf("read back %q", keys)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	text := call(t, k.Serve(), "Describe", `<DefinitionRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><DescribeRequests><ObjectDefinitionRequest><ObjectType>AccountUser</ObjectType></ObjectDefinitionRequest><ObjectDefinitionRequest><ObjectType>Nothing</ObjectType></ObjectDefinitionRequest></DescribeRequests></DefinitionRequestMsg>`)
	for _, want := range []string{
		`<DefinitionResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><ObjectDefinition><ObjectType>AccountUser</ObjectType>`,
		`<Name>Password</Name><DataType>string</DataType><IsUpdatable>true</IsUpdatable><IsRetrievable>false</IsRetrievable>`,
		`<Name>LastSuccessfulLogin</Name><DataType>dateTime</DataType><IsUpdatable>false</IsUpdatable><IsRetrievable>true</IsRetrievable>`,
		`<ObjectDefinition><ObjectType>Nothing</ObjectType></ObjectDefinition><RequestID>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	if text := call(t, k.Serve(), "VersionInfo", `<VersionInfoRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><IncludeVersionHistory>false</IncludeVersionHistory></VersionInfoRequestMsg>`); !strings.Contains(text, "<Version>1.1</Version>") {
		t.Errorf("%s", text)
	}
}

// FuzzService feeds the whole edge: whatever comes, it answers one of its statuses and never with a panic.
func FuzzService(f *testing.F) {
	k := idle(f)
	server, err := soapapi.New(k.SOAP("http://fuzz"))
	if err != nil {
		f.Fatal(err)
	}
	handler := mux(server)
	f.Add(envelope(roles), "Retrieve")
	f.Add(envelope(`<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>x</CustomerKey></TriggeredSendDefinition><Subscribers/></Objects></CreateRequest>`), "Create")
	f.Add(envelope(`<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>Role</ObjectType><Properties>Name</Properties><Filter xsi:type="ComplexFilterPart"><LeftOperand xsi:type="SimpleFilterPart"><Property>Name</Property><SimpleOperator>IN</SimpleOperator><Value>a</Value><Value>b</Value></LeftOperand><LogicalOperator>OR</LogicalOperator><RightOperand/></Filter></RetrieveRequest></RetrieveRequestMsg>`), `"Retrieve"`)
	f.Fuzz(func(t *testing.T, body, action string) {
		r := httptest.NewRequest(http.MethodPost, soapapi.Path, strings.NewReader(body))
		r.Header.Set("Content-Type", "text/xml")
		r.Header.Set("SOAPAction", action)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		switch w.Code {
		case 200, 400, 413:
		case 500:
			if !strings.Contains(w.Body.String(), "<soap:Fault>") || strings.Contains(w.Body.String(), "soap:Server") {
				t.Errorf("%s", w.Body)
			}
		default:
			t.Errorf("status %d", w.Code)
		}
	})
}
