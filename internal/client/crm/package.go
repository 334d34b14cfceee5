package crm

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodePackageFailed: the org began to install or remove a package and gave up; the fault's message is the org's reason.
const CodePackageFailed fault.Code = "package_failed"

// PackageVersion is one version of a managed package.
type PackageVersion struct {
	ID         string `json:"id"` // SubscriberPackageVersion, prefix 04t
	Name       string `json:"version"`
	Major      int    `json:"-"`
	Minor      int    `json:"-"`
	Deprecated bool   `json:"deprecated,omitempty"`
}

// NewerThan orders versions by their numbers: 5.494 comes before 219.
func (v PackageVersion) NewerThan(other PackageVersion) bool {
	return v.Major > other.Major || v.Major == other.Major && v.Minor > other.Minor
}

// InstalledPackage is a managed package that an org has.
type InstalledPackage struct {
	PackageID string         `json:"packageId"` // SubscriberPackage, prefix 033
	Name      string         `json:"name"`
	Namespace string         `json:"namespace"`
	Version   PackageVersion `json:"version"`
}

func versionOf(r Record) PackageVersion {
	return PackageVersion{
		ID: r.String("Id"), Name: r.String("Name"), Major: r.Int("MajorVersion"), Minor: r.Int("MinorVersion"), Deprecated: r.Bool("IsDeprecated"),
	}
}

// InstalledPackages lists the org's managed packages by the Tooling API. The service sorts them by SubscriberPackageId
// alone, and so asks that every query do.
func (s *Session) InstalledPackages(ctx context.Context) ([]InstalledPackage, error) {
	rows, err := s.ToolingQuery(ctx, "SELECT SubscriberPackageId, SubscriberPackage.Name, SubscriberPackage.NamespacePrefix, SubscriberPackageVersion.Id, "+
		"SubscriberPackageVersion.Name, SubscriberPackageVersion.MajorVersion, SubscriberPackageVersion.MinorVersion "+
		"FROM InstalledSubscriberPackage ORDER BY SubscriberPackageId")
	if err != nil {
		return nil, err
	}
	out := make([]InstalledPackage, 0, len(rows))
	for _, r := range rows {
		p := r.Related("SubscriberPackage")
		out = append(out, InstalledPackage{
			PackageID: r.String("SubscriberPackageId"), Name: p.String("Name"), Namespace: p.String("NamespacePrefix"), Version: versionOf(r.Related("SubscriberPackageVersion")),
		})
	}
	return out, nil
}

// PackageVersions lists the versions of all packages that the org knows. Twinspan's org lists them; a real one answers
// for a version that is named by its id alone.
func (s *Session) PackageVersions(ctx context.Context) ([]PackageVersion, error) {
	rows, err := s.ToolingQuery(ctx, "SELECT Id, Name, MajorVersion, MinorVersion, IsDeprecated FROM SubscriberPackageVersion ORDER BY MajorVersion, MinorVersion")
	if err != nil {
		return nil, err
	}
	out := make([]PackageVersion, 0, len(rows))
	for _, r := range rows {
		out = append(out, versionOf(r))
	}
	return out, nil
}

// Who gets access to what a package brings.
const (
	AdminsOnly = "none" // Install for Admins Only: whoever a permission set gives it
	AllUsers   = "full" // Install for All Users: every profile
)

// InstallPackage installs or upgrades to the version of that id and waits until it is done. An outcome that is not
// known when the context ends can be read by InstalledPackages; asking again does no harm.
func (s *Session) InstallPackage(ctx context.Context, version, security string) error {
	return s.packageRequest(ctx, "PackageInstallRequest", map[string]any{
		"SubscriberPackageVersionKey": version, "SecurityType": security, "NameConflictResolution": "Block",
	})
}

// UninstallPackage removes the installed version and waits until it is gone, with everything kept in it.
func (s *Session) UninstallPackage(ctx context.Context, version string) error {
	return s.packageRequest(ctx, "SubscriberPackageVersionUninstallRequest", map[string]any{"SubscriberPackageVersionId": version})
}

// packagePause is how long to wait before the status of a request is read again; a real install takes minutes.
const packagePause = 2 * time.Second

func (s *Session) packageRequest(ctx context.Context, object string, fields map[string]any) error {
	a, err := s.send(ctx, http.MethodPost, "/tooling/sobjects/"+object, fields)
	if err != nil {
		return err
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := s.c.call.JSON(a, &made); err != nil {
		return err
	}
	if made.ID == "" {
		return s.c.call.Protocol(a.Status, "it reports no %s", object)
	}
	for {
		var r struct {
			Status string
			Errors *struct {
				Errors []struct {
					Message string `json:"message"`
				} `json:"errors"`
			}
		}
		if err := s.get(ctx, s.data("/tooling/sobjects/"+object+"/"+url.PathEscape(made.ID)), &r); err != nil {
			return err
		}
		switch strings.ToUpper(r.Status) {
		case "SUCCESS":
			return nil
		case "ERROR":
			if r.Errors != nil && len(r.Errors.Errors) > 0 {
				return packageFailed(r.Errors.Errors[0].Message)
			}
			return s.uninstallError(ctx, made.ID)
		}
		pause := time.NewTimer(packagePause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("waiting for %s %s: %w", object, made.ID, ctx.Err())
		}
	}
}

func (s *Session) uninstallError(ctx context.Context, request string) error {
	rows, err := s.ToolingQuery(ctx, "SELECT Message FROM PackageVersionUninstallRequestError WHERE ParentRequest.Id = '"+request+"'")
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return packageFailed("the org does not say why")
	}
	return packageFailed(rows[0].String("Message"))
}

func packageFailed(message string) error {
	return fault.New(fault.Conflict, CodePackageFailed, "%s", client.Clip(message, 1000))
}
