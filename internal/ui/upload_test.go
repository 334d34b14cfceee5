package ui_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/ui"
)

// TestUploads: a form with a file is sent in parts, another is not.
func TestUploads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		form ui.Form
		want bool
	}{
		"a file":              {ui.Form{Fields: []ui.Field{{Type: ui.FileField, Name: "f", Label: "F"}}}, true},
		"a file in a section": {ui.Form{Sections: []ui.Section{{Fields: []ui.Field{{Type: ui.FileField, Name: "f", Label: "F"}}}}}, true},
		"none":                {ui.Form{Fields: []ui.Field{{Name: "f", Label: "F"}}}, false},
	} {
		w, _ := render(t, ui.Page{Title: "t", Blocks: []ui.Block{c.form}})
		if got := strings.Contains(w.Body.String(), `enctype="multipart/form-data"`); got != c.want {
			t.Errorf("%s: sent in parts: %t", name, got)
		}
	}
}
