package metadata

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/metadata/bundle"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// codeNotOffered: an operation of the real API that this org does not have.
const codeNotOffered fault.Code = "metadata_not_offered"

// deploy takes a zip and answers before anything is done with it.
func (s *Server) deploy(ctx context.Context, c *call, x *soap.Writer) error {
	zip, err := base64.StdEncoding.DecodeString(c.operation.Value("ZipFile"))
	if err != nil || len(zip) == 0 {
		return fault.New(fault.Invalid, codeArguments, "ZipFile is not base64")
	}
	if len(zip) > bundle.MaxZip {
		return fault.New(fault.TooLarge, codeArguments, "ZipFile has more than %d bytes", bundle.MaxZip)
	}
	options, err := readDeployOptions(c.operation.Find("DeployOptions"))
	if err != nil {
		return err
	}
	options.CheckOnly = options.CheckOnly || c.dryRun
	d, err := s.Deployments.Begin(ctx, c.session, zip, c.api, options)
	if err != nil {
		return err
	}
	x.Open("result")
	x.Text("done", "false")
	x.Text("id", string(d.ID))
	x.Text("state", "Queued")
	x.Close()
	return nil
}

// readDeployOptions reads what a client asks for. There is no Apex here, so no test is run, whatever the level.
func readDeployOptions(e *soap.Element) (org.DeployOptions, error) {
	var o org.DeployOptions
	if e == nil {
		return o, nil
	}
	var r reader
	r.once(e, "runTests")
	for _, el := range e.Children {
		switch el.Local {
		case "checkOnly":
			o.CheckOnly = *r.flag(el)
		case "rollbackOnError":
			o.RollbackOnError = *r.flag(el)
		case "singlePackage":
			o.SinglePackage = *r.flag(el)
		case "allowMissingFiles":
			o.AllowMissingFiles = *r.flag(el)
		case "ignoreWarnings":
			o.IgnoreWarnings = *r.flag(el)
		case "performRetrieve":
			if *r.flag(el) {
				r.refuse("performRetrieve is not offered by this org")
			}
		case "runTests":
			if strings.TrimSpace(el.Text) != "" {
				r.refuse("runTests: this org has no Apex class named %s", clip(strings.TrimSpace(el.Text)))
			}
		case "purgeOnDelete", "autoUpdatePackage", "runAllTests", "testLevel":
		default:
			r.unknown("DeployOptions", el.Local)
		}
	}
	return o, r.err
}

func (s *Server) checkDeployStatus(ctx context.Context, c *call, x *soap.Writer) error {
	d, err := s.Deployments.Find(ctx, c.session, c.operation.Value("asyncProcessId"))
	if err != nil {
		return err
	}
	writeDeployment(x, d, c.operation.Value("includeDetails") == "true")
	return nil
}

func (s *Server) cancelDeploy(ctx context.Context, c *call, x *soap.Writer) error {
	if c.dryRun {
		return fault.New(fault.Invalid, codeNoDryRun, "A dry run is for saving, deleting or deploying components; nothing was cancelled.")
	}
	d, err := s.Deployments.Cancel(ctx, c.session, c.operation.Value("String"))
	if err != nil {
		return err
	}
	x.Open("result")
	x.Text("done", strconv.FormatBool(d.Status.Done()))
	x.Text("id", string(d.ID))
	x.Close()
	return nil
}

// notOffered refuses an operation of the real API plainly, with what to do instead.
func notOffered(instead string) operation {
	return func(_ context.Context, c *call, _ *soap.Writer) error {
		return fault.New(fault.Invalid, codeNotOffered, "%s is not offered by this org: %s", c.operation.Local, instead)
	}
}

// writeDeployment writes a DeployResult.
func writeDeployment(x *soap.Writer, d org.Deployment, details bool) {
	flag := func(name string, v bool) { x.Text(name, strconv.FormatBool(v)) }
	number := func(name string, n int) { x.Text(name, strconv.Itoa(n)) }
	good, bad := d.Counts()
	x.Open("result")
	flag("checkOnly", d.Options.CheckOnly)
	if !d.Completed.IsZero() {
		x.Text("completedDate", dateTime(d.Completed))
	}
	x.Text("createdBy", string(d.User))
	x.Text("createdByName", d.Username)
	x.Text("createdDate", dateTime(d.Created))
	if details {
		writeDetails(x, d)
	}
	flag("done", d.Status.Done())
	x.Text("id", string(d.ID))
	flag("ignoreWarnings", d.Options.IgnoreWarnings)
	x.Text("lastModifiedDate", dateTime(d.Modified))
	number("numberComponentErrors", bad)
	number("numberComponentsDeployed", good)
	number("numberComponentsTotal", good+bad)
	number("numberTestErrors", 0)
	number("numberTestsCompleted", 0)
	number("numberTestsTotal", 0)
	flag("rollbackOnError", d.Options.RollbackOnError)
	flag("runTestsEnabled", false)
	if !d.Started.IsZero() {
		x.Text("startDate", dateTime(d.Started))
	}
	x.Text("status", string(d.Status))
	flag("success", d.Status == org.DeploySucceeded)
	x.Close()
}

func writeDetails(x *soap.Writer, d org.Deployment) {
	x.Open("details")
	for _, success := range []bool{false, true} {
		for _, m := range d.Messages {
			if m.Success == success {
				writeMessage(x, d, m)
			}
		}
	}
	x.Open("runTestResult")
	x.Text("numFailures", "0")
	x.Text("numTestsRun", "0")
	x.Text("totalTime", "0.0")
	x.Close()
	x.Close()
}

func writeMessage(x *soap.Writer, d org.Deployment, m org.DeployMessage) {
	flag := func(name string, v bool) { x.Text(name, strconv.FormatBool(v)) }
	list := "componentFailures"
	if m.Success {
		list = "componentSuccesses"
	}
	x.Open(list)
	flag("changed", m.Changed)
	x.Text("componentType", m.Type)
	flag("created", m.Created)
	x.Text("createdDate", dateTime(d.Completed))
	flag("deleted", m.Deleted)
	x.Text("fileName", m.File)
	x.Text("fullName", m.Name)
	if m.ID != "" {
		x.Text("id", string(m.ID))
	}
	if m.Problem != "" {
		x.Text("problem", m.Problem)
		kind := "Error"
		if m.Success {
			kind = "Warning"
		}
		x.Text("problemType", kind)
	}
	flag("success", m.Success)
	x.Close()
}
