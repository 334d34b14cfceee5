package metadata

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/metadata/bundle"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// Plan reads the zip of a deployment into what is to be done, in the order in which it is done: what goes away before the
// rest, what is saved, in the order of the table of types, and what goes away after it.
func (s *Server) Plan(session org.Session, d org.Deployment, zip []byte) []org.DeployItem {
	b, err := bundle.Read(zip, d.Options.SinglePackage)
	if err != nil {
		return []org.DeployItem{{DeployMessage: org.DeployMessage{Name: bundle.PackageFile, File: bundle.PackageFile, Problem: fault.Of(err).Message}}}
	}
	p := planner{server: s, call: &call{session: session, api: d.API}, options: d.Options, bundle: b, used: map[string]bool{}}
	if v, _, _ := strings.Cut(b.Package.Version, "."); v != "" {
		if p.call.api, err = strconv.Atoi(v); err != nil || p.call.api < org.FirstAPIVersion || p.call.api > org.LastAPIVersion {
			return []org.DeployItem{refusal("", bundle.PackageFile, b.Package.File, unsupportedVersion(b.Package.Version))}
		}
	}
	items := slices.Concat(p.deletions(b.Pre), p.saves(), p.deletions(b.Post), p.unnamed())
	for _, m := range []bundle.Manifest{b.Post, b.Pre, b.Package} {
		if m.File == "" {
			continue
		}
		name := strings.TrimPrefix(m.File, b.Root)
		items = append([]org.DeployItem{{DeployMessage: org.DeployMessage{Name: name, File: m.File, Success: true, Changed: true}}}, items...)
	}
	return items
}

// planner makes the items of one bundle.
type planner struct {
	server  *Server
	call    *call
	options org.DeployOptions
	bundle  *bundle.Bundle
	used    map[string]bool // files that a component was read from
}

func refusal(kind, name, file string, err error) org.DeployItem {
	return org.DeployItem{DeployMessage: org.DeployMessage{Type: kind, Name: name, File: file, Problem: fault.Of(err).Message}}
}

// folderOf finds the folder and suffix of a type that packages name.
func (s *Server) folderOf(packaged string) (folder, suffix string, ok bool) {
	for _, t := range s.types() {
		if t.packaged() == packaged {
			return t.folder, t.suffix, true
		}
	}
	return "", "", false
}

