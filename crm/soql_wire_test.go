package crm_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Answers have the service's shapes (crm-wire 3.4).
func TestQueryAnswers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		acme := h.create(t, "Account", map[string]any{"Name": "Ärger Öl"})
		ann := h.create(t, "Contact", map[string]any{"LastName": "Wire", "FirstName": "Ann", "AccountId": acme, "Title": "a"})
		bob := h.create(t, "Contact", map[string]any{"LastName": "Wire", "FirstName": "Bob", "Title": "b"})
		names := strings.NewReplacer(acme, "{acme}", ann, "{ann}", bob, "{bob}", data, "{data}")
		record := func(object, id, fields string) string {
			return `{"attributes":{"type":"` + object + `","url":"{data}/sobjects/` + object + `/` + id + `"},` + fields + `}`
		}
		for _, c := range []struct{ soql, want string }{
			{
				"select firstname, account.name, accountid from contact where lastname = 'WIRE' order by firstname",
				`{"totalSize":2,"done":true,"records":[` +
					record("Contact", "{ann}", `"FirstName":"Ann","Account":`+record("Account", "{acme}", `"Name":"Ärger Öl"`)+`,"AccountId":"{acme}"`) + `,` +
					record("Contact", "{bob}", `"FirstName":"Bob","Account":null,"AccountId":null`) + `]}`,
			},
			{
				"SELECT (SELECT FirstName FROM Contacts), Name, (SELECT Id FROM Contacts WHERE Title = 'b') FROM Account WHERE Name = 'äRGER öL'",
				`invalid_field`,
			},
			{
				"SELECT (SELECT FirstName FROM Contacts), Name FROM Account WHERE Name = 'äRGER öL'",
				`{"totalSize":1,"done":true,"records":[` + record("Account", "{acme}", `"Contacts":{"totalSize":1,"done":true,"records":[`+
					record("Contact", "{ann}", `"FirstName":"Ann"`)+`]},"Name":"Ärger Öl"`) + `]}`,
			},
			{
				"SELECT Name, (SELECT FirstName FROM Contacts WHERE Title = 'b') FROM Account WHERE Name LIKE 'Ä%'",
				`{"totalSize":1,"done":true,"records":[` + record("Account", "{acme}", `"Name":"Ärger Öl","Contacts":null`) + `]}`,
			},
			{
				"SELECT Title t, COUNT(Id), MAX(FirstName) FROM Contact WHERE LastName = 'Wire' GROUP BY Title",
				`{"totalSize":2,"done":true,"records":[{"attributes":{"type":"AggregateResult"},"t":"a","expr0":1,"expr1":"Ann"},` +
					`{"attributes":{"type":"AggregateResult"},"t":"b","expr0":1,"expr1":"Bob"}]}`,
			},
			{
				"SELECT AVG(TotalLicenses) FROM UserLicense WHERE LicenseDefinitionKey = 'SFDC'",
				`{"totalSize":1,"done":true,"records":[{"attributes":{"type":"AggregateResult"},"expr0":1000.0}]}`,
			},
			{"SELECT COUNT() FROM Contact WHERE LastName = 'Wire'", `{"totalSize":2,"done":true,"records":[]}`},
		} {
			status, answer := h.call(t, h.admin, "GET", data+"/query?q="+url.QueryEscape(c.soql), nil)
			if c.want == "invalid_field" {
				if status != 400 || !strings.Contains(answer, `"errorCode":"INVALID_FIELD"`) || !strings.Contains(answer, "duplicate field selected: Contacts") {
					t.Errorf("%s: %d %s", c.soql, status, answer)
				}
				continue
			}
			if got := names.Replace(strings.TrimSpace(answer)); status != 200 || got != c.want {
				t.Errorf("%s: %d\n\tgot  %s\n\twant %s", c.soql, status, got, c.want)
			}
		}
	})
}

// columns=true tells what a query selects, for the tables of the command line.
func TestQueryColumns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		short := regexp.MustCompile(`"(columnName|aggregate|apexType|joinColumns)":("[^"]*"|true|false|\[\]|\[)`)
		for _, c := range []struct{ soql, head, want string }{
			{
				"SELECT Account.Name, CreatedDate FROM Contact", `"entityName":"Contact","groupBy":false,"idSelected":false,"keyPrefix":"003"`,
				"aggregate:false apexType: columnName:Account joinColumns: aggregate:false apexType:String columnName:Name joinColumns: aggregate:false apexType:Datetime columnName:CreatedDate joinColumns:",
			},
			{
				"SELECT Id, (SELECT LastName FROM Contacts) FROM Account", `"entityName":"Account","groupBy":false,"idSelected":true,"keyPrefix":"001"`,
				"aggregate:false apexType:Id columnName:Id joinColumns: aggregate:true apexType: columnName:Contacts joinColumns: aggregate:false apexType:String columnName:LastName joinColumns:",
			},
			{
				"SELECT Title, COUNT(Id) n, AVG(TotalLicenses) FROM UserLicense", "", "",
			},
			{
				"SELECT Name, COUNT(Id) n, AVG(TotalLicenses) FROM UserLicense GROUP BY Name", `"entityName":"UserLicense","groupBy":true,"idSelected":false`,
				"aggregate:false apexType:String columnName:Name joinColumns: aggregate:true apexType:Integer columnName:n joinColumns: aggregate:true apexType:Double columnName:expr0 joinColumns:",
			},
		} {
			status, answer := h.call(t, h.admin, "GET", data+"/query?columns=true&q="+url.QueryEscape(c.soql), nil)
			if c.want == "" {
				if status != 400 {
					t.Errorf("%s: %d %s", c.soql, status, answer)
				}
				continue
			}
			var parts []string
			for _, m := range short.FindAllStringSubmatch(answer, -1) {
				parts = append(parts, m[1]+":"+strings.Trim(m[2], `"[]`))
			}
			if got := sortedColumns(parts); status != 200 || got != c.want || !strings.Contains(answer, c.head) {
				t.Errorf("%s: %d\n\tgot  %s\n\twant %s\n%s", c.soql, status, got, c.want, answer)
			}
		}
	})
}

// sortedColumns puts the name of each column after what stands before it in the answer, so that wants read in order.
func sortedColumns(parts []string) string {
	var out []string
	for i := 0; i+3 < len(parts); i += 4 {
		out = append(out, parts[i+1], parts[i+2], parts[i], parts[i+3])
	}
	return strings.Join(out, " ")
}
