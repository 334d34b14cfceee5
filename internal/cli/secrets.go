package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/twinspan/twinspan/internal/vault"
)

// secretFlags say where a command's secrets come from: variables, a file, or a prompt; never the command line.
type secretFlags struct {
	SecretsFile string `help:"File with lines NAME=VALUE for the secrets that the command asks for, such as password, security_token and client_secret, which its owner alone may read; - is standard input. Else variables such as TWINSPAN_PASSWORD, TWINSPAN_SECURITY_TOKEN and TWINSPAN_CLIENT_SECRET, or a prompt." placeholder:"FILE" env:"-"`
}

// maxSecrets bounds the file.
const maxSecrets = 16 << 10

// secrets are values by name.
type secrets map[string]vault.Secret

// read gathers the named secrets. One that is nowhere is asked for on a terminal, else "".
func (f *secretFlags) read(ctx context.Context, a *app, names ...string) (secrets, error) {
	found := secrets{}
	if f.SecretsFile != "" {
		if err := found.file(a, f.SecretsFile, names); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if found[name] != "" {
			continue
		}
		if v, _ := a.Lookup("TWINSPAN_" + strings.ToUpper(name)); v != "" {
			found[name] = vault.Secret(v)
			continue
		}
		if f.SecretsFile != "" {
			continue
		}
		line, err := a.askSecret(ctx, strings.ReplaceAll(name, "_", " "))
		if err != nil {
			return nil, err
		}
		found[name] = vault.Secret(line)
	}
	return found, nil
}

func (s secrets) file(a *app, path string, names []string) error {
	in := a.stdin()
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
			return usagef("--secrets-file: others may read %s; make its mode 0600", path)
		}
		in = file
	}
	lines := bufio.NewScanner(io.LimitReader(in, maxSecrets))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if known := contains(names, name); !ok || !known {
			return usagef("--secrets-file: line %d is none of %s=VALUE", n, strings.Join(names, "=VALUE, "))
		}
		s[name] = vault.Secret(value)
	}
	return lines.Err()
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
