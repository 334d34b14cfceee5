package doctor_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
)

// TestMappingDrift: a field that holds something else than what was left there is found; what may be his own, or shows asterisks, is
// not.
func TestMappingDrift(t *testing.T) {
	t.Parallel()
	own, another := strings.Repeat("a", mapping.HandleLength), strings.Repeat("b", mapping.HandleLength)
	for value, drift := range map[string]bool{own: false, "****": false, strings.Repeat("c", mapping.HandleLength): false, "": true, "typed by hand": true, another: true} {
		l := well()
		u, m, o := maya(), theMapping(), theMapping()
		u.Token, m.Handle = value, sha256.Sum256([]byte(own))
		o.CRMUserID, o.CRMUsername, o.Handle = "005000000000003AAA", "jonas@org", sha256.Sum256([]byte(another))
		l.Mappings, l.People, l.Package = doctor.Got([]mapping.Mapping{m, o}), people(systemUser(), u), doctor.Got(link.Package{Major: 5, Minor: 400})
		if got := len(l.Judge("T11").Found) > 0; got != drift {
			t.Errorf("%q: found %v", value, got)
		}
	}
}

// TestWhereAMappingIsCleared: an edit of the user's record clears a mapping only below the release that hides the token.
func TestWhereAMappingIsCleared(t *testing.T) {
	t.Parallel()
	for release, field := range map[link.Package]bool{{Major: 220}: false, {Major: 5, Minor: 400}: true, {Major: 5, Minor: 493}: false} {
		l := well()
		l.Grants, l.Package = doctor.Got(well().Grants.Must()), doctor.Got(release)
		g := l.Grants.Must()["maya"]
		g.Stale = true
		l.Grants.Must()["maya"] = g
		r := doctor.Examine(l, doctor.Checks())
		i := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.Check == "D29" })
		if i < 0 || strings.Contains(r.Findings[i].Click, "User record") != field {
			t.Errorf("%s: %+v", release, r.Findings)
		}
	}
}

// TestOneRowOfLoginHistory: what the org said last to the user who is asked about is told once.
func TestOneRowOfLoginHistory(t *testing.T) {
	t.Parallel()
	l := about("maya@org")
	rows := doctor.Got([]doctor.LoginRow{{UserID: mayaID, Username: "maya@org", Status: "Failed: Not approved for access", At: noon, Application: appLabel}})
	l.Day, l.Patient.Logins = rows, rows
	if r := doctor.ForPatient(l); len(r.Findings) != 1 || r.Findings[0].Check != "U05" || r.Findings[0].Severity != doctor.Notice || !strings.Contains(r.Findings[0].Seen, "approved now") {
		t.Errorf("%+v", r.Findings)
	}
}
