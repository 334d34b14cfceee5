package send_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
)

// TestWords: a definition that is not there is named with what to do; every other refusal stays in the cloud's own words.
func TestWords(t *testing.T) {
	t.Parallel()
	refused := func(code, text string) error {
		return fault.Wrap(&client.RemoteError{Status: 400, Code: code, Description: text}, fault.Denied, client.CodeRefused, "refused")
	}
	for name, one := range map[string]struct {
		err              error
		definition, code string
		want             []string
		ok               bool
	}{
		"no definition": {refused("30003", "The definition does not exist."), "autumn", "30003", []string{"The definition does not exist. ", `"autumn"`, "--definition KEY", "twinspan tenant definition create autumn --email KEY"}, true},
		"another thing": {refused("30003", "The data extension does not exist."), "", "30003", []string{"The data extension does not exist."}, true},
		"no permission": {refused("20002", "Insufficient Privileges"), "autumn", "20002", []string{"Insufficient Privileges"}, true},
		"no refusal":    {errors.New("broken"), "autumn", "", []string{""}, false},
	} {
		code, reason, ok := send.Words(one.err, one.definition)
		if code != one.code || ok != one.ok || len(one.want) == 1 && reason != one.want[0] {
			t.Errorf("%s: %q %q %v", name, code, reason, ok)
		}
		for _, part := range one.want {
			if !strings.Contains(reason, part) {
				t.Errorf("%s: %q is not in %q", name, part, reason)
			}
		}
	}
}
