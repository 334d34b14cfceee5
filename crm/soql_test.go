package crm_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm"
)

// people makes contacts with known values.
func people(t *testing.T, h *house) {
	t.Helper()
	for _, c := range []map[string]any{
		{"LastName": "alpha", "Title": "Boss", "Email": "a@x.example", "Birthdate": "1970-01-01", "Description": "100% sure"},
		{"LastName": "Beta", "Title": "boss", "Birthdate": "1980-06-15", "HasOptedOutOfEmail": true},
		{"LastName": "gamma", "Title": "Clerk", "Email": "G@X.example", "Description": "it's\na \\ test_"},
		{"LastName": "Delta"},
	} {
		c["Department"] = "soql"
		h.create(t, "Contact", c)
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		people(t, h)
		for _, c := range []struct{ where, want string }{
			{"Title = 'BOSS'", "alpha Beta"},
			{"Title != 'boss'", "Delta gamma"}, // null is not 'boss'
			{"NOT Title = 'boss'", "Delta gamma"},
			{"(NOT (Title = 'boss' OR Title = 'clerk'))", "Delta"},
			{"Title = null", "Delta"},
			{"Title = ''", "Delta"},
			{"Title <> NULL AND Email = null", "Beta"},
			{"Title IN ('Clerk', 'nobody')", "gamma"},
			{"Title NOT IN ('Clerk')", "alpha Beta Delta"},
			{"Title IN (null, 'clerk')", "Delta gamma"},
			{"NOT Title IN (null, 'clerk')", "alpha Beta"},
			{"LastName LIKE '%A' AND (NOT LastName LIKE 'd%')", "alpha Beta gamma"},
			{"LastName LIKE '_elta'", "Delta"},
			{"Title LIKE 'x%' OR Title LIKE 'c_e%'", "gamma"},
			{"NOT Title LIKE 'b%'", "Delta gamma"},
			{"Email LIKE '%@x.EXAMPLE'", "alpha gamma"},
			{"LastName < 'BETB'", "alpha Beta"},
			{"LastName >= 'beta' AND LastName <= 'delta'", "Beta Delta"},
			{"HasOptedOutOfEmail = TRUE", "Beta"},
			{"HasOptedOutOfEmail != true", "alpha Delta gamma"},
			{"Birthdate = 1970-01-01", "alpha"},
			{"Birthdate > 1970-01-01", "Beta"},
			{"NOT Birthdate > 1970-01-01", "alpha Delta gamma"},
			{"CreatedDate > 2001-01-01T00:00:00Z AND CreatedDate < 3001-01-01T00:00:00.000+0200", "alpha Beta Delta gamma"},
			{"CreatedDate < 2001-01-01T00:00:00Z", ""},
			{"Owner.Profile.Name = 'system administrator'", "alpha Beta Delta gamma"},
			{"Owner.Profile.UserLicense.Name = 'x'", ""},
			{"Account.Name = null", "alpha Beta Delta gamma"},
			{"Account.Name != 'x'", "alpha Beta Delta gamma"},
			{"OwnerId IN (SELECT Id FROM User WHERE Profile.Name = 'System Administrator')", "alpha Beta Delta gamma"},
			{"OwnerId NOT IN (SELECT Id FROM User WHERE Profile.Name = 'Standard User')", "alpha Beta Delta gamma"},
			{"AccountId NOT IN (SELECT Id FROM Account)", "alpha Beta Delta gamma"},
		} {
			_, records := h.query(t, h.admin, "SELECT LastName FROM Contact WHERE Department = 'SOQL' AND ("+c.where+") ORDER BY LastName")
			var got []string
			for _, r := range records {
				got = append(got, fmt.Sprint(r["LastName"]))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: %v, want %s", c.where, got, c.want)
			}
		}
	})
}

// Texts with every mark that means something to SQL or LIKE come back as they went in.
func TestQueriesBindTheirValues(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`)
		like := strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "%", `\%`, "_", `\_`)
		texts := []string{
			`'`, `''; DROP TABLE contact; --`, `\`, `\\'`, `%`, `_`, `a_b`, `axb`, `100%`, "line\nbreak", `"double"`, `$1`, `?`, `:name`, `/* x */`, `--`,
			`Ünï’cödé “quotes”`, `x' OR '1'='1`, `\'`, `{"a":1}`,
		}
		for _, s := range texts {
			h.create(t, "Contact", map[string]any{"LastName": "q", "Title": s})
		}
		for _, s := range texts {
			for _, where := range []string{"Title = '" + quote.Replace(s) + "'", "Title LIKE '" + like.Replace(s) + "'", "Title IN ('zzz', '" + quote.Replace(s) + "')"} {
				_, records := h.query(t, h.admin, "SELECT Title FROM Contact WHERE "+where)
				if len(records) != 1 || records[0]["Title"] != s {
					t.Errorf("%s: %v", where, records)
				}
			}
		}
	})
}

