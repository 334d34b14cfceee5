package doctor_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/doctor"
)

// TestWhatMendsASpan: what is printed for a span that is refused mends what refused it, and is not to connect anew with the same key
// or password.
func TestWhatMendsASpan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		how            func(*doctor.Look)
		command, click string
	}{
		{orgRefuses("password_changed", "changed"), "twinspan connect renew --kind org", ""},
		{orgRefuses("username_password_flow_off", "off"), "", "Allow OAuth Username-Password Flows"},
		{orgRefuses("invalid_grant", "invalid assertion"), "twinspan connect certificate", "Use digital signatures"},
		{orgRefuses("invalid_grant", "audience is invalid"), "twinspan connect --plan", ""},
		{tenantRefuses("invalid_grant", "The assertion is invalid."), "", "Installed Packages"},
		{tenantRefuses("password_changed", "changed"), "twinspan connect renew --kind engagement", ""},
		{tenantRefuses("credentials_refused", "refused"), "twinspan connect renew --kind engagement", ""},
		{tenantRefuses("invalid_grant", "The user has not approved this package."), "twinspan connect --sign-in --system-user system@org --api-user api", ""},
	} {
		l := well()
		c.how(l)
		r := doctor.Examine(l, doctor.Checks())
		if len(r.Findings) != 1 {
			t.Fatalf("%+v", r.Findings)
		}
		if f := r.Findings[0]; f.Command+f.See != c.command || !strings.Contains(f.Click, c.click) {
			t.Errorf("%s: %q, %q", f.Seen, f.Command, f.Click)
		}
	}
}
