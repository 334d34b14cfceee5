package soap_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/soap"
)

func TestWriteLoginResponse(t *testing.T) {
	t.Parallel()
	// The shape of crm-wire 2.3: a prefix on the envelope alone.
	w := soap.NewWriter(soap.Style{Prefix: "soapenv", Attrs: []string{"xmlns", "urn:partner.soap.sforce.com", "xmlns:xsi", soap.NamespaceXSI}})
	w.OpenBody()
	w.Open("loginResponse")
	w.Open("result")
	w.Text("sandbox", "false")
	w.Text("sessionId", "00D!x")
	w.Nil("roleId")
	w.Text("organizationName", `</result><sessionId>evil & "co"`)
	w.Empty("empty", "k", `"><`)
	out, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		`<soapenv:Body><loginResponse><result><sandbox>false</sandbox><sessionId>00D!x</sessionId><roleId xsi:nil="true"/><organizationName>&lt;/result&gt;&lt;sessionId&gt;evil &amp; &#34;co&#34;</organizationName>` +
		`<empty k="&#34;&gt;&lt;"/></result></loginResponse></soapenv:Body></soapenv:Envelope>`
	if string(out) != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
	e, err := parse(string(out))
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Operation().Value("result", "organizationName"); got != `</result><sessionId>evil & "co"` {
		t.Errorf("read back %q", got)
	}
	if len(e.Operation().Find("result").All("sessionId")) != 1 {
		t.Error("a second sessionId got in")
	}
}

func TestWriteFaults(t *testing.T) {
	t.Parallel()
	w := soap.NewWriter(soap.Style{Prefix: "soap", Version: soap.SOAP12})
	w.OpenHeader("xmlns:wsa", "urn:wsa")
	w.Text("wsa:Action", "fault")
	w.Close()
	w.OpenBody()
	w.Fault("q0:Security", []string{"xmlns:q0", "urn:wsse"}, "Token Expired", "http://x/Service.asmx", nil)
	out, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Header xmlns:wsa="urn:wsa"><wsa:Action>fault</wsa:Action></soap:Header>` +
		`<soap:Body><soap:Fault><faultcode xmlns:q0="urn:wsse">q0:Security</faultcode><faultstring>Token Expired</faultstring><faultactor>http://x/Service.asmx</faultactor></soap:Fault></soap:Body></soap:Envelope>`
	if string(out) != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}

	w = soap.NewWriter(soap.Style{Prefix: "soapenv", Attrs: []string{"xmlns:sf", "urn:fault"}})
	w.OpenBody()
	w.Fault("INVALID_LOGIN", nil, "INVALID_LOGIN: no", "", func() {
		w.Open("sf:LoginFault")
		w.Text("sf:exceptionCode", "INVALID_LOGIN")
		w.Close()
	})
	out, err = w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), `<detail><sf:LoginFault><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode></sf:LoginFault></detail></soapenv:Fault>`) {
		t.Errorf("%s", out)
	}
}

func TestWriteDefaultPrefix(t *testing.T) {
	t.Parallel()
	w := soap.NewWriter(soap.Style{})
	w.OpenBody()
	out, err := w.Bytes()
	if err != nil || string(out) != `<?xml version="1.0" encoding="UTF-8"?><Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body></Body></Envelope>` {
		t.Errorf("%s, %v", out, err)
	}
}

func TestWriteEchoesAnElement(t *testing.T) {
	t.Parallel()
	e, err := parse(in(`<p:Objects xmlns:p="urn:api" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="p:Subscriber" id="7"><p:Email>a&amp;b</p:Email><p:Key xsi:nil="true"/><Other>x</Other></p:Objects>`))
	if err != nil {
		t.Fatal(err)
	}
	w := soap.NewWriter(soap.Style{Prefix: "soap", Attrs: []string{"xmlns:xsi", soap.NamespaceXSI}})
	w.OpenBody()
	w.Open("CreateResponse", "xmlns", "urn:api")
	w.Element(e.Operation(), "urn:api")
	out, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	want := `<Objects xsi:type="Subscriber"><Email>a&amp;b</Email><Key xsi:nil="true"/><Other xmlns="http://schemas.xmlsoap.org/soap/envelope/">x</Other></Objects></CreateResponse>`
	if !strings.Contains(string(out), want) {
		t.Errorf("%s lacks %s", out, want)
	}
}

func TestWriterMistakes(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(*soap.Writer){
		"name with a space": func(w *soap.Writer) { w.Text("a b", "x") },
		"name with markup":  func(w *soap.Writer) { w.Open("a><b") },
		"empty name":        func(w *soap.Writer) { w.Empty("") },
		"name from a digit": func(w *soap.Writer) { w.Empty("1a") },
		"two colons":        func(w *soap.Writer) { w.Empty("a:b:c") },
		"attribute name":    func(w *soap.Writer) { w.Empty("a", `x="1" y`, "2") },
		"odd attributes":    func(w *soap.Writer) { w.Empty("a", "x") },
		"too many ends":     func(w *soap.Writer) { w.Close(); w.Close() },
	} {
		w := soap.NewWriter(soap.Style{Prefix: "soap"})
		f(w)
		if _, err := w.Bytes(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if !soap.ValidName("et4ae5__Field__c") || !soap.ValidName("xsi:type") || soap.ValidName("é") {
		t.Error("ValidName")
	}
}

func TestCharactersThatXMLCannotHold(t *testing.T) {
	t.Parallel()
	w := soap.NewWriter(soap.Style{})
	w.OpenBody()
	w.Text("a", "x\x00\x0b\xffy\r\n\tz")
	out, err := w.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	e, err := parse(string(out))
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Operation().Text; got != "x\uFFFD\uFFFD\uFFFDy\r\n\tz" {
		t.Errorf("%q", got)
	}
}
