package api_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/api"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
)

// TestEveryRefusalLeadsToItsMeaning: whatever Connect refuses with, in its own words or a cloud's, the answer leads to the part
// of "Troubleshoot Connected App" that says what it means.
// seed:api S002-39
func TestEveryRefusalLeadsToItsMeaning(t *testing.T) {
	t.Parallel()
	meant := func(err error) []explain.Explanation {
		t.Helper()
		to, parseErr := url.Parse(api.Help(err))
		if parseErr != nil || to.IsAbs() || to.Path != explain.Path {
			t.Fatalf("%v leads to %q", err, api.Help(err))
		}
		return explain.Find(to.Query().Get("met"))
	}
	for _, e := range explain.All() {
		says := strings.ReplaceAll(e.Text, "{}", "Müller")
		code := e.Code
		if low, _, ok := strings.Cut(code, "-"); ok {
			code = low
		}
		err := error(fault.New(fault.Conflict, fault.Code(code), "%s", says))
		if !strings.HasPrefix(e.Where, "Connect") {
			cloud := &client.RemoteError{Cloud: "org", Status: 400, Code: code, Description: says}
			err = fault.Wrap(cloud, fault.Denied, client.CodeRefused, "The org refused.")
		}
		if code == "" {
			continue // a text that no answer of an API has
		}
		all := meant(err)
		if len(all) == 0 || all[0].Code != e.Code && all[0].Code != code {
			t.Errorf("%s: %s leads to %q", e.Code, e.Text, api.Help(err))
		}
		if strings.Contains(api.Help(err), "ller") {
			t.Errorf("%s: the way holds a name: %s", e.Code, api.Help(err))
		}
	}
	if all := meant(errors.New("disk full")); len(all) == 0 || all[0].Code != "internal" {
		t.Errorf("our own failure leads to %q", api.Help(errors.New("disk full")))
	}
	if got := api.Help(fault.New(fault.Invalid, "nobody_knows_this_one", "Odd.")); got != explain.Path {
		t.Errorf("what nobody knows leads to %q", got)
	}
}
