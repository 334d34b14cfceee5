package crm_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestDryRunsChangeNothing: who asks for a dry run gets one or is refused, whatever he calls.
func TestDryRunsChangeNothing(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	pack := zipOf(t, "package.xml", packageOf("PermissionSet", "Tried"), "permissionsets/Tried.permissionset", fileOf("PermissionSet", "<label>Tried</label>"))
	_, _, answer := h.metadataWith(t, h.admin, "<deploy><ZipFile>"+pack+"</ZipFile><DeployOptions><singlePackage>true</singlePackage></DeployOptions></deploy>", "Twinspan-Dry-Run", "true")
	id := between(answer, "<id>", "</id>")
	if !strings.HasPrefix(id, "0Af") {
		t.Fatal(answer)
	}
	wantIn(t, "deploy", h.ended(t, id), "<checkOnly>true<", "<status>Succeeded<")
	h.wantRead(t, "PermissionSet", "Tried", noRecord)
	if status, _, answer := h.metadataWith(t, h.admin, "<cancelDeploy><String>"+id+"</String></cancelDeploy>", "Twinspan-Dry-Run", "true"); status != 500 || !strings.Contains(answer, "INVALID_OPERATION") {
		t.Errorf("cancelDeploy: %d %s", status, answer)
	}
	user := h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'")
	for _, op := range []string{
		"<setPassword><userId>" + user + "</userId><password>other-pass-2</password></setPassword>", "<resetPassword><userId>" + user + "</userId></resetPassword>",
		"<changeOwnPassword><oldPassword>admin-pw-1</oldPassword><newPassword>other-pass-2</newPassword></changeOwnPassword>",
		"<invalidateSessions><sessionIds>" + h.user + "</sessionIds></invalidateSessions>",
	} {
		envelope := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader xmlns="urn:partner.soap.sforce.com"><sessionId>` + h.admin +
			`</sessionId></SessionHeader></e:Header><e:Body xmlns="urn:partner.soap.sforce.com">` + op + `</e:Body></e:Envelope>`
		req, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/services/Soap/u/65.0", strings.NewReader(envelope))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "text/xml")
		req.Header.Set("Twinspan-Dry-Run", "true")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := finish(t, res); status != 500 || !strings.Contains(answer, "INVALID_OPERATION") {
			t.Errorf("%.30s: %d %s", op, status, answer)
		}
	}
	h.wantLogin(t, h.spec.Users[1].Username, "user-pw-1TOKEN", "")
	h.wantLogin(t, h.spec.Users[0].Username, "admin-pw-1TOKEN", "")
	if code, answer := h.call(t, h.user, "GET", data+"/sobjects/User/"+user, nil); code != 200 {
		t.Errorf("the user's session: %d %s", code, answer)
	}
}
