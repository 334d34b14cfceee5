// Command twinspan runs an org, a tenant and Connect between them, and talks to running ones.
package main

import (
	"os"

	"github.com/twinspan/twinspan/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], cli.OS())) }
