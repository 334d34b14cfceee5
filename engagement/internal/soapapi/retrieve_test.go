package soapapi_test

import (
	"fmt"
	"html"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/soapapi"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/web"
)

func idle(t testing.TB) *sendertest.Kit {
	t.Helper()
	return sendertest.New(t, sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), sendertest.Migrations()), sendertest.Options{Idle: true})
}

func mux(s *soapapi.Server) *web.Mux {
	m := web.NewMux()
	m.IgnoreCase = true
	s.Mount(m)
	return m
}

// retrieve asks for one property and returns its values and the OverallStatus.
func retrieve(t *testing.T, server *httptest.Server, token, object, property, more string) ([]string, string) {
	t.Helper()
	body := strings.Replace(envelope(`<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>`+object+`</ObjectType><Properties>`+property+
		`</Properties>`+more+`</RetrieveRequest></RetrieveRequestMsg>`), ">good<", ">"+token+"<", 1)
	a := post(t, server, soapapi.Path, body, "SOAPAction", "Retrieve")
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	status := regexp.MustCompile(`<OverallStatus>(.*?)</OverallStatus>`).FindStringSubmatch(a.text)
	var values []string
	name := property[strings.LastIndexByte(property, '.')+1:]
	for _, result := range strings.Split(a.text, "<Results ")[1:] {
		if m := regexp.MustCompile("<" + name + ">(.*?)</" + name + ">").FindStringSubmatch(result); m != nil {
			values = append(values, html.UnescapeString(m[1]))
		} else {
			values = append(values, "-")
		}
	}
	return values, html.UnescapeString(status[1])
}

func filter(property, operator string, values ...string) string {
	return `<Filter xsi:type="SimpleFilterPart">` + part(property, operator, values...) + `</Filter>`
}

func part(property, operator string, values ...string) string {
	s := `<Property>` + property + `</Property><SimpleOperator>` + operator + `</SimpleOperator>`
	for _, v := range values {
		s += `<Value>` + html.EscapeString(v) + `</Value>`
	}
	return s
}

