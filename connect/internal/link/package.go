package link

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// Package is the version of the managed package that the org has. The zero value is none: nothing of the package is
// there, or the org does not tell.
type Package struct{ Major, Minor int }

// The releases at which something changes (DESIGN 5.4, connect-facts 1.2): 5.400 < 5.493 < 5.494 < 219 < 220.
var (
	// ProtectedSince is the release from which on the token lies in a protected setting; it is of the new way itself.
	ProtectedSince = Package{Major: 5, Minor: 493}
	// oldest is the release before which document 000 does not apply.
	oldest = Package{Major: 5}
)

// ParsePackage reads what String wrote; anything else is the zero Package.
func ParsePackage(s string) Package {
	major, minor, _ := strings.Cut(s, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(cmp.Or(minor, "0"))
	if err1 != nil || err2 != nil {
		return Package{}
	}
	return Package{a, b}
}

// String is the version as people write it: "5.493", "220"; "" for none.
func (p Package) String() string {
	switch {
	case p == Package{}:
		return ""
	case p.Minor == 0:
		return strconv.Itoa(p.Major)
	}
	return strconv.Itoa(p.Major) + "." + strconv.Itoa(p.Minor)
}

// Before reports whether p was released before q.
func (p Package) Before(q Package) bool {
	return cmp.Or(cmp.Compare(p.Major, q.Major), cmp.Compare(p.Minor, q.Minor)) < 0
}

// TokenInField reports whether the release keeps tokens in the User field: below 5.493, where there is a package at all.
func (p Package) TokenInField() bool { return p != Package{} && p.Before(ProtectedSince) }

// VendorsOwn reports whether what the package has put into the org, its fields on users and its records, is the vendor's and not
// Connect's to work by: in a real org it is, if it is there at all.
func (l Link) VendorsOwn() bool { return l.Standing != Embedded }

// TokenInField reports whether the link's mappings leave a handle in the User field, where the org has the release p.
func (l Link) TokenInField(p Package) bool { return !l.VendorsOwn() && p.TokenInField() }

// Retired reports whether the release is older than those that document 000 speaks of ("This applies to V5 only").
func (p Package) Retired() bool { return p != Package{} && p.Before(oldest) }

// packageLife is how long the org's answer about its package is taken for true where an old one will do.
const packageLife = time.Minute

// Package asks the org which version of the managed package it has, and keeps it with the link. With fresh it is asked
// whatever it said before. An org that is not connected, or does not tell the system user, counts as without one: then
// the vault is the only place that there is.
func (s *Service) Package(ctx context.Context, l Link, fresh bool) (Package, error) {
	if l.Org.Username == "" {
		return Package{}, nil
	}
	key, now := l.Pair+"|"+l.Org.OrgID+"|"+l.Called.Namespace, s.machine()
	if fresh {
		s.packages.drop(key, func(Package) bool { return true })
	}
	return s.packages.get(ctx, key, now, func(ctx context.Context) (Package, time.Time, error) {
		found, err := s.readPackage(ctx, l)
		if err == nil && found != l.Package {
			_, err = s.store.UpdateLink(ctx, l.Pair, audit.Change{}, func(l Link) (Link, error) {
				l.Package = found
				return l, nil
			})
		}
		return found, now.Add(packageLife), err
	})
}

// InstalledPackage asks an org which version of the package of the namespace it has; the zero Package where it has none.
func InstalledPackage(ctx context.Context, org *crm.Session, namespace string) (Package, error) {
	var found Package
	installed, err := org.InstalledPackages(ctx)
	for _, p := range installed {
		if strings.EqualFold(p.Namespace, namespace) {
			found = Package{p.Version.Major, p.Version.Minor}
		}
	}
	return found, err
}

func (s *Service) readPackage(ctx context.Context, l Link) (Package, error) {
	var found Package
	var said error // by the question itself: a refusal of the sign-in, first or renewed, says nothing of packages
	err := s.CallOrg(ctx, l, func(org *crm.Session) error {
		found, said = InstalledPackage(ctx, org, l.Names().Namespace)
		return said
	})
	if code := fault.CodeOf(err); said != nil && errors.Is(err, said) && (code == client.CodeNotFound || code == client.CodeRefused) {
		return Package{}, nil
	}
	return found, err
}
