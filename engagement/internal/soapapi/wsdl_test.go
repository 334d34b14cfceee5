package soapapi_test

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
)

// schema is what the test reads of a WSDL.
type schema struct {
	Types struct {
		Schema struct {
			Imports []struct {
				Location string `xml:"schemaLocation,attr"`
			} `xml:"import"`
			Types    []complexType `xml:"complexType"`
			Elements []struct {
				Name string      `xml:"name,attr"`
				Type complexType `xml:"complexType"`
			} `xml:"element"`
		} `xml:"schema"`
	} `xml:"types"`
	Operations []struct {
		Name string `xml:"name,attr"`
	} `xml:"portType>operation"`
	Address struct {
		Location string `xml:"location,attr"`
	} `xml:"service>port>address"`
}

type complexType struct {
	Name      string   `xml:"name,attr"`
	Members   []member `xml:"sequence>element"`
	Extension struct {
		Base    string   `xml:"base,attr"`
		Members []member `xml:"sequence>element"`
	} `xml:"complexContent>extension"`
}

type member struct {
	Name string `xml:"name,attr"`
	Type string `xml:"type,attr"`
}

// TestWSDL: the document names this server alone, every type in it is there, and every property that Retrieve knows is a
// member of its object.
func TestWSDL(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	fetch := func(method, path string) (string, http.Header) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		header := res.Header
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 200 || header.Get("Last-Modified") == "" || header.Get("Content-Type") != "text/xml; charset=utf-8" {
			t.Errorf("%s %s: %d %v", method, path, res.StatusCode, header)
		}
		a := do(t, server, r.Clone(t.Context()))
		return a.text, header
	}
	fetch("HEAD", "/etframework.wsdl")
	if text, _ := fetch("GET", "/ETFrameworkFault.xsd"); !strings.Contains(text, `name="apifault"`) {
		t.Error(text)
	}
	text, _ := fetch("GET", "/ETFramework.WSDL")
	if strings.Contains(text, "exacttarget.com/Service") || strings.Contains(text, "webservice.") {
		t.Error("the WSDL sends its readers elsewhere")
	}
	var w schema
	if err := xml.Unmarshal([]byte(text), &w); err != nil {
		t.Fatal(err)
	}
	if w.Address.Location != server.URL+"/Service.asmx" || len(w.Types.Schema.Imports) != 1 || w.Types.Schema.Imports[0].Location != server.URL+"/ETFrameworkFault.xsd" || len(w.Operations) != 9 {
		t.Errorf("address %s, imports %v, operations %v", w.Address.Location, w.Types.Schema.Imports, w.Operations)
	}
	types := map[string]complexType{}
	for _, c := range w.Types.Schema.Types {
		if _, twice := types[c.Name]; twice {
			t.Errorf("%s is there twice", c.Name)
		}
		types[c.Name] = c
	}
	local := func(name string) string { return name[strings.IndexByte(name, ':')+1:] }
	check := func(where string, list []member) {
		for _, m := range list {
			if _, ok := types[local(m.Type)]; strings.HasPrefix(m.Type, "tns:") && !ok {
				t.Errorf("%s.%s is of a type that is not there: %s", where, m.Name, m.Type)
			}
		}
	}
	for _, e := range w.Types.Schema.Elements {
		check(e.Name, e.Type.Members)
	}
	for name, c := range types {
		check(name, append(c.Members, c.Extension.Members...))
		if base := local(c.Extension.Base); base != "" && types[base].Name == "" {
			t.Errorf("%s extends %s, which is not there", name, base)
		}
	}
	var find func(object, path string) bool
	find = func(object, path string) bool {
		name, rest, nested := strings.Cut(path, ".")
		for c, ok := types[object]; ok; c, ok = types[local(c.Extension.Base)] {
			for _, m := range append(c.Members, c.Extension.Members...) {
				if m.Name == name {
					return !nested || find(local(m.Type), rest)
				}
			}
		}
		return false
	}
	for _, object := range []string{
		"BusinessUnit", "AccountUser", "AccountUserAccount", "Role", "PermissionSet", "Email", "TriggeredSendDefinition", "Subscriber", "List", "ListSubscriber",
		"DataFolder", "SenderProfile", "SendClassification", "DataExtensionTemplate", "DataExtension", "DataExtensionField",
	} {
		properties, ok := k.Retrieves.Describe(object)
		if !ok {
			t.Errorf("%s cannot be described", object)
		}
		for _, p := range properties {
			if !find(object, p.Name) {
				t.Errorf("%s.%s is not in the WSDL", object, p.Name)
			}
		}
	}
}
