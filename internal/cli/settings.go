package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// settingsFile is read from the working folder where --config names no other.
const settingsFile = "twinspan.yaml"

// maxSettings bounds the settings file.
const maxSettings = 1 << 20

// settings are values of flags by name, as a settings file has them. A flag on the command line outranks a variable,
// which outranks the file, which outranks the default.
type settings struct {
	path   string
	values map[string]string
	lookup func(string) (string, bool)
}

// readSettings adds the settings file to what a command line is resolved from.
func (a *app) readSettings(ctx *kong.Context) error {
	path, required := settingsFile, false
	for _, f := range ctx.Flags() {
		if f.Name == "config" {
			if v, ok := ctx.FlagValue(f).(string); ok && v != "" {
				path, required = v, true
			}
		}
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	defer file.Close()
	values, err := parseSettings(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s := &settings{path: path, values: values, lookup: a.Lookup}
	if err := s.Validate(ctx.Model); err != nil {
		return err
	}
	ctx.AddResolver(s)
	return nil
}

// parseSettings reads one flat YAML mapping of flag names to scalars. An empty file is an empty mapping.
func parseSettings(r io.Reader) (map[string]string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSettings+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSettings {
		return nil, fmt.Errorf("larger than %d bytes", maxSettings)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	out := map[string]string{}
	if len(doc.Content) == 0 {
		return out, nil
	}
	m := doc.Content[0]
	if m.Kind == yaml.ScalarNode && m.Tag == "!!null" {
		return out, nil
	}
	if m.Kind != yaml.MappingNode {
		return nil, errors.New("want lines of the form name: value")
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := m.Content[i], m.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: %s wants one value", value.Line, key.Value)
		}
		if _, twice := out[key.Value]; twice {
			return nil, fmt.Errorf("line %d: %s comes twice", key.Line, key.Value)
		}
		out[key.Value] = value.Value
	}
	return out, nil
}

// Validate refuses a name that no command has a flag for: it would be a setting that silently does nothing.
func (s *settings) Validate(model *kong.Application) error {
	known := map[string]bool{}
	_ = kong.Visit(model, func(n kong.Visitable, next kong.Next) error { // no visitor here returns an error
		if f, ok := n.(*kong.Flag); ok {
			known[f.Name] = true
		}
		return next(nil)
	})
	for name := range s.values {
		if !known[name] || name == "config" || name == "help" {
			return fmt.Errorf("%s: there is no setting %q", s.path, name)
		}
	}
	return nil
}

// Resolve gives the file's value of a flag, unless a variable of the flag is set: kong would let the file win.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	v, ok := s.values[flag.Name]
	if !ok {
		return nil, nil
	}
	for _, name := range flag.Envs {
		if _, set := s.lookup(name); set {
			return nil, nil
		}
	}
	if flag.IsBool() {
		switch strings.ToLower(v) {
		case "true", "yes", "on":
			return true, nil
		case "false", "no", "off", "":
			return false, nil
		}
		return nil, fmt.Errorf("%s: %q is neither true nor false", s.path, v)
	}
	return v, nil
}
