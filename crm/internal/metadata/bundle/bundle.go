// Package bundle reads the zip of a deployment: its manifests and the files of its components. The zip is anybody's who
// may log in, so everything about it is bounded, and no name in it ever becomes a path of this machine.
package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// CodeBad: a zip or manifest that cannot be deployed; the message says why, in the words of a deployment's result.
const CodeBad fault.Code = "bad_bundle"

// Limits of a bundle. The real service takes 10,000 files and 400 MB; this org has fewer types.
const (
	MaxZip     = 4 << 20  // bytes of the zip
	MaxFiles   = 1000     // entries, folders included
	MaxFile    = 1 << 20  // bytes of one file, unpacked
	MaxBytes   = 16 << 20 // bytes of all files, unpacked
	MaxMembers = 500      // components that the manifests name
	maxName    = 400      // bytes of a path
	maxDepth   = 8        // folders in a path
)

// Manifest is a package.xml or a destructiveChanges.xml: the components by type, in its order.
type Manifest struct {
	File    string // its path in the zip
	Version string // of the API that the files are written for, "65.0"; "" where it names none
	Types   []Type
}

// Type names components of one type. The member "*" is all that the bundle holds of it.
type Type struct {
	Name    string
	Members []string
}

// Names of the manifests.
const (
	PackageFile     = "package.xml"
	DestructiveFile = "destructiveChanges.xml"
	DestructivePre  = "destructiveChangesPre.xml"
	DestructivePost = "destructiveChangesPost.xml"
)

// Bundle is a deployment's zip, read.
type Bundle struct {
	Package Manifest
	// Pre and Post are what goes away before and after the rest; destructiveChanges.xml means before.
	Pre, Post Manifest
	// Root is the package's folder in the zip with a slash, "" for the zip's root.
	Root string
	// Files are the unpacked files by path below the package's folder: "permissionsets/A.permissionset".
	Files map[string][]byte
}

func bad(format string, args ...any) error {
	return fault.New(fault.Invalid, CodeBad, format, args...)
}

// Read reads a zip whose root is the package (single) or which holds it in its one folder. Errors are Invalid or TooLarge
// faults.
func Read(data []byte, single bool) (*Bundle, error) {
	files, err := unpack(data)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Files: map[string][]byte{}}
	if !single {
		if b.Root, err = folder(files); err != nil {
			return nil, err
		}
	}
	for name, text := range files {
		b.Files[strings.TrimPrefix(name, b.Root)] = text
	}
	if b.Package, err = b.manifest(PackageFile); err != nil {
		return nil, err
	}
	if b.Package.File == "" {
		return nil, bad("No package.xml found")
	}
	early, err := b.manifest(DestructivePre)
	if err != nil {
		return nil, err
	}
	if b.Pre, err = b.manifest(DestructiveFile); err != nil {
		return nil, err
	}
	if early.File != "" {
		early.Types = append(early.Types, b.Pre.Types...)
		b.Pre = early
	}
	if b.Post, err = b.manifest(DestructivePost); err != nil {
		return nil, err
	}
	members := 0
	for _, m := range []Manifest{b.Package, b.Pre, b.Post} {
		for _, t := range m.Types {
			members += len(t.Members)
		}
	}
	if members > MaxMembers {
		return nil, fault.New(fault.TooLarge, CodeBad, "The manifests name more than %d components.", MaxMembers)
	}
	return b, nil
}

