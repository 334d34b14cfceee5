package soap_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

func parse(text string) (*soap.Envelope, error) {
	return soap.Parse(strings.NewReader(text), soap.Limits{})
}

const env = `xmlns="http://schemas.xmlsoap.org/soap/envelope/"`

// in wraps a body's contents.
func in(contents string) string {
	return `<Envelope ` + env + `><Body>` + contents + `</Body></Envelope>`
}

func TestParseWhatClientsSend(t *testing.T) {
	t.Parallel()
	// Shapes of crm-wire 2.2 and engagement-wire 3 and 9.2.
	for _, c := range []struct {
		name, text string
		version    soap.Version
		operation  string
		checks     map[string]string // path with dots, Header first where it begins with "H", to value
		xsiType    string            // of the first Objects or Filter
	}{
		{
			"jsforce login", `<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Header/><se:Body><login xmlns="urn:partner.soap.sforce.com"><username>a@b</username><password>p&amp;&lt;w&gt;T</password></login></se:Body></se:Envelope>`,
			soap.SOAP11, "login",
			map[string]string{"username": "a@b", "password": "p&<w>T"},
			"",
		},
		{
			"simple-salesforce login", `<?xml version="1.0" encoding="utf-8" ?>
        <env:Envelope xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:urn="urn:partner.soap.sforce.com">
            <env:Header><urn:CallOptions><urn:client>simple-salesforce</urn:client><urn:defaultNamespace>sf</urn:defaultNamespace></urn:CallOptions></env:Header>
            <env:Body><n1:login xmlns:n1="urn:partner.soap.sforce.com"><n1:username>a@b</n1:username><n1:password>pw&#34;token</n1:password></n1:login></env:Body></env:Envelope>`,
			soap.SOAP11, "login",
			map[string]string{"username": "a@b", "password": `pw"token`, "H.CallOptions.client": "simple-salesforce"},
			"",
		},
		{
			"sfmc-sdk retrieve, body first", `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body><RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>AccountUser</ObjectType><Properties>ID</Properties><Properties>UserID</Properties><Filter xsi:type="SimpleFilterPart"><Property>ActiveFlag</Property><SimpleOperator>equals</SimpleOperator><Value>true</Value></Filter><QueryAllAccounts>true</QueryAllAccounts></RetrieveRequest></RetrieveRequestMsg></Body><Header><fueloauth xmlns="http://exacttarget.com">TOKEN</fueloauth></Header></Envelope>`,
			soap.SOAP11, "RetrieveRequestMsg",
			map[string]string{"RetrieveRequest.ObjectType": "AccountUser", "RetrieveRequest.Filter.Value": "true", "H.fueloauth": "TOKEN"},
			"SimpleFilterPart",
		},
		{
			"fuel-soap create, pretty", "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><Body>\n <CreateRequest xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Options/>\n<Objects xsi:type=\"TriggeredSend\">\n<Subscribers><EmailAddress> a@b.c </EmailAddress></Subscribers></Objects></CreateRequest></Body>\n <Header><fueloauth xmlns=\"http://exacttarget.com\">TOK</fueloauth></Header></Envelope>",
			soap.SOAP11, "CreateRequest",
			map[string]string{"Objects.Subscribers.EmailAddress": "a@b.c", "H.fueloauth": "TOK"},
			"TriggeredSend",
		},
		{
			"FuelSDK-Python, two prefixes for one namespace", `<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:etns="http://exacttarget.com" xmlns:ns0="http://exacttarget.com/wsdl/partnerAPI" xmlns:ns1="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Header><etns:fueloauth>TOK</etns:fueloauth></SOAP-ENV:Header><ns1:Body><ns0:RetrieveRequestMsg><ns0:RetrieveRequest><ns0:ObjectType>List</ns0:ObjectType><ns0:Filter xsi:type="ns0:SimpleFilterPart"><ns0:Property>ID</ns0:Property></ns0:Filter></ns0:RetrieveRequest></ns0:RetrieveRequestMsg></ns1:Body></SOAP-ENV:Envelope>`,
			soap.SOAP11, "RetrieveRequestMsg",
			map[string]string{"RetrieveRequest.ObjectType": "List", "H.fueloauth": "TOK"},
			"SimpleFilterPart",
		},
		{
			"FuelSDK-Python v1, no namespace", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wsse="urn:wsse" xmlns:etns="http://exacttarget.com"><e:Header><wsse:Security mustUnderstand="true"><wsse:UsernameToken><wsse:Username>*</wsse:Username></wsse:UsernameToken></wsse:Security><etns:oAuth><oAuthToken>LEGACY</oAuthToken></etns:oAuth></e:Header><e:Body/></e:Envelope>`,
			soap.SOAP11, "",
			map[string]string{"H.oAuth.oAuthToken": "LEGACY", "H.Security.UsernameToken.Username": "*"},
			"",
		},
		{
			"CumulusCI, SOAP 1.2, default prefix s", `<s:Envelope xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header><a:Action s:mustUnderstand="1">Create</a:Action><fueloauth>T</fueloauth></s:Header><s:Body><UpdateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"/></s:Body></s:Envelope>`,
			soap.SOAP12, "UpdateRequest",
			map[string]string{"H.Action": "Create", "H.fueloauth": "T"},
			"",
		},
		{"BOM and white space", "\ufeff" + in(`<login><username>a</username></login>`) + "\r\n", soap.SOAP11, "login", map[string]string{"username": "a"}, ""},
		{"CDATA", in(`<login><username><![CDATA[a<b>&c]]></username></login>`), soap.SOAP11, "login", map[string]string{"username": "a<b>&c"}, ""},
		{"CDATA beside text", in(`<login><username>ad<![CDATA[min]]></username></login>`), soap.SOAP11, "login", map[string]string{"username": "admin"}, ""},
		{"comment between elements", in(`<login><!-- x --><username>a</username><!-- y --></login>`) + "<!-- end -->", soap.SOAP11, "login", map[string]string{"username": "a"}, ""},
		{"empty body", `<Envelope ` + env + `><Body/></Envelope>`, soap.SOAP11, "", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, err := parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			op := e.Operation()
			if e.Version != c.version || op == nil && c.operation != "" || op != nil && op.Local != c.operation {
				t.Fatalf("version %v, operation %+v", e.Version, op)
			}
			for path, want := range c.checks {
				from := op
				if rest, ok := strings.CutPrefix(path, "H."); ok {
					from, path = e.Header, rest
				}
				if got := from.Value(strings.Split(path, ".")...); got != want {
					t.Errorf("%s: %q, want %q", path, got, want)
				}
			}
			filter := op.Find("RetrieveRequest", "Filter")
			if filter == nil {
				filter = op.Find("Objects")
			}
			if filter.XSIType() != c.xsiType {
				t.Errorf("xsi:type %q, want %q", filter.XSIType(), c.xsiType)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	many := func(n int, f func(int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()
	}
	for _, c := range []struct {
		name, text string
		code       fault.Code
	}{
		{"empty", "", soap.CodeMalformed},
		{"no XML", "hello", soap.CodeMalformed},
		{"JSON", `{"a":1}`, soap.CodeMalformed},
		{"cut off", `<Envelope ` + env + `><Body>`, soap.CodeMalformed},
		{"wrong end", `<Envelope ` + env + `></Body></Envelope>`, soap.CodeMalformed},
		{"end of another prefix", `<a:Envelope xmlns:a="http://schemas.xmlsoap.org/soap/envelope/" xmlns:b="http://schemas.xmlsoap.org/soap/envelope/"><a:Body/></b:Envelope>`, soap.CodeMalformed},
		{"end without begin", `</a>`, soap.CodeMalformed},
		{"DTD", `<!DOCTYPE a>` + in(""), soap.CodeForbidden},
		{"external entity", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + in("<a>&x;</a>"), soap.CodeForbidden},
		{"billion laughs", `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>` + in("<a>&b;</a>"), soap.CodeForbidden},
		{"unknown entity", in("<a>&nbsp;</a>"), soap.CodeMalformed},
		{"processing instruction", `<?xml-stylesheet href="x"?>` + in(""), soap.CodeForbidden},
		{"processing instruction inside", in("<a><?php x ?></a>"), soap.CodeForbidden},
		{"second declaration", `<?xml version="1.0"?><?xml version="1.0"?>` + in(""), soap.CodeForbidden},
		{"declaration inside", in(`<?xml version="1.0"?>`), soap.CodeForbidden},
		{"UTF-16 named", `<?xml version="1.0" encoding="UTF-16"?>` + in(""), soap.CodeForbidden},
		{"UTF-7 named", `<?xml version="1.0" encoding="utf-7"?>` + in(""), soap.CodeForbidden},
		{"ISO 8859-1 named", `<?xml version="1.0" encoding="ISO-8859-1"?>` + in(""), soap.CodeForbidden},
		{"UTF-16 bytes", "\xff\xfe<\x00E\x00", soap.CodeMalformed},
		{"not UTF-8", in("<a>\xff</a>"), soap.CodeMalformed},
		{"overlong", in("<a>\xc0\xaf</a>"), soap.CodeMalformed},
		{"NUL", in("<a>\x00</a>"), soap.CodeMalformed},
		{"vertical tab", in("<a>\x0b</a>"), soap.CodeMalformed},
		{"NUL by reference", in("<a>&#0;</a>"), soap.CodeMalformed},
		{"text before", "x" + in(""), soap.CodeMalformed},
		{"text after", in("") + "x", soap.CodeMalformed},
		{"second envelope", in("") + in(""), soap.CodeMalformed},
		{"comment splits a user name", in("<login><username>ad<!-- -->min</username></login>"), soap.CodeForbidden},
		{"comment before a text", in("<login><username><!-- -->admin</username></login>"), soap.CodeForbidden},
		{"undeclared prefix", in("<x:login/>"), soap.CodeMalformed},
		{"undeclared prefix of an attribute", in(`<login x:a="1"/>`), soap.CodeMalformed},
		{"prefix undeclared again", in(`<login xmlns:x=""/>`), soap.CodeMalformed},
		{"xmlns as prefix", in(`<login xmlns:xmlns="x"/>`), soap.CodeMalformed},
		{"two colons", in("<a:b:c/>"), soap.CodeMalformed},
		{"attribute twice", in(`<a x="1" x="2"/>`), soap.CodeMalformed},
		{"attribute twice by namespace", in(`<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>`), soap.CodeMalformed},
		{"declaration twice", in(`<a xmlns:p="u" xmlns:p="v"/>`), soap.CodeMalformed},
		{"unquoted attribute", in(`<a x=1/>`), soap.CodeMalformed},
		{"no SOAP", `<a/>`, soap.CodeMalformed},
		{"Envelope without namespace", `<Envelope><Body/></Envelope>`, soap.CodeMalformed},
		{"Envelope of another namespace", `<Envelope xmlns="urn:x"><Body/></Envelope>`, soap.CodeMalformed},
		{"no Body", `<Envelope ` + env + `><Header/></Envelope>`, soap.CodeMalformed},
		{"Body of another namespace", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><Body/></e:Envelope>`, soap.CodeMalformed},
		{"something else", `<Envelope ` + env + `><Body/><Other/></Envelope>`, soap.CodeMalformed},
		{"Header twice", `<Envelope ` + env + `><Header/><Header/><Body/></Envelope>`, soap.CodeRepeated},
		{"Body twice", `<Envelope ` + env + `><Body/><Body/></Envelope>`, soap.CodeRepeated},
		{"login twice", in("<login/><login/>"), soap.CodeRepeated},
		{"deep", in(strings.Repeat("<a>", 63)), soap.CodeTooLarge},
		{"300,000 deep", strings.Repeat("<a>", 300_000), soap.CodeTooLarge},
		{"wide", in("<a>" + strings.Repeat("<b/>", 200_001) + "</a>"), soap.CodeTooLarge},
		{"many attributes", in("<a " + many(257, func(i int) string { return fmt.Sprintf(`x%d="1" `, i) }) + "/>"), soap.CodeTooLarge},
		{"many namespaces, nested", in(many(60, func(i int) string {
			return "<a " + many(10, func(j int) string { return fmt.Sprintf(`xmlns:x%d_%d="u" `, i, j) }) + ">"
		})), soap.CodeTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(c.text)
			if fault.CodeOf(err) != c.code {
				t.Fatalf("error %v, want %s", err, c.code)
			}
			want := fault.Invalid
			if c.code == soap.CodeTooLarge {
				want = fault.TooLarge
			}
			if fault.KindOf(err) != want {
				t.Errorf("kind %v, want %v", fault.KindOf(err), want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	text := in("<a>12345</a>")
	for _, c := range []struct {
		name   string
		limits soap.Limits
		text   string
		ok     bool
	}{
		{"bytes, exactly", soap.Limits{Bytes: int64(len(text))}, text, true},
		{"bytes, one less", soap.Limits{Bytes: int64(len(text)) - 1}, text, false},
		{"bytes, cut where it looks complete", soap.Limits{Bytes: int64(len(text))}, text + "   ", false},
		{"depth, exactly", soap.Limits{Depth: 3}, text, true},
		{"depth", soap.Limits{Depth: 2}, text, false},
		{"elements, exactly", soap.Limits{Elements: 3}, text, true},
		{"elements", soap.Limits{Elements: 2}, text, false},
		{"text, exactly", soap.Limits{Text: 60}, in("<a>" + strings.Repeat("x", 60) + "</a>"), true},
		{"text", soap.Limits{Text: 60}, in("<a>" + strings.Repeat("x", 61) + "</a>"), false},
		{"text in pieces", soap.Limits{Text: 60}, in("<a>" + strings.Repeat("x", 40) + "<b/>" + strings.Repeat("x", 40) + "</a>"), false},
		{"attribute", soap.Limits{Text: 60}, in(`<a b="` + strings.Repeat("x", 61) + `"/>`), false},
		{"attributes", soap.Limits{Attributes: 2}, in(`<a b="1" c="1" d="1"/>`), false},
	} {
		_, err := soap.Parse(strings.NewReader(c.text), c.limits)
		if c.ok && err != nil || !c.ok && fault.KindOf(err) != fault.TooLarge {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// broken gives its text and then an error.
type broken struct {
	text io.Reader
	err  error
}

func (b broken) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

func TestReadErrorsComeBackAsTheyAre(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection reset")
	for _, text := range []string{"", "<Envelope", in("<a/>")} {
		if _, err := soap.Parse(broken{strings.NewReader(text), cause}, soap.Limits{}); !errors.Is(err, cause) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrorsDoNotQuote(t *testing.T) {
	t.Parallel()
	for _, text := range []string{in("<password>canary"), in("<password>canary</canary>"), in("<a canary=canary/>"), in("<a>&canary;</a>"), "canary", in(`<a:canary/>`)} {
		if _, err := parse(text); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestElement(t *testing.T) {
	t.Parallel()
	e, err := parse(in(`<op xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:o="urn:o"><a xsi:nil="true" type="plain" o:k="v"/><b> x </b><b xsi:type=" o:T ">y</b><c>mixed<d/></c></op>`))
	if err != nil {
		t.Fatal(err)
	}
	op := e.Operation()
	if !op.Find("a").Nil() || op.Find("b").Nil() || op.Find("a").XSIType() != "" || op.All("b")[1].XSIType() != "T" || op.Find("a").Attr("k") != "v" || op.Find("a").Attr("none") != "" {
		t.Error("attributes are read wrongly")
	}
	if op.Value("b") != "x" || op.Find("b").Text != " x " || op.Find("c").Text != "mixed" || op.Text != "" {
		t.Error("texts are read wrongly")
	}
	if one, err := op.One("a"); err != nil || one != op.Find("a") {
		t.Errorf("One: %v, %v", one, err)
	}
	if one, err := op.One("none"); err != nil || one != nil {
		t.Errorf("One of none: %v, %v", one, err)
	}
	if _, err := op.One("b"); fault.CodeOf(err) != soap.CodeRepeated || fault.Of(err).Field != "b" {
		t.Errorf("One of two: %v", err)
	}
	var none *soap.Element
	if none.Find("x") != nil || none.All("x") != nil || none.Value("x") != "" || none.Attr("x") != "" || none.XSIType() != "" || none.Nil() {
		t.Error("nil is not empty")
	}
	if one, err := none.One("x"); one != nil || err != nil {
		t.Error("One of nil")
	}
	if diff := cmp.Diff([]soap.Attr{{Space: soap.NamespaceXSI, Local: "nil", Value: "true"}, {Local: "type", Value: "plain"}, {Space: "urn:o", Local: "k", Value: "v"}}, op.Find("a").Attrs); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{in("<a>b</a>"), in(`<a xmlns:p="u" p:x="1"><![CDATA[x]]><!-- c --></a>`), "\ufeff<?xml version='1.0'?>" + in(""), "<!DOCTYPE a>", `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body/></s:Envelope>`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := soap.Parse(strings.NewReader(text), soap.Limits{Bytes: 1 << 16})
		if err != nil {
			if c := fault.CodeOf(err); c != soap.CodeMalformed && c != soap.CodeForbidden && c != soap.CodeTooLarge && c != soap.CodeRepeated {
				t.Fatalf("error %v", err)
			}
			return
		}
		if strings.Contains(text, "<!DOCTYPE") && !strings.Contains(text, "<![CDATA[") && !strings.Contains(text, "<!--") {
			t.Fatalf("a document type was taken: %q", text)
		}
		// Written and read again it is the same.
		op := e.Operation()
		if op == nil || !writable(op) {
			return
		}
		w := soap.NewWriter(soap.Style{Prefix: "soap", Version: e.Version, Attrs: []string{"xmlns:xsi", soap.NamespaceXSI}})
		w.OpenBody()
		w.Element(op, "")
		out, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := soap.Parse(strings.NewReader(string(out)), soap.Limits{})
		if err != nil {
			t.Fatalf("%q does not come back: %v", out, err)
		}
		if diff := cmp.Diff(plain(op), plain(again.Operation())); diff != "" {
			t.Fatal(diff)
		}
	})
}

// writable reports that the writer takes all names in e.
func writable(e *soap.Element) bool {
	ok := soap.ValidName(e.Local)
	for _, c := range e.Children {
		ok = ok && writable(c)
	}
	return ok
}

// plain is e without what Writer.Element leaves out.
func plain(e *soap.Element) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{%q %q %q %v %q", e.Space, e.Local, e.XSIType(), e.Nil(), strings.Map(func(c rune) rune {
		if c == '\uFFFD' || c == '\uFFFE' || c == '\uFFFF' { // what XML cannot hold is written as U+FFFD
			return '?'
		}
		return c
	}, e.Text))
	for _, c := range e.Children {
		b.WriteString(plain(c))
	}
	b.WriteString("}")
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	text := `<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Header/><se:Body><login xmlns="urn:partner.soap.sforce.com"><username>a@b</username><password>p&amp;w</password></login></se:Body></se:Envelope>`
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
