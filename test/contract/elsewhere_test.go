package contract_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/contract"
)

// byEnvironment runs the suite in a process of its own that knows the deployment by TWINSPAN_CONTRACT alone, as a run against
// other people's servers does (docs/testing.md).
func byEnvironment(t *testing.T, d contract.Deployment) {
	t.Helper()
	text, err := json.Marshal(plain(t, reflect.ValueOf(d)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "contract.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), self, "-test.run=^TestElsewhere$", "-test.v", "-test.timeout=5m")
	run.Env = append(os.Environ(), "TWINSPAN_CONTRACT="+path)
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestElsewhere") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// plain is a value as the file of TWINSPAN_CONTRACT has it: secrets in clear, keys in PEM.
func plain(t *testing.T, v reflect.Value) any {
	t.Helper()
	switch x := v.Interface().(type) {
	case vault.Secret:
		return x.Reveal()
	case *rsa.PrivateKey:
		der, err := x509.MarshalPKCS8PrivateKey(x)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	if v.Kind() != reflect.Struct {
		return v.Interface()
	}
	members := map[string]any{}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Type.Kind() != reflect.Func {
			members[f.Name] = plain(t, v.Field(i))
		}
	}
	return members
}