// unpack reads all files of a zip, by their path in it.
func unpack(data []byte) (map[string][]byte, error) {
	if len(data) > MaxZip {
		return nil, fault.New(fault.TooLarge, CodeBad, "The zip file has more than %d bytes.", MaxZip)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, bad("The zip file cannot be read.")
	}
	if len(z.File) > MaxFiles {
		return nil, fault.New(fault.TooLarge, CodeBad, "The zip file holds more than %d files.", MaxFiles)
	}
	files := map[string][]byte{}
	folded := map[string]bool{}
	left := int64(MaxBytes)
	for _, f := range z.File {
		dir := strings.HasSuffix(f.Name, "/")
		if err := checkName(strings.TrimSuffix(f.Name, "/")); err != nil {
			return nil, err
		}
		if dir || f.Mode().IsDir() {
			continue
		}
		if f.Mode()&fs.ModeType != 0 {
			return nil, bad("The zip file holds what is no file.")
		}
		key := strings.ToLower(f.Name)
		if folded[key] {
			return nil, bad("The zip file holds a name twice.")
		}
		folded[key] = true
		text, err := content(f, min(left, MaxFile))
		if err != nil {
			return nil, err
		}
		left -= int64(len(text))
		files[f.Name] = text
	}
	return files, nil
}

// content unpacks one file. What the zip says of its size is not believed.
func content(f *zip.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, bad("A file in the zip file cannot be read.")
	}
	defer func() { _ = r.Close() }() // of memory
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	switch {
	case n > limit:
		return nil, fault.New(fault.TooLarge, CodeBad, "The zip file unpacks to more than %d bytes, or one of its files to more than %d.", MaxBytes, MaxFile)
	case err != nil:
		return nil, bad("A file in the zip file cannot be read.")
	}
	return buf.Bytes(), nil
}

// checkName refuses names that are not plain relative paths with slashes.
func checkName(name string) error {
	ok := name != "" && len(name) <= maxName && utf8.ValidString(name) && !strings.ContainsAny(name, "\\:") && path.Clean(name) == name &&
		!strings.HasPrefix(name, "/") && name != ".." && !strings.HasPrefix(name, "../") && strings.Count(name, "/") < maxDepth &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
	if !ok {
		return bad("The zip file holds a name that is no plain path.")
	}
	return nil
}

// folder is the one folder that holds a package, with a slash.
func folder(files map[string][]byte) (string, error) {
	found := ""
	for name := range files {
		dir, file, ok := strings.Cut(name, "/")
		if !ok || file != PackageFile {
			continue
		}
		if found != "" {
			return "", bad("The zip file holds several packages; deploy them one by one.")
		}
		found = dir + "/"
	}
	if found == "" {
		return "", bad("No package.xml found")
	}
	for name := range files {
		if !strings.HasPrefix(name, found) {
			return "", bad("The zip file holds files outside the folder of its package.")
		}
	}
	return found, nil
}

// Parse reads an XML file of a bundle.
func Parse(text []byte) (*soap.Element, error) {
	return soap.ParseDocument(bytes.NewReader(text), soap.Limits{Bytes: MaxFile, Depth: 16, Elements: 20_000, Attributes: 32})
}

// manifest reads a manifest; its File is "" where there is none.
func (b *Bundle) manifest(name string) (Manifest, error) {
	text, ok := b.Files[name]
	if !ok {
		return Manifest{}, nil
	}
	m := Manifest{File: b.Root + name}
	root, err := Parse(text)
	if err != nil {
		return m, bad("Error parsing file %s: %s", name, fault.Of(err).Message)
	}
	if root.Local != "Package" {
		return m, bad("Error parsing file %s: the root element is not Package.", name)
	}
	for _, el := range root.Children {
		switch el.Local {
		case "types":
			t := Type{Name: el.Value("name")}
			for _, member := range el.All("members") {
				t.Members = append(t.Members, strings.TrimSpace(member.Text))
			}
			if t.Name == "" {
				return m, bad("Error parsing file %s: a types element has no name.", name)
			}
			m.Types = append(m.Types, t)
		case "version":
			m.Version = strings.TrimSpace(el.Text)
		case "fullName", "description", "apiAccessLevel", "namespacePrefix":
		default:
			return m, bad("Error parsing file %s: the element %s is not taken.", name, clip(el.Local))
		}
	}
	return m, nil
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