// subscribers puts five people on the list.
func subscribers(t *testing.T, k *sendertest.Kit) {
	t.Helper()
	for i, key := range []string{"alpha", "Beta", "gamma 100%", "delta_1", "epsilon"} {
		status := tenant.SubscriberActive
		if i == 4 {
			status = tenant.SubscriberUnsubscribed
		}
		if _, err := k.Subscribers.Create(t.Context(), sendertest.Principal(sendertest.Top), tenant.SubscriberChange{Key: key, Address: fmt.Sprintf("p%d@example.com", i), Status: status}); err != nil {
			t.Fatal(err)
		}
		k.Time.Advance(24 * time.Hour)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			subscribers(t, k)
			or := `<Filter xsi:type="ns:ComplexFilterPart" xmlns:ns="http://exacttarget.com/wsdl/partnerAPI"><LeftOperand xsi:type="ns:SimpleFilterPart">` + part("SubscriberKey", "equals", "alpha") +
				`</LeftOperand><LogicalOperator>OR</LogicalOperator><RightOperand xsi:type="ComplexFilterPart"><LeftOperand>` + part("Status", "equals", "Active") +
				`</LeftOperand><LogicalOperator>AND</LogicalOperator><RightOperand>` + part("EmailAddress", "beginsWith", "p3@") + `</RightOperand></RightOperand></Filter>`
			for name, c := range map[string]struct {
				filter string
				want   string // keys in alphabetical order, or the status
			}{
				"equals, any case":        {filter("SubscriberKey", "equals", "BETA"), "Beta"},
				"notEquals":               {filter("Status", "notEquals", "active"), "epsilon"},
				"greaterThan":             {filter("EmailAddress", "greaterThan", "p2@example.com"), "delta_1 epsilon"},
				"greaterThanOrEqual":      {filter("EmailAddress", "greaterThanOrEqual", "p3@example.com"), "delta_1 epsilon"},
				"lessThan":                {filter("EmailAddress", "lessThan", "p1@example.com"), "alpha"},
				"lessThanOrEqual":         {filter("EmailAddress", "lessThanOrEqual", "p1@example.com"), "Beta alpha"},
				"IN":                      {filter("SubscriberKey", "IN", "alpha", "GAMMA 100%"), "alpha gamma 100%"},
				"between times":           {filter("CreatedDate", "between", "2026-06-02T00:00:00", "2026-06-03T23:00:00.000Z"), "Beta gamma 100%"},
				"after a day":             {filter("CreatedDate", "greaterThan", "2026-06-04"), "delta_1 epsilon"},
				"isNull":                  {filter("UnsubscribedDate", "isNull"), "Beta alpha delta_1 gamma 100%"},
				"isNotNull, empty value":  {filter("UnsubscribedDate", "isNotNull", ""), "epsilon"},
				"like without a sign":     {filter("SubscriberKey", "like", " 100"), "gamma 100%"},
				"like with a sign":        {filter("SubscriberKey", "like", "%ta%"), "Beta delta_1"},
				"contains takes signs":    {filter("SubscriberKey", "contains", "a_1"), "delta_1"},
				"existsInString percent":  {filter("SubscriberKey", "existsInString", "%"), "gamma 100%"},
				"notContains":             {filter("SubscriberKey", "notContains", "a"), "epsilon"},
				"beginsWith":              {filter("SubscriberKey", "beginsWith", "EP"), "epsilon"},
				"endsWith":                {filter("SubscriberKey", "endsWith", "_1"), "delta_1"},
				"joined":                  {or, "alpha delta_1"},
				"quotes are no SQL":       {filter("SubscriberKey", "equals", `' OR '1'='1`), ""},
				"backslash":               {filter("SubscriberKey", "contains", `\`), ""},
				"unknown property":        {filter("Colour", "equals", "red"), "Error: The filter property 'Colour' does not exist on Subscriber."},
				"number that is none":     {filter("ID", "equals", "x"), "Error: The value 'x' is no int, which ID is."},
				"time that is none":       {filter("CreatedDate", "equals", "soon"), "Error: The value 'soon' is no dateTime, which CreatedDate is."},
				"like on a number":        {filter("ID", "like", "1"), "Error: The operator like needs a property of type string; ID is int."},
				"IN with one value":       {filter("SubscriberKey", "IN", "alpha"), "Error: The operator IN does not take a single value; use equals."},
				"unknown operator":        {filter("SubscriberKey", "isAnniversary", "alpha"), `Error: The operator "isAnniversary" is not supported.`},
				"unknown logic":           {strings.Replace(or, ">OR<", ">XOR<", 1), "Error: A complex filter part is joined by AND or OR."},
				"unknown kind of part":    {`<Filter xsi:type="TagFilterPart"/>`, `Error: The filter part "TagFilterPart" is unknown.`},
				"client id that is none":  {`<ClientIDs><ID>x</ID></ClientIDs>`, "Error: A client id is not a number."},
				"unit out of reach":       {`<ClientIDs><ID>999999999</ID></ClientIDs>`, "Error: API Permission Failed."},
				"continuation of nothing": {`<ContinueRequest>00000000-0000-4000-8000-000000000000</ContinueRequest>`, "Error: The ContinueRequest names no retrieve that can be continued."},
			} {
				keys, status := retrieve(t, server, "good", "Subscriber", "SubscriberKey", c.filter)
				got := strings.Join(sorted(keys), " ")
				if status != "OK" {
					got = status
				}
				if got != c.want {
					t.Errorf("%s: %s, want %s", name, got, c.want)
				}
			}
		})
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// A client may ask for shorter pages than the most there can be, and each page that follows is as long.
func TestBatchSize(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	subscribers(t, k)
	page := func(what string) (keys int, status, id string) {
		a := post(t, server, soapapi.Path, envelope(`<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>Subscriber</ObjectType><Properties>SubscriberKey</Properties>`+what+`</RetrieveRequest></RetrieveRequestMsg>`), "SOAPAction", "Retrieve")
		status = regexp.MustCompile(`<OverallStatus>(.*?)</OverallStatus>`).FindStringSubmatch(a.text)[1]
		return strings.Count(a.text, "<Results "), status, regexp.MustCompile(`<RequestID>(.*?)</RequestID>`).FindStringSubmatch(a.text)[1]
	}
	size := func(n string) string { return `<Options><BatchSize>` + n + `</BatchSize></Options>` }
	n, status, id := page(size("3"))
	if n != 3 || status != "MoreDataAvailable" {
		t.Errorf("%d rows, %s", n, status)
	}
	if n, status, _ := page(`<ContinueRequest>` + id + `</ContinueRequest>`); n != 2 || status != "OK" {
		t.Errorf("then %d rows, %s", n, status)
	}
	if n, status, _ := page(size("9000000000")); n != 5 || status != "OK" {
		t.Errorf("%d rows, %s", n, status)
	}
	for _, bad := range []string{"-1", "x"} {
		if _, status, _ := page(size(bad)); !strings.HasPrefix(status, "Error: ") {
			t.Errorf("%s: %s", bad, status)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			k.Retrieves.Batch = 2
			server := k.Serve()
			subscribers(t, k)
			var all []string
			more := ""
			for page := 0; ; page++ {
				body := envelope(`<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>Subscriber</ObjectType><Properties>SubscriberKey</Properties>` + more + `</RetrieveRequest></RetrieveRequestMsg>`)
				a := post(t, server, soapapi.Path, body, "SOAPAction", "Retrieve")
				id := regexp.MustCompile(`<RequestID>(.*?)</RequestID>`).FindStringSubmatch(a.text)[1]
				for _, m := range regexp.MustCompile(`<SubscriberKey>(.*?)</SubscriberKey>`).FindAllStringSubmatch(a.text, -1) {
					all = append(all, m[1])
				}
				more = `<ContinueRequest>` + id + `</ContinueRequest>`
				if page < 2 && !strings.Contains(a.text, "<OverallStatus>MoreDataAvailable</OverallStatus>") {
					t.Fatalf("page %d: %s", page, a.text)
				}
				if page == 0 {
					if _, status := retrieve(t, server, "child", "Subscriber", "SubscriberKey", more); !strings.HasPrefix(status, "Error: The ContinueRequest does not belong") {
						t.Errorf("another caller continues: %s", status)
					}
				}
				if page == 2 {
					if !strings.Contains(a.text, "<OverallStatus>OK</OverallStatus>") {
						t.Errorf("%s", a.text)
					}
					break
				}
			}
			if got := strings.Join(sorted(all), " "); got != "Beta alpha delta_1 epsilon gamma 100%" {
				t.Errorf("pages held %s", got)
			}
			_, status := retrieve(t, server, "good", "Subscriber", "SubscriberKey", "")
			if status != "MoreDataAvailable" {
				t.Fatal(status)
			}
			k.Time.Advance(25 * time.Hour)
			if _, status := retrieve(t, server, "good", "Subscriber", "SubscriberKey", more); !strings.HasPrefix(status, "Error: ") {
				t.Errorf("a retrieve is continued after a day: %s", status)
			}
		})
	}
}

// TestEveryObject asks for every property of every object type, on both databases.
func TestEveryObject(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			k := kit(t, kind)
			server := k.Serve()
			subscribers(t, k)
			for object, least := range map[string]int{"BusinessUnit": 2, "AccountUser": 3, "Role": 8, "Email": 1, "TriggeredSendDefinition": 1, "Subscriber": 5, "List": 1} {
				properties, ok := k.Retrieves.Describe(object)
				if !ok {
					t.Fatalf("%s is not described", object)
				}
				var ask strings.Builder
				for _, p := range properties {
					if p.Retrievable {
						ask.WriteString("</Properties><Properties>" + p.Name)
					}
				}
				a := post(t, server, soapapi.Path, envelope(`<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>`+object+
					`</ObjectType><Properties>`+ask.String()+`</Properties><QueryAllAccounts>true</QueryAllAccounts></RetrieveRequest></RetrieveRequestMsg>`), "SOAPAction", "Retrieve")
				if n := strings.Count(a.text, `<Results xsi:type="`+object+`">`); n < least || !strings.Contains(a.text, "<OverallStatus>OK<") {
					t.Errorf("%s: %d results\n%s", object, n, a.text)
				}
				if strings.Contains(a.text, "argon2") || strings.Contains(a.text, "<Password") {
					t.Errorf("%s shows a password", object)
				}
				for _, p := range properties {
					if p.Retrievable {
						continue
					}
					if _, status := retrieve(t, server, "good", object, p.Name, ""); status != "Error: The Request Property(s) "+p.Name+" do not match with the fields of "+object+" retrieve" {
						t.Errorf("%s.%s: %s", object, p.Name, status)
					}
				}
			}
			text := post(t, server, soapapi.Path, envelope(`<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>TriggeredSendDefinition</ObjectType><Properties>Email.ID</Properties><Properties>CustomerKey</Properties><Properties>ObjectID</Properties></RetrieveRequest></RetrieveRequestMsg>`), "SOAPAction", "Retrieve").text
			if !regexp.MustCompile(`<PartnerKey xsi:nil="true"/><ObjectID>[0-9a-f-]{36}</ObjectID><CustomerKey>welcome</CustomerKey><Email><PartnerKey xsi:nil="true"/><ID>\d{9}</ID><ObjectID xsi:nil="true"/></Email></Results>`).MatchString(text) {
				t.Errorf("%s", text)
			}
		})
	}
}

func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	k := kit(t, "sqlite")
	server := k.Serve()
	poor := sendertest.Principal(sendertest.Top)
	poor.Scopes = []string{"email_read"}
	k.Auth.Put("poor", poor)
	for name, c := range map[string]struct {
		token, object, property, more string
		values                        string
		status                        string
	}{
		"own unit alone":              {"good", "BusinessUnit", "Name", "", "Northern Trail", "OK"},
		"all below the top":           {"good", "BusinessUnit", "Name", "<QueryAllAccounts>true</QueryAllAccounts>", "Northern Trail,Trail Europe", "OK"},
		"a unit by id":                {"good", "BusinessUnit", "Name", "<ClientIDs><ID>510000002</ID></ClientIDs>", "Trail Europe", "OK"},
		"a unit by Client":            {"good", "BusinessUnit", "Name", "<Options><Client><ID>510000002</ID></Client></Options>", "Trail Europe", "OK"},
		"nothing above a child":       {"child", "BusinessUnit", "Name", "<QueryAllAccounts>true</QueryAllAccounts>", "Trail Europe", "OK"},
		"not the parent from a child": {"child", "BusinessUnit", "Name", "<ClientIDs><ID>510000001</ID></ClientIDs>", "", "Error: API Permission Failed."},
		"users of a unit":             {"child", "AccountUser", "UserID", filter("IsAPIUser", "equals", "false"), "europe.only", "OK"},
		"definitions of a unit":       {"child", "TriggeredSendDefinition", "Name", "", "", "OK"},
		"scope missing":               {"poor", "Subscriber", "SubscriberKey", "", "", "Error: API Permission Failed."},
		"app users have no email":     {"good", "AccountUser", "Email", filter("Email", "isNull"), "-", "OK"},
	} {
		values, status := retrieve(t, server, c.token, c.object, c.property, c.more)
		if name == "users of a unit" {
			values = slices.DeleteFunc(values, func(v string) bool { return v != "europe.only" }) // beside those of all units
		}
		if strings.Join(values, ",") != c.values || status != c.status {
			t.Errorf("%s: %v, %s", name, values, status)
		}
	}
	if _, status := retrieve(t, server, "good", "Subscriber", "Colour", ""); status != "Error: The Request Property(s) Colour do not match with the fields of Subscriber retrieve" {
		t.Error(status)
	}
}