func TestQueryOrderAndLimits(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		people(t, h)
		for _, c := range []struct {
			tail  string
			total int
			want  string
		}{
			{"ORDER BY Title, LastName", 4, "Delta alpha Beta gamma"},
			{"ORDER BY Title NULLS LAST, LastName DESC", 4, "Beta alpha gamma Delta"},
			{"ORDER BY Title DESC NULLS LAST, LastName", 4, "gamma alpha Beta Delta"},
			{"ORDER BY Birthdate ASC NULLS FIRST, LastName", 4, "Delta gamma alpha Beta"},
			{"ORDER BY LastName LIMIT 2", 2, "alpha Beta"},
			{"ORDER BY LastName LIMIT 2 OFFSET 3", 1, "gamma"},
			{"ORDER BY LastName LIMIT 0", 0, ""},
			{"ORDER BY Owner.Name, LastName OFFSET 4", 0, ""},
			{"ORDER BY LastName LIMIT 1 FOR VIEW", 1, "alpha"},
			{"ORDER BY LastName LIMIT 1 ALL ROWS", 1, "alpha"},
		} {
			total, records := h.query(t, h.admin, "SELECT LastName FROM Contact c WHERE c.Department = 'soql' "+c.tail)
			var got []string
			for _, r := range records {
				got = append(got, fmt.Sprint(r["LastName"]))
			}
			if strings.Join(got, " ") != c.want || total != c.total {
				t.Errorf("%s: %d %v, want %d %s", c.tail, total, got, c.total, c.want)
			}
		}
		if n, records := h.query(t, h.admin, "SELECT COUNT() FROM Contact WHERE Department = 'soql' LIMIT 3"); n != 3 || len(records) != 0 {
			t.Errorf("COUNT() with a limit: %d", n)
		}
	})
}

// The queries that the clients themselves send (clients 1.4).
func TestQueriesOfClients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		username := h.spec.Users[1].Username
		_, records := h.query(t, h.admin, "SELECT name FROM Profile WHERE Id IN (SELECT ProfileId FROM User WHERE username='"+strings.ToUpper(username)+"')")
		if len(records) != 1 || records[0]["Name"] != "Standard User" {
			t.Errorf("profile of a user: %v", records)
		}
		_, records = h.query(t, h.admin, "SELECT Id, User.IsActive, Profile.Name FROM User WHERE IsActive = true")
		if len(records) != 2 {
			t.Errorf("active users: %v", records)
		}
		_, records = h.query(t, h.admin, "SELECT Assignee.Username, PermissionSet.Name, PermissionSet.Profile.Name, PermissionSet.PermissionsApiEnabled FROM PermissionSetAssignment "+
			"WHERE PermissionSet.IsOwnedByProfile = true AND Assignee.Username = '"+username+"'")
		if len(records) != 1 {
			t.Fatalf("profile-owned assignment: %v", records)
		}
		set, _ := records[0]["PermissionSet"].(map[string]any)
		profile, _ := set["Profile"].(map[string]any)
		if profile["Name"] != "Standard User" || set["PermissionsApiEnabled"] != true {
			t.Errorf("profile-owned set: %v", set)
		}
		if n, _ := h.query(t, h.admin, "SELECT COUNT() FROM PermissionSet WHERE PermissionsModifyAllData = true"); n != 1 {
			t.Errorf("%d sets modify all data", n)
		}
		_, records = h.query(t, h.admin, "SELECT Name, TotalLicenses, UsedLicenses FROM UserLicense WHERE LicenseDefinitionKey = 'SFDC'")
		if records[0]["UsedLicenses"] != 2.0 || records[0]["TotalLicenses"] != 1000.0 {
			t.Errorf("licences: %v", records)
		}
		id := h.one(t, "SELECT Id FROM User WHERE Username = '"+username+"'")
		if status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/User/"+id, map[string]any{
			"et4ae5__ExactTargetForAppExchangeUser__c": true, "et4ae5__ExactTarget_OAuth_Token__c": strings.Repeat("x", 40),
		}); status != 204 {
			t.Fatalf("%d %s", status, answer)
		}
		mapped := h.ids(t, "SELECT Id FROM User WHERE et4ae5__ExactTargetForAppExchangeUser__c = TRUE")
		if !slices.Equal(mapped, []string{id}) {
			t.Errorf("mapped users: %v", mapped)
		}
		if status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/User/"+id, map[string]any{"et4ae5__ExactTarget_OAuth_Token__c": ""}); status != 204 {
			t.Fatalf("%d %s", status, answer)
		}
		if _, left := h.query(t, h.admin, "SELECT et4ae5__ExactTarget_OAuth_Token__c FROM User WHERE Id = '"+id+"'"); left[0]["et4ae5__ExactTarget_OAuth_Token__c"] != nil {
			t.Errorf("still mapped: %v", left)
		}
		if still := h.ids(t, "SELECT Id FROM User WHERE et4ae5__ExactTargetForAppExchangeUser__c = TRUE"); len(still) != 1 {
			t.Error("clearing one package field cleared another")
		}
	})
}

