package sfdx

import (
	"path"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// File is a file of a project, by its path in it, with "/" between the parts.
type File struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Bounds of a project.
const (
	MaxFiles = 5000
	MaxBytes = 32 << 20
)

// Wanted reports whether the file of a path is one that Project reads.
func Wanted(p string) bool {
	return strings.HasSuffix(p, objectSuffix) || strings.HasSuffix(p, fieldSuffix)
}

const (
	objectSuffix = ".object-meta.xml"
	fieldSuffix  = ".field-meta.xml"
)

// Change is one change that a project asks for, and where it does.
type Change struct {
	org.CustomChange
	Path string
	Line int
}

// Project is what the files of a project say.
type Project struct {
	Changes []Change // objects before fields
	Ignored []*Error // what stands in the files and is not kept
	Errors  []*Error
}

// Read reads a project's files. Standard objects and fields, and those of managed packages, are there already: what
// files say of them is not kept, but for who shares a standard object's records.
func Read(files []File) Project {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	var p Project
	var fields []Change
	for _, f := range files {
		if !Wanted(f.Path) {
			continue
		}
		root, err := Parse(f.Path, []byte(f.Text))
		if err != nil {
			p.Errors = append(p.Errors, err.(*Error))
			continue
		}
		switch {
		case strings.HasSuffix(f.Path, objectSuffix):
			fields = append(fields, p.object(f.Path, root)...)
		default:
			fields = append(fields, p.field(f.Path, root)...)
		}
	}
	p.Changes = append(p.Changes, fields...)
	return p
}

// own reports whether a name is of what an org's administrators make; else what is there already is noted.
func (p *Project) own(file string, line int, name string) bool {
	base, custom := strings.CutSuffix(name, "__c")
	switch {
	case !custom && strings.Contains(name, "__"):
		p.Ignored = append(p.Ignored, &Error{file, line, name + " is of a kind that is not kept"})
	case !custom:
		p.Ignored = append(p.Ignored, &Error{file, line, name + " is standard: it stays as it is"})
	case strings.Contains(base, "__"):
		p.Ignored = append(p.Ignored, &Error{file, line, name + " is a managed package's: it comes with the package"})
	default:
		return true
	}
	return false
}

func (p *Project) object(file string, root *Node) []Change {
	if root.Name != "CustomObject" {
		p.Errors = append(p.Errors, &Error{file, root.Line, "<CustomObject> was expected, this is <" + root.Name + ">"})
		return nil
	}
	name := strings.TrimSuffix(path.Base(file), objectSuffix)
	o, inside, errs, ignored := Object(file, name, root)
	fields := make([]Change, 0, len(inside))
	for i := range inside {
		if p.own(file, root.Line, inside[i].Name) {
			fields = append(fields, Change{org.CustomChange{Action: org.ActionUpsert, Field: &inside[i]}, file, root.Line})
		}
	}
	p.Errors = append(p.Errors, errs...)
	if o.Sharing != "" && !strings.Contains(o.Name, "__") { // all of a standard object that this org keeps
		p.sharing(file, root, o)
		return fields
	}
	if !p.own(file, root.Line, o.Name) {
		return fields
	}
	p.Ignored = append(p.Ignored, ignored...)
	p.Changes = append(p.Changes, Change{org.CustomChange{Action: org.ActionUpsert, Object: &o}, file, root.Line})
	return fields
}

// sharing takes the organization-wide default of a standard object. Those that this org does not know are noted: projects
// have them of every object that was retrieved.
func (p *Project) sharing(file string, root *Node, o org.CustomObject) {
	line := root.kid("sharingModel").Line
	switch {
	case !org.Shared(o.Name):
		p.Ignored = append(p.Ignored, &Error{file, line, "<sharingModel> of " + o.Name + " is not kept"})
	case o.Sharing != org.SharingPrivate && o.Sharing != org.SharingRead && o.Sharing != org.SharingReadWrite:
		p.Ignored = append(p.Ignored, &Error{file, line, "<sharingModel> " + clip(o.Sharing) + " is not kept: of " + o.Name + " it is Private, Read or ReadWrite here"})
	default:
		p.Changes = append(p.Changes, Change{org.CustomChange{Action: org.ActionUpsert, Object: &org.CustomObject{Name: o.Name, Sharing: o.Sharing}}, file, line})
	}
}

func (p *Project) field(file string, root *Node) []Change {
	if root.Name != "CustomField" {
		p.Errors = append(p.Errors, &Error{file, root.Line, "<CustomField> was expected, this is <" + root.Name + ">"})
		return nil
	}
	folder := path.Dir(file)
	object := path.Base(path.Dir(folder))
	if path.Base(folder) != "fields" || object == "." || object == "/" {
		p.Errors = append(p.Errors, &Error{file, 0, "a field's file stands in objects/OBJECT/fields"})
		return nil
	}
	f, errs, ignored := Field(file, object, root)
	if f.Name == "" {
		f.Name = strings.TrimSuffix(path.Base(file), fieldSuffix)
	}
	if !p.own(file, root.Line, f.Name) {
		return nil
	}
	p.Errors, p.Ignored = append(p.Errors, errs...), append(p.Ignored, ignored...)
	return []Change{{org.CustomChange{Action: org.ActionUpsert, Field: &f}, file, root.Line}}
}
