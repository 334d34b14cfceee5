package packages_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org/packages"
)

func TestReleases(t *testing.T) {
	t.Parallel()
	var versions []string
	var last packages.Release
	for i, r := range packages.Releases() {
		if i > 0 && (!r.NewerThan(last) || last.NewerThan(r)) {
			t.Errorf("%s is not newer than %s", r.Version, last.Version)
		}
		for _, name := range []string{r.Version, r.ID, r.ID[:15]} {
			if found, ok := packages.Find(name); !ok || found.Version != r.Version {
				t.Errorf("%s found as %+v", name, found)
			}
		}
		if r.Retired != (r.Major < 5) {
			t.Errorf("%s retired: %v", r.Version, r.Retired)
		}
		versions, last = append(versions, r.Version), r
	}
	if got := strings.Join(versions, " "); got != "4.000 5.400 5.493 5.494 219 220" || last.Version != packages.Current {
		t.Errorf("releases %s", got)
	}
	if _, ok := packages.Find(""); ok {
		t.Error("a release without a name")
	}
}

// Names stand in the namespace, ids and prefixes differ, and what a release has its successors have.
func TestPartsAreNamedAsThePackages(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, r := range packages.Releases() {
		now := map[string]bool{}
		prefixes := map[string]bool{}
		note := func(object string, fields []packages.Field) {
			for _, f := range fields {
				if !strings.HasPrefix(f.Name, "et4ae5__") || !strings.HasSuffix(f.Name, "__c") || f.Label == "" || now[object+f.Name] {
					t.Errorf("%s: %s.%s", r.Version, object, f.Name)
				}
				if texts := f.Type == packages.Text || f.Type == packages.LongText || f.Type == packages.EncryptedText; texts != (f.Length > 0) {
					t.Errorf("%s.%s has length %d", object, f.Name, f.Length)
				}
				now[object+f.Name] = true
			}
		}
		for _, o := range r.Objects() {
			if prefixes[o.Prefix] || len(o.Prefix) != 3 || packages.SetOf(o.Write) == "" {
				t.Errorf("%s: object %s", r.Version, o.Name)
			}
			prefixes[o.Prefix], now[o.Name] = true, true
			note(o.Name, o.Fields)
		}
		note("User", r.UserFields())
		for name := range have {
			if !now[name] {
				t.Errorf("%s lost %s", r.Version, name)
			}
		}
		have = now
	}
	if packages.SetOf("ApiEnabled") != "" {
		t.Error("a system permission is the package's")
	}
	if f, ok := find(packages.Releases()[5].UserFields(), "et4ae5__ExactTarget_OAuth_Token__c"); !ok || f.Length < 40 {
		t.Errorf("the token's field: %+v", f)
	}
}

func find(fields []packages.Field, name string) (packages.Field, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f, true
		}
	}
	return packages.Field{}, false
}
