package crm_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"time"
)

// bundle makes a zip in base64 of names and texts.
func zipOf(t *testing.T, pairs ...string) string {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.Create(pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(buf.Bytes())
}

// packageOf is a manifest of types and members: "PermissionSet", "A B".
func packageOf(pairs ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><Package xmlns="http://soap.sforce.com/2006/04/metadata">`)
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString("<types>")
		for _, m := range strings.Split(pairs[i+1], ",") {
			b.WriteString("<members>" + m + "</members>")
		}
		b.WriteString("<name>" + pairs[i] + "</name></types>")
	}
	return b.String() + "<version>65.0</version></Package>"
}

func fileOf(kind, fields string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><` + kind + ` xmlns="http://soap.sforce.com/2006/04/metadata">` + fields + `</` + kind + `>`
}

// deployed deploys a zip and waits for its end.
func (h *house) deployed(t *testing.T, zip, options string) string {
	t.Helper()
	_, answer := h.metadata(t, h.admin, "<deploy><ZipFile>"+zip+"</ZipFile><DeployOptions><singlePackage>true</singlePackage>"+options+"</DeployOptions></deploy>")
	id := between(answer, "<id>", "</id>")
	if !strings.HasPrefix(id, "0Af") || !strings.Contains(answer, "<done>false</done>") {
		t.Fatalf("deploy: %s", answer)
	}
	return h.ended(t, id)
}

// ended asks for a deployment until it has ended, as clients do.
func (h *house) ended(t *testing.T, id string) string {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		_, answer := h.metadata(t, h.admin, "<checkDeployStatus><asyncProcessId>"+id+"</asyncProcessId><includeDetails>true</includeDetails></checkDeployStatus>")
		if strings.Contains(answer, "<done>true</done>") {
			return answer
		}
		if !strings.Contains(answer, "<done>false</done>") {
			t.Fatalf("status: %s", answer)
		}
		<-tick.C
	}
	t.Fatalf("deployment %s has not ended", id)
	return ""
}

func wantIn(t *testing.T, what, answer string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(answer, w) {
			t.Errorf("%s: %s lacks %s", what, answer, w)
		}
	}
}

const bridgeFields = "<label>Bridge</label><contactEmail>a@b.example</contactEmail><oauthConfig><callbackUrl>https://a.example/cb</callbackUrl><isAdminApproved>true</isAdminApproved>" +
	"<scopes>Api</scopes></oauthConfig><oauthPolicy><ipRelaxation>ENFORCE</ipRelaxation><refreshTokenPolicy>infinite</refreshTokenPolicy></oauthPolicy><permissionSetName>Bridge_Users</permissionSetName>"

