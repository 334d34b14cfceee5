package crm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

const toolingPath = "/services/data/v65.0/tooling"

func page(records string) string { return `{"totalSize":1,"done":true,"records":[` + records + `]}` }

func TestInstalledPackagesAndVersions(t *testing.T) {
	t.Parallel()
	f, c := newFake(t)
	s := c.Session(crm.Token{AccessToken: "t", InstanceURL: f.url})
	f.answer("GET "+toolingPath+"/query", 200, "application/json", page(`{"SubscriberPackageId":"033","SubscriberPackage":{"Name":"Marketing Cloud","NamespacePrefix":"et4ae5"},`+
		`"SubscriberPackageVersion":{"Id":"04t1","Name":"219","MajorVersion":219,"MinorVersion":0}}`))
	list, err := s.InstalledPackages(t.Context())
	if err != nil || len(list) != 1 || list[0].Namespace != "et4ae5" || list[0].Version.Name != "219" || list[0].Version.Major != 219 {
		t.Fatalf("%+v %v", list, err)
	}
	// The service sorts these records by one field alone.
	if q := f.last.URL.Query().Get("q"); !strings.HasSuffix(q, "ORDER BY SubscriberPackageId") {
		t.Errorf("the query: %s", q)
	}
	for _, pair := range [][2]crm.PackageVersion{
		{{Major: 5, Minor: 494}, {Major: 5, Minor: 493}}, {{Major: 219}, {Major: 5, Minor: 494}}, {{Major: 220}, {Major: 219}},
	} {
		if !pair[0].NewerThan(pair[1]) || pair[1].NewerThan(pair[0]) || pair[0].NewerThan(pair[0]) {
			t.Errorf("%+v and %+v", pair[0], pair[1])
		}
	}
}

func TestAPackageRequestIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	const request = `{"id":"0Hf1","success":true,"errors":[]}`
	for _, c := range []struct{ name, status, want string }{
		{"done", `{"Status":"SUCCESS"}`, ""},
		{"refused", `{"Status":"ERROR","Errors":{"errors":[{"message":"A newer version is installed."}]}}`, "A newer version is installed."},
		{"silent", `{"Status":"ERROR","Errors":null}`, "the org does not say why"},
	} {
		f, cl := newFake(t)
		s := cl.Session(crm.Token{AccessToken: "t", InstanceURL: f.url})
		f.answer("POST "+toolingPath+"/sobjects/PackageInstallRequest", 201, "application/json", request)
		f.answer("GET "+toolingPath+"/sobjects/PackageInstallRequest/0Hf1", 200, "application/json", c.status)
		f.answer("GET "+toolingPath+"/query", 200, "application/json", page(""))
		err := s.InstallPackage(t.Context(), "04t1", crm.AdminsOnly)
		if c.want == "" && err != nil || c.want != "" && (fault.CodeOf(err) != crm.CodePackageFailed || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// One that is not done when the caller's time is over is told as not known.
	f, cl := newFake(t)
	s := cl.Session(crm.Token{AccessToken: "t", InstanceURL: f.url})
	f.answer("POST "+toolingPath+"/sobjects/SubscriberPackageVersionUninstallRequest", 201, "application/json", request)
	ctx, stop := context.WithCancel(t.Context())
	f.answer("GET "+toolingPath+"/sobjects/SubscriberPackageVersionUninstallRequest/0Hf1", 200, "application/json", `{"Status":"InProgress"}`)
	timer := time.AfterFunc(50*time.Millisecond, stop)
	defer timer.Stop()
	if err := s.UninstallPackage(ctx, "04t1"); !errors.Is(err, context.Canceled) {
		t.Errorf("an org that takes its time: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	f, c := newFake(t)
	s := c.Session(crm.Token{AccessToken: "t", InstanceURL: f.url})
	f.answer("GET /services/data/v65.0/sobjects/User/describe", 200, "application/json", `{"fields":[{"name":"Title","label":"Title","type":"string","length":80}]}`)
	f.answer("GET /services/data/v65.0/sobjects/None/describe", 200, "application/json", `{}`)
	if fields, err := s.Describe(t.Context(), "User"); err != nil || len(fields) != 1 || fields[0].Type != "string" {
		t.Errorf("%+v %v", fields, err)
	}
	if _, err := s.Describe(t.Context(), "None"); err == nil {
		t.Error("an object without fields is described")
	}
}
