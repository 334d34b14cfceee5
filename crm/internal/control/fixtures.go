package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sfdx"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodeBadProject: files that are too many, or hold nothing that can be imported.
const CodeBadProject fault.Code = "bad_sfdx_project"

// maxProblems is how many mistakes of a project are told at once.
const maxProblems = 20

// Imported says what an import did. Where there are problems it did nothing.
type Imported struct {
	Objects  int      `json:"objects"`  // custom objects made or changed
	Fields   int      `json:"fields"`   // custom fields made or changed
	Ignored  []string `json:"ignored"`  // what the files say and the org does not keep, with file and line
	Problems []string `json:"problems"` // mistakes, with file and line: the first maxProblems of them
}

// Import makes the custom objects and fields that files of an sfdx project describe, and changes those that are there:
// all of them or, where one cannot be made, none.
func (c *Control) Import(ctx context.Context, orgID org.ID, files []sfdx.File) (Imported, error) {
	out := Imported{Ignored: []string{}, Problems: []string{}}
	size := 0
	for _, f := range files {
		size += len(f.Text)
	}
	if len(files) > sfdx.MaxFiles || size > sfdx.MaxBytes {
		return out, fault.New(fault.TooLarge, CodeBadProject, "at most %d files with %d MB in all can be imported at once", sfdx.MaxFiles, sfdx.MaxBytes>>20)
	}
	p := sfdx.Read(files)
	for _, e := range p.Ignored {
		out.Ignored = append(out.Ignored, e.Error())
	}
	if len(p.Errors) > 0 {
		return out.refused(p.Errors), nil
	}
	if len(p.Changes) == 0 {
		return out, fault.New(fault.Invalid, CodeBadProject, "no custom object, no custom field and no sharing model that this org keeps is in these files")
	}
	s, err := c.setup(ctx, orgID)
	if err != nil {
		return out, err
	}
	changes := make([]org.CustomChange, len(p.Changes))
	for i, change := range p.Changes {
		changes[i] = change.CustomChange
		if change.Object != nil {
			out.Objects++
		} else {
			out.Fields++
		}
	}
	refused, err := (&org.Customizer{Store: c.Store, Clock: c.Clock, Changes: c.Changes}).Apply(ctx, s, changes, true)
	if err != nil {
		return out, err
	}
	var problems []*sfdx.Error
	for i, err := range refused {
		if err != nil && fault.CodeOf(err) != org.CodeRolledBack {
			problems = append(problems, &sfdx.Error{Path: p.Changes[i].Path, Line: p.Changes[i].Line, Text: fault.Of(err).Message})
		}
	}
	if len(problems) > 0 {
		return out.refused(problems), nil
	}
	return out, nil
}

// refused is the outcome of an import that did nothing.
func (i Imported) refused(problems []*sfdx.Error) Imported {
	i.Objects, i.Fields = 0, 0
	for n, e := range problems {
		if n == maxProblems {
			i.Problems = append(i.Problems, fmt.Sprintf("and %d more", len(problems)-maxProblems))
			break
		}
		i.Problems = append(i.Problems, e.Error())
	}
	return i
}

// setup is a session in which the program itself changes an org's setup, in the name of the user who made the org.
func (c *Control) setup(ctx context.Context, orgID org.ID) (org.Session, error) {
	o, err := c.Store.OrgByID(ctx, orgID)
	if err != nil {
		return org.Session{}, err
	}
	object := org.StandardSchema().Object(org.ObjectOrganization, nil)
	v, err := c.Store.Read(ctx, object, orgID, orgID, []*org.Field{object.Field("CreatedById")})
	if err != nil {
		return org.Session{}, err
	}
	by := v.ID("CreatedById")
	if by == "" {
		return org.Session{}, errors.New("an org that nobody made")
	}
	return org.Session{Org: orgID, User: by, Package: o.Package, Custom: o.Custom, Permissions: org.Permissions{org.PermCustomizeApplication: true}}, nil
}
