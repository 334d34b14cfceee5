package crm_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// The documented fields of identity objects can be asked for by name, filtered and grouped by where that is documented,
// whether this org has anything that they tell of or not (crm-wire 5.2).
func TestDocumentedFields(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		user := h.one(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")
		status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/User/"+user, map[string]any{"MiddleName": "van", "Suffix": "jr.", "Signature": "Yours"})
		if status != http.StatusNoContent {
			t.Fatalf("%d %s", status, answer)
		}
		h.tryLogin(t, h.spec.Users[1].Username, "wrong")
		for query, want := range map[string]string{
			"SELECT Name, MiddleName, Suffix, Signature, NumberOfFailedLogins, UserRoleId, CallCenterId, IsPortalEnabled, UserPermissionsOfflineUser, LastViewedDate FROM User WHERE Id = '" + user + "'": `"Name":"Uwe van Normal jr.","MiddleName":"van","Suffix":"jr.","Signature":"Yours","NumberOfFailedLogins":1,"UserRoleId":null,"CallCenterId":null,` +
				`"IsPortalEnabled":false,"UserPermissionsOfflineUser":false,"LastViewedDate":null`,
			"SELECT PermissionsApiEnabled, PermissionsModifyAllData, LastReferencedDate FROM Profile WHERE PermissionsModifyAllData = false AND Name = 'Standard User'":                     `"PermissionsApiEnabled":true,"PermissionsModifyAllData":false,"LastReferencedDate":null`,
			"SELECT COUNT(Id) n, Profile.PermissionsManageUsers FROM User WHERE Profile.PermissionsManageUsers = true GROUP BY Profile.PermissionsManageUsers":                              `"n":1,"PermissionsManageUsers":true`,
			"SELECT ExpirationDate, PermissionSetGroupId, IsRevoked FROM PermissionSetAssignment WHERE ExpirationDate = null AND IsRevoked = false AND AssigneeId = '" + user + "' LIMIT 1": `"ExpirationDate":null,"PermissionSetGroupId":null,"IsRevoked":false`,
			"SELECT PermissionSetGroupId FROM PermissionSet WHERE PermissionSetGroupId = null LIMIT 1":                                                                                      `"PermissionSetGroupId":null`,
			"SELECT TlsProtocol, CipherSuite, CountryIso, NetworkId, AuthenticationServiceId, OptionsIsGet, OptionsIsPost, ClientVersion, LoginGeoId FROM LoginHistory WHERE TlsProtocol = null AND CountryIso = null " +
				"AND NetworkId = null AND OptionsIsGet = false AND AuthenticationServiceId = null AND CipherSuite = null AND UserId = '" + user + "' ORDER BY LoginTime LIMIT 1": `"TlsProtocol":null,"CipherSuite":null,"CountryIso":null,"NetworkId":null`,
			"SELECT CountryIso, COUNT(Id) n FROM LoginHistory WHERE UserId = '" + user + "' GROUP BY CountryIso ORDER BY CountryIso": `"CountryIso":null`,
			"SELECT CreatedByContext, CreatedByIssuer FROM SetupAuditTrail LIMIT 1":                                                  `"CreatedByContext":null,"CreatedByIssuer":null`,
			"SELECT MonthlyPageViewsUsed, ComplianceBccEmail, WebToCaseDefaultOrigin FROM Organization":                              `"MonthlyPageViewsUsed":null,"ComplianceBccEmail":null`,
		} {
			status, answer := h.call(t, h.admin, "GET", data+"/query?q="+url.QueryEscape(query), nil)
			if status != http.StatusOK || !strings.Contains(answer, want) {
				t.Errorf("%s\n\t%d %s", query, status, answer)
			}
		}
		if status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/User/"+user, map[string]any{"UserRoleId": nil}); status != http.StatusBadRequest || !strings.Contains(answer, "INVALID_FIELD_FOR_INSERT_UPDATE") {
			t.Errorf("changing a field that is not there: %d %s", status, answer)
		}
	})
}
