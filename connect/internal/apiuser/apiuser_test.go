package apiuser_test

import (
	"testing"

	"github.com/twinspan/twinspan/connect/internal/apiuser"
)

// What a pause that broke off may have switched off is set going with the rest; what a whole one left alone is left alone.
func TestResume(t *testing.T) {
	t.Parallel()
	items := []apiuser.Item{{Key: "off", Paused: true}, {Key: "unknown"}}
	for step, want := range map[apiuser.Step]bool{apiuser.Pausing: true, apiuser.Paused: false, apiuser.Resuming: false} {
		c := apiuser.Change{Step: step, Items: items}.Resume()
		if c.Step != apiuser.Resuming || !c.Items[0].Paused || c.Items[1].Paused != want {
			t.Errorf("from %s: %+v", step, c)
		}
		if again := c.Resume(); again.Items[1].Paused != want { // resuming broke off too
			t.Errorf("from %s, twice: %+v", step, again)
		}
	}
	if items[1].Paused {
		t.Error("the change that was read was changed")
	}
}
