package pages

import (
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/web"
)

// everywhere are the forms that are possible in every standing, with why.
var everywhere = map[string]string{
	FirstPath:              "it signs somebody in to Connect",
	consoleOutPath:         "it signs somebody out of Connect",
	ConsolePath:            "it asks what there is",
	settingsPath:           "it is Connect's own",
	importPath:             "it ends what was begun where that was possible",
	outageEndPath:          "it ends what was begun where that was possible",
	sendPath:               "it ends what was begun where that was possible",
	triggersPath:           "it suspends and takes away in every standing; its service refuses to resume where nothing fires",
	noticesPath:            "it is Connect's own",
	alertsPath:             "it is Connect's own",
	robotRenewPath:         "it is of one who was connected where that was possible",
	robotCheckPath:         "it is of one who was connected where that was possible",
	robotRemovePath:        "it forgets one who was connected where that was possible",
	auditPath:              "it looks at Connect's own",
	tokensPath:             "it is Connect's own",
	tokensPath + "/revoke": "it is Connect's own",
	DoctorPath:             "it looks; each check knows its standings",
	doctorWatchPath:        "it is Connect's own",
	doctorFixPath:          "it puts on record what people are about to mend; each check knows its standings",
	doctorFixEndPath:       "it looks; each check knows its standings",
	disconnectPath:         "it ends what Connect has, which may be nothing",
	upgradeWithdraw:        "it takes back what was booked where that was possible",
	apiCancelPath:          "it ends what was begun where that was possible",
	upgradeCancel:          "it ends what was begun where that was possible",
	connectPath:            "the tab's: the sign-in that it begins asks for sign-in-users, or for connect-api-user",
	confirmPath:            "the tab's: it answers a sign-in that was begun where that was possible",
	resetPath:              "the tab's: it clears the visitor's own mapping, which he has where he could sign in",
	apiUserPath:            "the tab's: the sign-in that it begins asks for connect-api-user",
	otherUserPath:          "the tab's: it says who visits, and asks what the tab asks",
	guideSystemPath:        "it says whom a guide looks for",
	signOutPath:            "the tab's: it signs somebody out of Connect",
}

// TestEveryFormKnowsItsStandings: each form of the pages says which operation of the table of standings it does, or is known to be
// possible everywhere; and no operation is said of a page that there is not.
func TestEveryFormKnowsItsStandings(t *testing.T) {
	t.Parallel()
	mux := web.NewMux()
	New(Options{}).Mount(mux)
	all := mux.Patterns()
	for _, pattern := range all {
		path, changes := strings.CutPrefix(pattern, "POST ")
		if !changes {
			if !strings.HasPrefix(pattern, "GET ") {
				t.Errorf("%s is neither a page nor a form", pattern)
			}
			continue
		}
		if _, free := everywhere[path]; free == (needs[pattern] != "") {
			t.Errorf("%s: its operation is %q, and that it is possible everywhere is said: %v", pattern, needs[pattern], free)
		}
	}
	for pattern := range needs {
		if !slices.Contains(all, pattern) {
			t.Errorf("there is no %s", pattern)
		}
	}
	for path := range everywhere {
		if !slices.Contains(all, "POST "+path) {
			t.Errorf("there is no form %s", path)
		}
	}
}