// saves are the components that package.xml names.
func (p planner) saves() []org.DeployItem {
	type placed struct {
		order int // of the component's type in the table
		item  org.DeployItem
	}
	var found []placed
	for _, t := range p.bundle.Package.Types {
		folder, suffix, ok := p.server.folderOf(t.Name)
		if !ok {
			found = append(found, placed{-1, refusal(t.Name, bundle.PackageFile, p.bundle.Package.File,
				fault.New(fault.Invalid, codeType, "Unknown type name '%s' specified in package.xml", clip(t.Name)))})
			continue
		}
		for _, member := range p.members(t, folder, suffix) {
			if folder == objectsFolder {
				for _, item := range p.objectItems(t.Name, member) {
					found = append(found, placed{orderOf(p.server.types(), item.Type), item})
				}
				continue
			}
			if file := folder + "/" + member + "." + suffix; !p.used[file] {
				order, item := p.save(t.Name, member, file)
				found = append(found, placed{order, item})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b placed) int { return cmp.Compare(a.order, b.order) })
	items := make([]org.DeployItem, 0, len(found))
	for _, f := range found {
		if f.item.Name != "" {
			items = append(items, f.item)
		}
	}
	return items
}

// members are the components that a manifest names of a type, "*" spelled out.
func (p planner) members(t bundle.Type, folder, suffix string) []string {
	if !slices.Contains(t.Members, "*") {
		return t.Members
	}
	out := slices.DeleteFunc(slices.Clone(t.Members), func(m string) bool { return m == "*" })
	for _, file := range slices.Sorted(maps.Keys(p.bundle.Files)) {
		name, ok := strings.CutPrefix(file, folder+"/")
		if name, ok2 := strings.CutSuffix(name, "."+suffix); ok && ok2 && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// save makes the item of one component from its file, and tells the order of its type. The item has no name where the
// file may be missing.
func (p planner) save(packaged, name, file string) (order int, item org.DeployItem) {
	text, ok := p.bundle.Files[file]
	inZip := p.bundle.Root + file
	if !ok {
		if p.options.AllowMissingFiles {
			return -1, org.DeployItem{}
		}
		return -1, refusal(packaged, name, p.bundle.Package.File, missingFile(packaged, name))
	}
	p.used[file] = true
	root, err := bundle.Parse(text)
	if err != nil {
		return -1, refusal(packaged, name, inZip, err)
	}
	types := p.server.types()
	order = slices.IndexFunc(types, func(t componentType) bool { return t.name == root.Local && t.packaged() == packaged })
	if order < 0 {
		return -1, refusal(packaged, name, inZip, wrongRoot(root, packaged))
	}
	work, err := types[order].save(p.call, name, org.VerbUpsert, root)
	if err != nil {
		return order, refusal(packaged, name, inZip, err)
	}
	return order, org.DeployItem{DeployMessage: org.DeployMessage{Type: packaged, Name: name, File: inZip}, Work: work}
}

// deletions are the components that a manifest of what goes away names, in the reverse order of the table.
func (p planner) deletions(m bundle.Manifest) []org.DeployItem {
	var items []org.DeployItem
	types := p.server.types()
	slices.Reverse(types)
	known := map[string]bool{}
	for _, t := range types {
		for _, named := range m.Types {
			if named.Name != t.packaged() || known[named.Name] && t.listed != "" {
				continue
			}
			known[named.Name] = true
			for _, name := range named.Members {
				item := org.DeployItem{DeployMessage: org.DeployMessage{Type: named.Name, Name: name, File: m.File}, Delete: true}
				switch {
				case t.remove == nil:
					item.Problem = named.Name + " cannot be deleted"
				case name == "*":
					item.Problem = "Name each component: * is for package.xml alone"
				default:
					item.Work = t.remove(p.call, name)
				}
				items = append(items, item)
			}
		}
	}
	for _, named := range m.Types {
		if !known[named.Name] {
			items = append(items, refusal(named.Name, m.File, m.File, fault.New(fault.Invalid, codeType, "Unknown type name '%s' specified in %s", clip(named.Name), m.File)))
		}
	}
	return items
}

// unnamed refuses the files that no manifest names: whoever put them there believes that they are deployed.
func (p planner) unnamed() []org.DeployItem {
	var items []org.DeployItem
	for _, file := range slices.Sorted(maps.Keys(p.bundle.Files)) {
		switch file {
		case bundle.PackageFile, bundle.DestructiveFile, bundle.DestructivePre, bundle.DestructivePost:
			continue
		}
		if !p.used[file] {
			items = append(items, refusal("", file, p.bundle.Root+file, fault.New(fault.Invalid, codeArguments, "This file belongs to no component that package.xml names")))
		}
	}
	return items
}

func orderOf(types []componentType, name string) int {
	return slices.IndexFunc(types, func(t componentType) bool { return t.name == name })
}

// objectItems are the items of a CustomObject or CustomField from its object's file: an object and each of its fields stand
// by themselves, so that fields may name objects that come later in the manifest. What another member has named already
// is left out.
func (p planner) objectItems(packaged, member string) []org.DeployItem {
	object, field, isField := strings.Cut(member, ".")
	file := objectsFolder + "/" + object + "." + objectSuffix
	fail := func(file string, err error) []org.DeployItem {
		return []org.DeployItem{refusal(packaged, member, file, err)}
	}
	if isField != (packaged == typeCustomField) {
		return fail(p.bundle.Package.File, fault.New(fault.Invalid, codeArguments, "'%s' is no name of a %s", clip(member), packaged))
	}
	text, ok := p.bundle.Files[file]
	if !ok {
		if p.options.AllowMissingFiles {
			return nil
		}
		return fail(p.bundle.Package.File, missingFile(packaged, member))
	}
	p.used[file] = true
	root, err := bundle.Parse(text)
	if err == nil && root.Local != typeCustomObject {
		err = wrongRoot(root, typeCustomObject)
	}
	if err != nil {
		return fail(p.bundle.Root+file, err)
	}
	var items []org.DeployItem
	add := func(kind, name string, work org.Work, err error) {
		key := kind + " " + strings.ToLower(name)
		switch {
		case p.used[key]:
		case err != nil:
			items = append(items, refusal(kind, name, p.bundle.Root+file, err))
		default:
			items = append(items, org.DeployItem{DeployMessage: org.DeployMessage{Type: kind, Name: name, File: p.bundle.Root + file}, Work: work})
		}
		p.used[key] = true
	}
	if !isField {
		o, _, ignored, err := readCustomObject(object, withoutFields(root))
		add(typeCustomObject, object, func(tx org.SetupTx) (org.Saved, error) {
			saved, err := p.server.saveCustomObject(tx, p.call, org.VerbUpsert, o, root)
			saved.Warning = ignored
			return saved, err
		}, err)
	}
	fields := p.server.customFields()
	seen := false
	for _, el := range root.All("fields") {
		name := el.Value("fullName")
		if isField && !strings.EqualFold(name, field) || !isField && !strings.HasSuffix(name, "__c") { // standard ones are there
			continue
		}
		seen = true
		work, err := fields.save(p.call, object+"."+name, org.VerbUpsert, el)
		add(typeCustomField, object+"."+name, work, err)
	}
	if isField && !seen {
		return fail(p.bundle.Root+file, missingFile(packaged, member))
	}
	return items
}

// withoutFields is the element of an object without those of its fields.
func withoutFields(e *soap.Element) *soap.Element {
	out := *e
	out.Children = slices.DeleteFunc(slices.Clone(e.Children), func(c *soap.Element) bool { return c.Local == "fields" })
	return &out
}

func missingFile(packaged, name string) error {
	return fault.New(fault.Invalid, codeArguments, "An object '%s' of type %s was named in package.xml, but was not found in zipped directory", clip(name), packaged)
}

func wrongRoot(root *soap.Element, packaged string) error {
	return fault.New(fault.Invalid, codeType, "The root element %s is not that of a %s", clip(root.Local), packaged)
}
