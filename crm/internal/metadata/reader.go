package metadata

import (
	"slices"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// reader takes the elements of a component into a change. The first mistake stays.
type reader struct{ err error }

func (r *reader) refuse(format string, args ...any) {
	if r.err == nil {
		r.err = fault.New(fault.Invalid, org.CodeInvalidValue, format, args...)
	}
}

func (r *reader) flag(e *soap.Element) *bool {
	v := strings.TrimSpace(e.Text)
	on := v == "true" || v == "1"
	if !on && v != "false" && v != "0" {
		r.refuse("%s: '%s' is not a valid value for the type xsd:boolean", e.Local, clip(v))
	}
	return &on
}

func trimmed(e *soap.Element) *string {
	v := strings.TrimSpace(e.Text)
	return &v
}

// once refuses an element that comes a second time, but for those that may repeat.
func (r *reader) once(parent *soap.Element, repeating ...string) {
	seen := map[string]bool{}
	for _, el := range parent.Children {
		if seen[el.Local] && !slices.Contains(repeating, el.Local) {
			r.refuse("%s comes twice", el.Local)
		}
		seen[el.Local] = true
	}
}

// unknown refuses an element that this org does not keep: nothing is ever dropped, so that nobody believes in a setting
// that is not there.
func (r *reader) unknown(kind, property string) {
	r.refuse("Property '%s' of %s is not supported by this org", clip(property), kind)
}
