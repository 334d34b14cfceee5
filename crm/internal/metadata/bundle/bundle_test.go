package bundle_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/metadata/bundle"
	"github.com/twinspan/twinspan/internal/fault"
)

// pack makes a zip of names and texts, in order.
func pack(t testing.TB, pairs ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		w, err := z.Create(pairs[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

const manifest = `<?xml version="1.0" encoding="UTF-8"?>
<Package xmlns="http://soap.sforce.com/2006/04/metadata"><!-- ours -->
<types><members>A</members><members> B </members><name>PermissionSet</name></types><types><members>*</members><name>ConnectedApp</name></types><version>65.0</version></Package>`

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		single bool
		root   string
	}{{"single package", true, ""}, {"in a folder", false, "unpackaged/"}} {
		b, err := bundle.Read(pack(t, c.root+"package.xml", manifest, c.root+"permissionsets/A.permissionset", "<a/>",
			c.root+"destructiveChanges.xml", strings.Replace(manifest, "<members>A", "<members>Old", 1),
			c.root+"destructiveChangesPre.xml", strings.Replace(manifest, "<members>A", "<members>Older", 1),
			c.root+"destructiveChangesPost.xml", strings.Replace(manifest, "<members>A", "<members>Last", 1)), c.single)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := fmt.Sprint(b.Root, " ", b.Package, " ", slices.Sorted(maps.Keys(b.Files)), " ", b.Pre.File, " ", b.Pre.Types[0].Members, b.Pre.Types[2].Members, b.Post.Types[0].Members) // Sprint puts a blank between slices
		want := c.root + " {" + c.root + "package.xml 65.0 [{PermissionSet [A B]} {ConnectedApp [*]}]} [destructiveChanges.xml destructiveChangesPost.xml destructiveChangesPre.xml " +
			"package.xml permissionsets/A.permissionset] " + c.root + "destructiveChangesPre.xml [Older B] [Old B] [Last B]"
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	many := []string{"package.xml", manifest}
	for i := range bundle.MaxFiles {
		many = append(many, fmt.Sprintf("a/%d", i), "")
	}
	var big []string
	for i := range bundle.MaxBytes/bundle.MaxFile + 1 {
		big = append(big, fmt.Sprintf("a/%d", i), strings.Repeat("x", bundle.MaxFile))
	}
	var link bytes.Buffer
	z := zip.NewWriter(&link)
	h := &zip.FileHeader{Name: "package.xml"}
	h.SetMode(fs.ModeSymlink | 0o777)
	if w, err := z.CreateHeader(h); err != nil {
		t.Fatal(err)
	} else if _, err := io.WriteString(w, "/etc/passwd"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	types := func(n int) string {
		return "<Package><types>" + strings.Repeat("<members>a</members>", n) + "<name>PermissionSet</name></types></Package>"
	}
	for _, c := range []struct {
		name   string
		data   []byte
		single bool
		want   string
		kind   fault.Kind
	}{
		{"no zip", []byte("PK"), true, "cannot be read", fault.Invalid},
		{"nothing", nil, true, "cannot be read", fault.Invalid},
		{"a zip that is cut", pack(t, "package.xml", manifest)[:100], true, "cannot be read", fault.Invalid},
		{"too large a zip", make([]byte, bundle.MaxZip+1), true, "more than", fault.TooLarge},
		{"too many files", pack(t, many...), true, "more than 1000 files", fault.TooLarge},
		{"a bomb of one file", pack(t, "package.xml", strings.Repeat(" ", bundle.MaxFile+1)), true, "unpacks to more than", fault.TooLarge},
		{"a bomb of many files", pack(t, big...), true, "unpacks to more than", fault.TooLarge},
		{"a link", link.Bytes(), true, "what is no file", fault.Invalid},
		{"a name twice", pack(t, "package.xml", manifest, "Package.xml", manifest), true, "a name twice", fault.Invalid},
		{"no manifest", pack(t, "a.xml", manifest), true, "No package.xml found", fault.Invalid},
		{"no manifest in a folder", pack(t, "package.xml", manifest), false, "No package.xml found", fault.Invalid},
		{"two packages", pack(t, "a/package.xml", manifest, "b/package.xml", manifest), false, "several packages", fault.Invalid},
		{"files beside the folder", pack(t, "a/package.xml", manifest, "b/x", ""), false, "outside the folder", fault.Invalid},
		{"a manifest that is no XML", pack(t, "package.xml", "<Package>"), true, "Error parsing file package.xml", fault.Invalid},
		{"a document type", pack(t, "package.xml", "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><Package/>"), true, "document type declaration", fault.Invalid},
		{"another root", pack(t, "package.xml", "<Parcel/>"), true, "not Package", fault.Invalid},
		{"an unknown element", pack(t, "package.xml", "<Package><postInstallClass>A</postInstallClass></Package>"), true, "postInstallClass", fault.Invalid},
		{"a type without a name", pack(t, "package.xml", "<Package><types/></Package>"), true, "has no name", fault.Invalid},
		{"too many members", pack(t, "package.xml", types(bundle.MaxMembers), "destructiveChanges.xml", types(1)), true, "more than 500", fault.TooLarge},
		{"a broken list of what goes", pack(t, "package.xml", manifest, "destructiveChanges.xml", "<"), true, "destructiveChanges.xml", fault.Invalid},
	} {
		_, err := bundle.Read(c.data, c.single)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != c.kind || fault.CodeOf(err) != bundle.CodeBad {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestNamesThatLeaveTheZip(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"../package.xml", "/package.xml", "a/../../b", "a//b", "./a", "a/./b", `a\b`, `..\a`, "C:/a", "a\x00b", "a\nb", strings.Repeat("a/", 9) + "b", strings.Repeat("a", 401), "..", "\xff",
	} {
		if _, err := bundle.Read(pack(t, "package.xml", manifest, name, "x"), true); err == nil || !strings.Contains(err.Error(), "no plain path") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(pack(f, "package.xml", manifest, "permissionsets/A.permissionset", "<PermissionSet/>"), true)
	f.Add(pack(f, "a/package.xml", manifest, "a/destructiveChanges.xml", manifest), false)
	f.Add(pack(f, "package.xml", "<Package><types><members/><name>X</name></types></Package>", "../x", ""), true)
	f.Add([]byte("PK\x05\x06"+strings.Repeat("\x00", 18)), false)
	f.Fuzz(func(t *testing.T, data []byte, single bool) {
		b, err := bundle.Read(data, single)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Fatalf("an error of kind %v: %v", k, err)
			}
			return
		}
		total := 0
		for name, text := range b.Files {
			total += len(text)
			if strings.HasPrefix(name, "/") || strings.Contains("/"+name+"/", "/../") || len(text) > bundle.MaxFile {
				t.Fatalf("%q with %d bytes", name, len(text))
			}
		}
		if total > bundle.MaxBytes || b.Package.File == "" {
			t.Fatalf("%d bytes, manifest %q", total, b.Package.File)
		}
	})
}

// FuzzManifest fuzzes the text of a manifest, which a fuzzed zip hardly ever holds.
func FuzzManifest(f *testing.F) {
	f.Add(manifest)
	f.Add("<Package><types><name>A</name></types></Package>")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := bundle.Read(pack(t, "package.xml", text), true)
		if err == nil && len(b.Package.Types) > bundle.MaxFile {
			t.Fatal("more types than bytes")
		}
	})
}
