package metadata

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// componentType is one type of component, and how its components are listed, read, saved and deleted.
type componentType struct {
	name           string // as in readMetadata and xsi:type
	listed         string // as in listMetadata and packages, where that is another
	folder, suffix string // of its files in a package
	inside         bool   // its components stand in the files of another type's
	// list is nil where components are not listed.
	list func(context.Context, org.Session) ([]fileProperties, error)
	// read finds a component and gives what writes its elements; a fault with CodeNotFound says that there is none.
	read func(ctx context.Context, s org.Session, name string) (func(*soap.Writer), error)
	// save reads a component's elements into the work of saving it.
	save func(c *call, name string, verb org.Verb, e *soap.Element) (org.Work, error)
	// remove is nil where components cannot be deleted.
	remove func(c *call, name string) org.Work
}

// packaged is the type's name in lists and packages.
func (t componentType) packaged() string {
	if t.listed != "" {
		return t.listed
	}
	return t.name
}

// types is the table of all types, in the order in which a deployment saves their components: what others name comes
// first.
func (s *Server) types() []componentType {
	return []componentType{
		s.customObjects(), s.customFields(), s.permissionSets(), s.connectedApps(), s.profiles(), s.profilePasswords(), s.profileSessions(), s.remoteSites(), s.layouts(),
		s.settingsType(org.MyDomainSettings), s.settingsType(org.OauthOidcSettings), s.settingsType(org.SecuritySettings),
	}
}

// typeOf finds a type by its name, as readMetadata and xsi:type have it.
func (s *Server) typeOf(name string) (componentType, error) {
	name = strings.TrimSpace(name)
	for _, t := range s.types() {
		if t.name == name {
			return t, nil
		}
	}
	return componentType{}, unknownType(name)
}

func unknownType(name string) error {
	return fault.New(fault.Invalid, codeType, "Unknown type name '%s' specified", clip(name))
}

// fileProperties are what a list tells of a component.
type fileProperties struct {
	org.Stamp
	name, namespace string // name is the full one
	file            string // without suffix; "" for the name
}

func dateTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (p fileProperties) write(x *soap.Writer, t componentType) {
	x.Open("result")
	x.Text("createdById", string(p.CreatedBy))
	x.Text("createdByName", p.CreatedByName)
	x.Text("createdDate", dateTime(p.Created))
	file := p.file
	if file == "" {
		file = p.name
	}
	x.Text("fileName", t.folder+"/"+file+"."+t.suffix)
	x.Text("fullName", p.name)
	x.Text("id", string(p.ID))
	x.Text("lastModifiedById", string(p.LastModifiedBy))
	x.Text("lastModifiedByName", p.LastModifiedByName)
	x.Text("lastModifiedDate", dateTime(p.Modified))
	if p.namespace != "" {
		x.Text("manageableState", "installed")
		x.Text("namespacePrefix", p.namespace)
	} else {
		x.Text("manageableState", "unmanaged")
	}
	x.Text("type", t.packaged())
	x.Close()
}

// describe tells which types there are.
func (s *Server) describe(_ context.Context, c *call, x *soap.Writer) error {
	if err := org.MayUseMetadata(c.session); err != nil {
		return err
	}
	x.Open("result")
	told := map[string]bool{}
	for _, t := range s.types() {
		if told[t.packaged()] || t.inside {
			continue
		}
		told[t.packaged()] = true
		x.Open("metadataObjects")
		if t.name == typeCustomObject {
			x.Text("childXmlNames", typeCustomField)
		}
		x.Text("directoryName", t.folder)
		x.Text("inFolder", "false")
		x.Text("metaFile", "false")
		x.Text("suffix", t.suffix)
		x.Text("xmlName", t.packaged())
		x.Close()
	}
	x.Text("organizationNamespace", "")
	x.Text("partialSaveAllowed", "true")
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
	for _, q := range queries {
		known := false
		for _, t := range s.types() {
			if t.packaged() != q.Value("type") {
				continue
			}
			known = true
			if t.list == nil {
				continue
			}
			found, err := t.list(ctx, c.session)
			if err != nil {
				return err
			}
			for _, p := range found {
				p.write(x, t)
			}
		}
		if !known {
			return unknownType(q.Value("type"))
		}
	}
	return nil
}

// read writes the components asked for, in order; one that is not there is nil.
func (s *Server) read(ctx context.Context, c *call, x *soap.Writer) error {
	t, err := s.typeOf(c.operation.Value("type"))
	if err != nil {
		return err
	}
	names := c.operation.All("fullNames")
	if len(names) > maxComponents {
		return fault.New(fault.Invalid, codeArguments, "readMetadata takes at most %d names", maxComponents)
	}
	x.Open("result")
	for _, n := range names {
		write, err := t.read(ctx, c.session, strings.TrimSpace(n.Text))
		if fault.CodeOf(err) == org.CodeNotFound {
			x.Empty("records", "xsi:nil", "true")
			continue
		}
		if err != nil {
			return err
		}
		x.Open("records", "xsi:type", t.name)
		write(x)
		x.Close()
	}
	x.Close()
	return nil
}
