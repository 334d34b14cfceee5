package api_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/twinspan/twinspan/connect/internal/api"
)

type document struct {
	OpenAPI    string                          `yaml:"openapi"`
	Paths      map[string]map[string]operation `yaml:"paths"`
	Components struct {
		Schemas map[string]any `yaml:"schemas"`
	} `yaml:"components"`
}

type operation struct {
	OperationID string           `yaml:"operationId"`
	Parameters  []map[string]any `yaml:"parameters"`
	RequestBody struct {
		Content map[string]struct {
			Schema struct {
				Properties map[string]any `yaml:"properties"`
			} `yaml:"schema"`
		} `yaml:"content"`
	} `yaml:"requestBody"`
	Responses map[string]any `yaml:"responses"`
}

func description(t *testing.T) document {
	t.Helper()
	text, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDescriptionHasEveryRoute: every route is described and every description is a route.
func TestDescriptionHasEveryRoute(t *testing.T) {
	t.Parallel()
	var described, routed []string
	for path, operations := range description(t).Paths {
		for method := range operations {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	for _, r := range api.Routes() {
		routed = append(routed, r.Method+" "+r.Path)
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Fatalf("described: %v\nrouted: %v", described, routed)
	}
}

// TestDescriptionIsWhole: operations are named, changing ones take a key and a body, and every reference leads somewhere.
func TestDescriptionIsWhole(t *testing.T) {
	t.Parallel()
	d := description(t)
	if !strings.HasPrefix(d.OpenAPI, "3.1") {
		t.Errorf("openapi is %q", d.OpenAPI)
	}
	ids := map[string]bool{}
	for path, operations := range d.Paths {
		for method, o := range operations {
			if o.OperationID == "" || ids[o.OperationID] {
				t.Errorf("%s %s: operationId %q is missing or taken", method, path, o.OperationID)
			}
			ids[o.OperationID] = true
			if o.Responses["200"] == nil || o.Responses["default"] == nil {
				t.Errorf("%s %s has no answer or no refusal", method, path)
			}
			if method == "post" && (o.Parameters[0]["$ref"] != "#/components/parameters/IdempotencyKey" || o.RequestBody.Content["application/json"].Schema.Properties == nil) {
				t.Errorf("%s %s takes no idempotency key or describes no body", method, path)
			}
		}
	}
	text, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), `"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if d.Components.Schemas[name] == nil {
			t.Errorf("schema %s is referred to and not described", name)
		}
	}
}

// TestDescriptionHasEveryMember: the members of the bodies that the code writes are those that the description names.
func TestDescriptionHasEveryMember(t *testing.T) {
	t.Parallel()
	d := description(t)
	for name, body := range api.Bodies() {
		schema, _ := d.Components.Schemas[name].(map[string]any)
		properties, _ := schema["properties"].(map[string]any)
		var described, written []string
		for p := range properties {
			described = append(described, p)
		}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(body)) {
			if f.Anonymous { // its own members are written in its place
				continue
			}
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			written = append(written, tag)
		}
		slices.Sort(described)
		slices.Sort(written)
		if !slices.Equal(described, written) {
			t.Errorf("%s: described %v, written %v", name, described, written)
		}
	}
}
