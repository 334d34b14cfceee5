package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is set by a release's build (-ldflags "-X …/internal/cli.Version=v1.2.3"); "" takes what the Go tool recorded.
var Version string

// versionCmd prints the version.
type versionCmd struct{}

// Run prints it.
func (*versionCmd) Run(a *app) error {
	version, revision := Version, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if version == "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	if version == "" {
		version = "(devel)"
	}
	if a.json {
		return a.printJSON(map[string]string{"version": version, "revision": revision, "go": runtime.Version()})
	}
	return a.print(fmt.Sprintf("twinspan %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
}