// A query sees its own org and nothing else, by whatever way.
func TestQueriesStayInTheirOrg(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		other := spec()
		if err := h.cloud.CreateOrg(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		stranger := &house{url: h.url, cloud: h.cloud, spec: other}
		stranger.admin = stranger.login(t, other.Users[0].Username, "admin-pw-1TOKEN")
		foreign := stranger.ids(t, "SELECT Id FROM Contact")
		for _, object := range []string{"Contact", "User", "Profile", "PermissionSet", "PermissionSetAssignment", "SetupEntityAccess", "ConnectedApplication", "Organization", "UserLicense"} {
			_, mine := h.query(t, h.admin, "SELECT Id FROM "+object)
			_, theirs := h.query(t, stranger.admin, "SELECT Id FROM "+object)
			for _, r := range mine {
				if slices.ContainsFunc(theirs, func(o map[string]any) bool { return o["Id"] == r["Id"] }) {
					t.Errorf("%s %v is in both orgs", object, r["Id"])
				}
			}
		}
		for _, soql := range []string{
			"SELECT Id FROM Contact WHERE Id = '" + foreign[0] + "'",
			"SELECT Id FROM Contact WHERE OwnerId IN (SELECT Id FROM User WHERE Username = '" + other.Users[0].Username + "')",
			"SELECT Id FROM User WHERE Username = '" + other.Users[0].Username + "'",
			"SELECT Id FROM Contact WHERE Owner.Username = '" + other.Users[0].Username + "' OR Id = '" + foreign[0] + "'",
		} {
			if got := h.ids(t, soql); got != nil {
				t.Errorf("%s: %v", soql, got)
			}
		}
		for _, c := range []struct {
			method string
			body   any
		}{{"GET", nil}, {"PATCH", `{"Title":"x"}`}, {"DELETE", nil}} {
			if status, answer := h.call(t, h.admin, c.method, data+"/sobjects/Contact/"+foreign[0], c.body); status != 404 || !strings.Contains(answer, "NOT_FOUND") {
				t.Errorf("%s of a foreign contact: %d %s", c.method, status, answer)
			}
		}
		account := stranger.create(t, "Account", map[string]any{"Name": "theirs"})
		if status, answer := h.call(t, h.admin, "POST", data+"/sobjects/Contact", map[string]any{"LastName": "x", "AccountId": account}); status != 400 || !strings.Contains(answer, "INVALID_CROSS_REFERENCE_KEY") {
			t.Errorf("a reference into another org: %d %s", status, answer)
		}
	})
}

// A long answer comes in batches, which only its own user may fetch.
func TestLongAnswersComeInBatches(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		big := spec()
		for i := range 450 {
			big.Contacts = append(big.Contacts, crm.ContactSpec{LastName: fmt.Sprintf("Number %03d", i)})
		}
		if err := h.cloud.CreateOrg(t.Context(), big); err != nil {
			t.Fatal(err)
		}
		owner := &house{url: h.url, cloud: h.cloud, spec: big}
		owner.admin = owner.login(t, big.Users[0].Username, "admin-pw-1TOKEN")
		next := data + "/query?q=" + url.QueryEscape("SELECT LastName FROM Contact WHERE LastName LIKE 'Number%' ORDER BY LastName LIMIT 440")
		var seen []string
		for pages := 1; next != ""; pages++ {
			var out struct {
				TotalSize      int
				Done           bool
				NextRecordsURL string `json:"nextRecordsUrl"`
				Records        []struct{ LastName string }
			}
			status, answer := owner.batch(t, next)
			if err := json.Unmarshal([]byte(answer), &out); err != nil || status != 200 || out.TotalSize != 440 || out.Done != (out.NextRecordsURL == "") {
				t.Fatalf("page %d: %d %.300s", pages, status, answer)
			}
			for _, r := range out.Records {
				seen = append(seen, r.LastName)
			}
			next = out.NextRecordsURL
			if next == "" {
				break
			}
			if !strings.HasPrefix(next, data+"/query/01g") || !strings.HasSuffix(next, fmt.Sprintf("-%d", pages*200)) {
				t.Errorf("nextRecordsUrl %s", next)
			}
			for name, token := range map[string]string{"another org's": h.admin, "another user's": owner.login(t, big.Users[1].Username, "user-pw-1TOKEN")} {
				if status, answer := h.call(t, token, "GET", next, nil); status != 400 || !strings.Contains(answer, "INVALID_QUERY_LOCATOR") {
					t.Errorf("%s token: %d %s", name, status, answer)
				}
			}
		}
		if len(seen) != 440 || seen[0] != "Number 000" || seen[439] != "Number 439" || !slices.IsSorted(seen) {
			t.Errorf("%d records from %v to %v", len(seen), seen[0], seen[len(seen)-1])
		}
	})
}
