package soapapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// maxDescribes bounds the object types of one Describe.
const maxDescribes = 50

// describe answers DefinitionRequestMsg: the properties of object types (engagement-wire 3, Describe). An unknown type
// is described as having none.
func (s *Server) describe(_ context.Context, _ tenant.Principal, op *soap.Element) (func(*soap.Writer), error) {
	var types []string
	for _, requests := range op.All("DescribeRequests") {
		for _, r := range requests.All("ObjectDefinitionRequest") {
			types = append(types, strings.TrimSpace(r.Value("ObjectType")))
		}
	}
	if len(types) == 0 || len(types) > maxDescribes {
		return nil, fault.New(fault.Invalid, "invalid_describe", "A Describe names 1 to %d object types.", maxDescribes)
	}
	return func(x *soap.Writer) {
		x.Open("DefinitionResponseMsg", "xmlns", Namespace)
		for _, object := range types {
			x.Open("ObjectDefinition")
			x.Text("ObjectType", object)
			properties, _ := s.o.Retrieves.Describe(object)
			for _, p := range properties {
				x.Open("Properties")
				x.Nil("PartnerKey")
				x.Nil("ObjectID")
				x.Text("Name", p.Name)
				x.Text("DataType", string(p.Kind))
				x.Text("IsUpdatable", strconv.FormatBool(p.Updatable))
				x.Text("IsRetrievable", strconv.FormatBool(p.Retrievable))
				if p.MaxLength > 0 {
					x.Text("MaxLength", strconv.Itoa(p.MaxLength))
				}
				x.Close()
			}
			x.Close()
		}
		x.Text("RequestID", tenant.NewGUID())
		x.Close()
	}, nil
}

// systemStatus answers SystemStatusRequestMsg. That it answers at all is the status.
func (s *Server) systemStatus(context.Context, tenant.Principal, *soap.Element) (func(*soap.Writer), error) {
	return func(x *soap.Writer) {
		x.Open("SystemStatusResponseMsg", "xmlns", Namespace)
		x.Open("Results")
		x.Open("Result")
		x.Text("StatusCode", "OK")
		x.Text("StatusMessage", "System Status Retrieved")
		x.Text("SystemStatus", "OK")
		x.Close()
		x.Close()
		x.Text("OverallStatus", "OK")
		x.Empty("OverallStatusMessage")
		x.Text("RequestID", tenant.NewGUID())
		x.Close()
	}, nil
}

// apiVersion and apiVersionDate name the version of the WSDL whose shapes these are.
const (
	apiVersion     = "1.1"
	apiVersionDate = "2026-01-01T00:00:00.000Z"
)

// versionInfo answers VersionInfoRequestMsg.
func (s *Server) versionInfo(context.Context, tenant.Principal, *soap.Element) (func(*soap.Writer), error) {
	return func(x *soap.Writer) {
		x.Open("VersionInfoResponseMsg", "xmlns", Namespace)
		x.Open("VersionInfo")
		x.Text("Version", apiVersion)
		x.Text("VersionDate", apiVersionDate)
		x.Close()
		x.Text("RequestID", tenant.NewGUID())
		x.Close()
	}, nil
}
