package twinspan_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/test/spawn"
)

// soap sends one operation of the Metadata API, as jsforce does, and gives the answer.
func (b bulkClient) soap(ctx context.Context, operation string) (string, error) {
	base, _, _ := strings.Cut(b.base, "/services/")
	body := `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header><SessionHeader xmlns="http://soap.sforce.com/2006/04/metadata"><sessionId>` + b.token +
		`</sessionId></SessionHeader></soapenv:Header><soapenv:Body xmlns="http://soap.sforce.com/2006/04/metadata">` + operation + `</soapenv:Body></soapenv:Envelope>`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/services/Soap/m/65.0", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "text/xml")
	req.Header.Set("SOAPAction", `""`)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, answer)
	}
	return string(answer), err
}

// setsPackage is a package of so many permission sets, with a prefix in their names.
func setsPackage(t *testing.T, prefix string, n int) string {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	write := func(name, text string) {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const head = `<?xml version="1.0" encoding="UTF-8"?>`
	write("package.xml", head+`<Package xmlns="http://soap.sforce.com/2006/04/metadata"><types><members>*</members><name>PermissionSet</name></types><version>65.0</version></Package>`)
	for i := range n {
		write(fmt.Sprintf("permissionsets/%s%d.permissionset", prefix, i), head+fmt.Sprintf(`<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata"><label>%s %d</label>`+
			`<objectPermissions><allowRead>true</allowRead><object>Lead</object></objectPermissions><userPermissions><enabled>true</enabled><name>ApiEnabled</name></userPermissions></PermissionSet>`, prefix, i))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(buf.Bytes())
}

// A process that is killed in the middle of deployments tells of each, when it is back, how it truly ended: what says
// Succeeded is there, all of it and once.
func TestKillInTheMiddleOfADeployment(t *testing.T) {
	t.Parallel()
	const sets, rounds = 120, 2
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data", t.TempDir(), "--log-level", "error"}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			server := spawn.Up(t, args...)
			var ids []string
			for round := range rounds {
				r, err := twinspan.ReadReady(server.ReadyFile)
				if err != nil {
					t.Fatal(err)
				}
				prefix := fmt.Sprintf("Round%d_", round)
				answer, err := bulkOf(t, r).soap(bounded(t), "<deploy><ZipFile>"+setsPackage(t, prefix, sets)+"</ZipFile><DeployOptions><rollbackOnError>true</rollbackOnError><singlePackage>true</singlePackage></DeployOptions></deploy>")
				_, id, _ := strings.Cut(answer, "<id>")
				id, _, _ = strings.Cut(id, "</id>")
				if err != nil || id == "" {
					t.Fatalf("deploy: %v %s", err, answer)
				}
				ids = append(ids, id)
				<-time.After(time.Duration(rand.IntN(150)) * time.Millisecond) // the moment of the kill
				server.Kill(t)
				server = spawn.Up(t, args...)
			}
			r, err := twinspan.ReadReady(server.ReadyFile)
			if err != nil {
				t.Fatal(err)
			}
			b, admin := bulkOf(t, r), signIn(t, r, r.CRM.Admin)
			for round, id := range ids {
				for {
					answer, err := b.soap(bounded(t), "<checkDeployStatus><asyncProcessId>"+id+"</asyncProcessId><includeDetails>true</includeDetails></checkDeployStatus>")
					if err != nil {
						t.Fatal(err)
					}
					if !strings.Contains(answer, "<done>true</done>") {
						continue
					}
					if !strings.Contains(answer, "<status>Succeeded</status>") || !strings.Contains(answer, fmt.Sprintf("<numberComponentsDeployed>%d</numberComponentsDeployed>", sets)) ||
						strings.Count(answer, "<created>true</created>") != sets {
						t.Errorf("round %d ends with %.2000s", round, answer)
					}
					break
				}
				rows, err := admin.Query(bounded(t), fmt.Sprintf("SELECT COUNT(Id) n FROM PermissionSet WHERE Name LIKE 'Round%d\\_%%'", round))
				if err != nil || fmt.Sprint(rows[0]["n"]) != fmt.Sprint(sets) {
					t.Errorf("round %d: %v sets, %v", round, rows, err)
				}
			}
			rows, err := admin.Query(bounded(t), "SELECT COUNT(Id) n FROM ObjectPermissions WHERE SobjectType = 'Lead' AND Parent.Name LIKE 'Round%'")
			if err != nil || fmt.Sprint(rows[0]["n"]) != fmt.Sprint(rounds*sets) {
				t.Errorf("%v rows of access, %v", rows, err)
			}
		})
	}
}
