package crm_test

import (
	"net/url"
	"strings"
	"testing"
)

// Queries that databases would answer each in its own way, or not at all.
func TestQueriesAtTheEdges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.wantChange(t, "createMetadata", component("CustomField", "Contact.Key__c", "<label>Key</label><type>Text</type><length>20</length><unique>true</unique><caseSensitive>true</caseSensitive>")+
			component("CustomField", "Contact.Flag__c", "<label>Flag</label><type>Checkbox</type><defaultValue>false</defaultValue>"))
		h.create(t, "Contact", map[string]any{"LastName": "Edge", "Key__c": "abc"})
		for query, want := range map[string]float64{
			"SELECT COUNT() FROM Contact WHERE Key__c LIKE 'A%'":                                                  1,
			"SELECT COUNT() FROM Contact WHERE Key__c = 'ABC'":                                                    0,
			"SELECT COUNT() FROM Contact WHERE CreatedDate IN (" + strings.Repeat("TODAY, ", 1_199) + "TODAY)":    3,
			"SELECT COUNT() FROM Contact WHERE ReportsTo.DoNotCall = false":                                       3,
			"SELECT COUNT() FROM Contact WHERE ReportsTo.Flag__c = false":                                         3,
			"SELECT COUNT() FROM Contact WHERE NOT ReportsTo.DoNotCall = true":                                    3,
			"SELECT COUNT() FROM Contact WHERE Owner.IsActive = true AND (Id = null OR LastModifiedById != null)": 3,
		} {
			status, answer := h.call(t, h.admin, "GET", data+"/query?q="+url.QueryEscape(query), nil)
			if status != 200 || field(t, answer, "totalSize") != want {
				t.Errorf("%.80s: %d %s, want %v", query, status, answer, want)
			}
		}
		if _, rows := h.query(t, h.admin, "SELECT ReportsTo.DoNotCall d, COUNT(Id) n FROM Contact GROUP BY ReportsTo.DoNotCall"); len(rows) != 1 || rows[0]["d"] != false || rows[0]["n"] != 3.0 {
			t.Errorf("%v", rows)
		}
	})
}

// Whoever does not manage users sees his own logins (crm-wire 5.2).
func TestLoginHistoryOfOneself(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		me, ada := h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'"), h.one(t, "SELECT Id FROM User WHERE FirstName = 'Ada'")
		_, rows := h.query(t, h.user, "SELECT Id, UserId FROM LoginHistory")
		if len(rows) == 0 {
			t.Fatal("no rows of his own")
		}
		for _, r := range rows {
			if r["UserId"] != me {
				t.Errorf("a row of another: %v", r)
			}
		}
		if status, answer := h.call(t, h.user, "GET", data+"/sobjects/LoginHistory/"+rows[0]["Id"].(string), nil); status != 200 {
			t.Errorf("his own: %d %s", status, answer)
		}
		_, others := h.query(t, h.admin, "SELECT Id FROM LoginHistory WHERE UserId = '"+ada+"' LIMIT 1")
		if len(others) != 1 {
			t.Fatal("an administrator does not see all")
		}
		if status, answer := h.call(t, h.user, "GET", data+"/sobjects/LoginHistory/"+others[0]["Id"].(string), nil); status != 404 {
			t.Errorf("another's: %d %s", status, answer)
		}
	})
}
