package metadata

import (
	"context"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// describe tells which types there are.
func (s *Server) describe(ctx context.Context, c *call, x *soap.Writer) error {
	if _, err := s.Apps.List(ctx, c.session); err != nil { // who may not use the API learns nothing
		return err
	}
	x.Open("result")
	for _, t := range []struct{ folder, suffix, name string }{
		{"connectedApps", "connectedApp", typeConnectedApp}, {"profiles", "profile", typeProfile}, {"settings", "settings", "Settings"},
	} {
		x.Open("metadataObjects")
		x.Text("directoryName", t.folder)
		x.Text("inFolder", "false")
		x.Text("metaFile", "false")
		x.Text("suffix", t.suffix)
		x.Text("xmlName", t.name)
		x.Close()
	}
	x.Text("organizationNamespace", "")
	x.Text("partialSaveAllowed", "false")
	x.Text("testRequired", "false")
	x.Close()
	return nil
}

// maxQueries is how many queries one listMetadata may hold.
const maxQueries = 3

func (s *Server) list(ctx context.Context, c *call, x *soap.Writer) error {
	queries := c.operation.All("queries")
	if len(queries) == 0 || len(queries) > maxQueries {
		return fault.New(fault.Invalid, codeArguments, "listMetadata takes 1 to %d queries", maxQueries)
	}
	apps, err := s.Apps.List(ctx, c.session)
	if err != nil {
		return err
	}
	for _, q := range queries {
		if err := checkType(q.Value("type")); err != nil {
			return err
		}
		for _, a := range apps {
			x.Open("result")
			x.Text("createdById", string(a.CreatedBy))
			x.Text("createdByName", a.CreatedByName)
			x.Text("createdDate", dateTime(a.Created))
			x.Text("fileName", "connectedApps/"+a.FullName()+".connectedApp")
			x.Text("fullName", a.FullName())
			x.Text("id", string(a.ID))
			x.Text("lastModifiedById", string(a.LastModifiedBy))
			x.Text("lastModifiedByName", a.LastModifiedByName)
			x.Text("lastModifiedDate", dateTime(a.Modified))
			x.Text("manageableState", manageable(a))
			if a.Namespace != "" {
				x.Text("namespacePrefix", a.Namespace)
			}
			x.Text("type", typeConnectedApp)
			x.Close()
		}
	}
	return nil
}

func manageable(a org.AppRecord) string {
	if a.Namespace != "" {
		return "installed"
	}
	return "unmanaged"
}

func checkType(name string) error {
	if strings.TrimSpace(name) == typeConnectedApp {
		return nil
	}
	return fault.New(fault.Invalid, codeType, "Unknown type name '%s' specified", clip(name))
}