func TestDeploy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		pack := zipOf(t, "package.xml", packageOf("ConnectedApp", "Bridge", "PermissionSet", "*", "Settings", "Security"),
			"connectedApps/Bridge.connectedApp", fileOf("ConnectedApp", bridgeFields),
			"permissionsets/Bridge_Users.permissionset", fileOf("PermissionSet", "<label>Bridge Users</label>"+gives("ApiEnabled")),
			"settings/Security.settings", fileOf("SecuritySettings", "<passwordPolicies><minimumPasswordLength>12</minimumPasswordLength></passwordPolicies>"))
		wantIn(t, "check only", h.deployed(t, pack, "<checkOnly>true</checkOnly><rollbackOnError>true</rollbackOnError>"), "<checkOnly>true<", "<status>Succeeded<", "<numberComponentsDeployed>3<")
		h.wantRead(t, "ConnectedApp", "Bridge", noRecord)
		h.wantRead(t, "PermissionSet", "Bridge_Users", noRecord)

		answer := h.deployed(t, pack, "<rollbackOnError>true</rollbackOnError><testLevel>NoTestRun</testLevel>")
		wantIn(t, "deploy", answer, "<status>Succeeded</status><success>true</success>", "<numberComponentErrors>0<", "<numberComponentsTotal>3<", "<createdByName>Ada Admin<",
			"<componentType/><created>false</created>", "<fullName>package.xml</fullName>",
			"<componentType>PermissionSet</componentType><created>true<", "<fileName>connectedApps/Bridge.connectedApp</fileName><fullName>Bridge</fullName><id>0H4",
			"<runTestResult><numFailures>0</numFailures><numTestsRun>0</numTestsRun>")
		// The app names the set, so the set comes first, whatever the manifest's order.
		h.wantRead(t, "ConnectedApp", "Bridge", "<permissionSetName>Bridge_Users<", "<isAdminApproved>true<")
		h.wantRead(t, "SecuritySettings", "Security", "<minimumPasswordLength>12<")
		wantIn(t, "again", h.deployed(t, pack, ""), "<status>Succeeded<", "<changed>false</changed><componentType>PermissionSet</componentType><created>false<")

		// All or nothing, each with its own answer.
		half := zipOf(t, "package.xml", packageOf("PermissionSet", "Good,Bad,Missing", "Oddity", "A"),
			"permissionsets/Good.permissionset", fileOf("PermissionSet", "<label>Good</label>"), "permissionsets/Bad.permissionset", fileOf("PermissionSet", "<label>Bad</label>"+gives("Fly")),
			"permissionsets/Stray.permissionset", fileOf("PermissionSet", "<label>Stray</label>"))
		answer = h.deployed(t, half, "<rollbackOnError>true</rollbackOnError>")
		wantIn(t, "a bad package", answer, "<status>Failed</status><success>false</success>", "<numberComponentErrors>4<", "<numberComponentsDeployed>1<",
			"<fullName>Bad</fullName><problem>Unknown user permission: Fly</problem><problemType>Error</problemType>",
			"An object &#39;Missing&#39; of type PermissionSet was named in package.xml, but was not found in zipped directory",
			"Unknown type name &#39;Oddity&#39; specified in package.xml", "<fileName>permissionsets/Stray.permissionset</fileName>")
		h.wantRead(t, "PermissionSet", "Good", noRecord)
		wantIn(t, "a bad package in parts", h.deployed(t, half, "<rollbackOnError>false</rollbackOnError>"), "<status>SucceededPartial</status><success>false</success>")
		h.wantRead(t, "PermissionSet", "Good", "<label>Good</label>")
		h.wantRead(t, "PermissionSet", "Stray", noRecord)

		// What goes away, goes in the reverse order; what is gone already is a warning.
		gone := zipOf(t, "package.xml", packageOf(), "destructiveChanges.xml", packageOf("PermissionSet", "Bridge_Users,Good", "ConnectedApp", "Bridge,Nowhere", "Settings", "Security"))
		wantIn(t, "settings cannot go", h.deployed(t, gone, "<rollbackOnError>true</rollbackOnError>"), "<status>Failed<", "Settings cannot be deleted")
		gone = zipOf(t, "package.xml", packageOf(), "destructiveChangesPost.xml", packageOf("PermissionSet", "Bridge_Users,Good", "ConnectedApp", "Bridge,Nowhere"))
		wantIn(t, "deletions", h.deployed(t, gone, "<rollbackOnError>true</rollbackOnError>"), "<status>Succeeded<", "<deleted>true</deleted><fileName>destructiveChangesPost.xml</fileName><fullName>Bridge</fullName>",
			"<problem>No ConnectedApp named: Nowhere found</problem><problemType>Warning</problemType><success>true</success>")
		h.wantRead(t, "ConnectedApp", "Bridge", noRecord)
		h.wantRead(t, "PermissionSet", "Bridge_Users", noRecord)
	})
}

func TestDeployIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	good := zipOf(t, "package.xml", packageOf("PermissionSet", "A"), "permissionsets/A.permissionset", fileOf("PermissionSet", "<label>A</label>"))
	call := func(operation, body string) string { return "<" + operation + ">" + body + "</" + operation + ">" }
	for _, c := range []struct{ name, token, body, code, text string }{
		{"no base64", h.admin, call("deploy", "<ZipFile>?</ZipFile>"), "INVALID_TYPE", "not base64"},
		{"no zip", h.admin, call("deploy", ""), "INVALID_TYPE", "not base64"},
		{"an option that is not kept", h.admin, call("deploy", "<ZipFile>"+good+"</ZipFile><DeployOptions><fly>true</fly></DeployOptions>"), "FIELD_INTEGRITY_EXCEPTION", "fly"},
		{"tests", h.admin, call("deploy", "<ZipFile>"+good+"</ZipFile><DeployOptions><runTests>MyTest</runTests></DeployOptions>"), "FIELD_INTEGRITY_EXCEPTION", "no Apex class"},
		{"a standard user", h.user, call("deploy", "<ZipFile>"+good+"</ZipFile>"), "INSUFFICIENT_ACCESS", ""},
		{"status of nothing", h.admin, call("checkDeployStatus", "<asyncProcessId>0Af000000000001</asyncProcessId>"), "INVALID_CROSS_REFERENCE_KEY", ""},
		{"status of nonsense", h.admin, call("checkDeployStatus", "<asyncProcessId>x</asyncProcessId>"), "MALFORMED_ID", ""},
		{"a standard user's look", h.user, call("checkDeployStatus", "<asyncProcessId>0Af000000000001</asyncProcessId>"), "INSUFFICIENT_ACCESS", ""},
		{"quick deploy", h.admin, call("deployRecentValidation", "<validationId>0Af000000000001</validationId>"), "FUNCTIONALITY_NOT_ENABLED", "without checkOnly"},
		{"retrieve", h.admin, call("retrieve", ""), "FUNCTIONALITY_NOT_ENABLED", "readMetadata"},
	} {
		if status, answer := h.metadata(t, c.token, c.body); status != 500 || !strings.Contains(answer, "<faultcode>sf:"+c.code+"<") || !strings.Contains(answer, c.text) {
			t.Errorf("%s: %d %s", c.name, status, answer)
		}
	}
	// What is wrong inside the zip is the deployment's result.
	for name, c := range map[string]struct{ zip, want string }{
		"no manifest":      {zipOf(t, "a.txt", "x"), "No package.xml found"},
		"a path that goes": {zipOf(t, "package.xml", packageOf(), "../../etc/cron.d/x", "x"), "no plain path"},
		"a bomb":           {zipOf(t, "package.xml", strings.Repeat(" ", 2<<20)), "unpacks to more than"},
		"an old version":   {zipOf(t, "package.xml", strings.Replace(packageOf(), "65.0", "12.0", 1)), "Invalid Api version"},
		"another root":     {zipOf(t, "package.xml", packageOf("PermissionSet", "A"), "permissionsets/A.permissionset", fileOf("Profile", "")), "The root element Profile is not that of a PermissionSet"},
		"no XML":           {zipOf(t, "package.xml", packageOf("PermissionSet", "A"), "permissionsets/A.permissionset", "<PermissionSet>"), "ends too early"},
	} {
		wantIn(t, name, h.deployed(t, c.zip, ""), "<status>Failed</status><success>false</success>", c.want)
	}
	if answer := h.deployed(t, zipOf(t, "package.xml", packageOf("PermissionSet", "A")), "<allowMissingFiles>true</allowMissingFiles>"); !strings.Contains(answer, "<status>Succeeded<") {
		t.Errorf("a missing file that may miss: %s", answer)
	}
	// Who was frozen meanwhile deploys nothing, and a deployment that has ended cannot be cancelled.
	answer := h.deployed(t, good, "")
	id := between(answer, "<id>0Af", "</id>")
	if status, answer := h.metadata(t, h.admin, "<cancelDeploy><String>0Af"+id+"</String></cancelDeploy>"); status != 500 || !strings.Contains(answer, "INVALID_ID_FIELD: Deployment already completed") {
		t.Errorf("cancelling what has ended: %d %s", status, answer)
	}
	// A zip may be large, other calls may not.
	large := strings.Repeat(" ", 2<<20)
	if _, answer := h.metadata(t, h.admin, "<deploy><ZipFile>"+good+large+"</ZipFile></deploy>"); !strings.Contains(answer, "Queued") {
		t.Errorf("a large zip: %s", answer)
	}
	if status, _ := h.metadata(t, h.admin, "<describeMetadata><asOfVersion>"+large+"</asOfVersion></describeMetadata>"); status != 413 {
		t.Errorf("a large call: %d", status)
	}
}
