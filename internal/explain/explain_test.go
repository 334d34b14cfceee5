package explain_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/explain"
)

// root is the root of the repository.
const root = "../.."

func TestFind(t *testing.T) {
	t.Parallel()
	for met, want := range map[string]string{
		"invalid_app_access": "D06",
		"invalid_app_access: user is not admin approved to access this app": "D06",
		"the org refused: invalid_app_access: this app is blocked by admin": "D35",
		"User hasn't approved this consumer":                                "D02",
		"Failed: Not approved for access":                                   "D06",
		"expired access/refresh token":                                      "D04",
		"Audience validation failed":                                        "T01",
		"authentication failure":                                            "T06",
		"Username-Password Flow Disabled":                                   "T07",
		"INVALID_LOGIN":                                                     "D08",
		"LOGIN_MUST_USE_SECURITY_TOKEN":                                     "T06",
		"1708":                                                              "D25",
		"app must be installed into org":                                    "D35",
		"An internal server error has occurred":                             "D18",
		"login denied":                                                      "D30",
		"Insufficient User Permissions. You have not been designated as an integrated Marketing Cloud user. Please": "D12",
		"Missing_OAuth_Token":              "D24",
		"Hours Delayed cannot exceed 720.": "",
		"An Email Send or Triggered Send Definition (but not both) must be assigned": "",
		"login_denied":      "D30",
		"connection_copied": "D34",
	} {
		all := explain.Find(met)
		if len(all) == 0 {
			t.Errorf("%q is not explained", met)
			continue
		}
		if want != "" && !slices.Contains(all[0].Checks, want) {
			t.Errorf("%q: %+v, not %s", met, all[0], want)
		}
	}
	for _, none := range []string{"", "x", "no_such_code_anywhere", "_", "grant"} {
		if all := explain.Find(none); len(all) != 0 {
			t.Errorf("%q: %+v", none, all)
		}
	}
}

// TestRowsAreWhole: every row says where, why and what to do.
func TestRowsAreWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, e := range explain.All() {
		if e.Code+e.Text == "" || e.Where == "" || e.Cause == "" || e.Mend == "" || e.Source == "" {
			t.Errorf("%+v", e)
		}
		key := e.Code + "|" + e.Text + "|" + e.Where
		if seen[key] {
			t.Errorf("%s stands twice", key)
		}
		seen[key] = true
	}
	if len(seen) < 200 {
		t.Errorf("%d rows", len(seen))
	}
}

// The codes that callers meet, in the tables of the edges: {400, "INVALID_TYPE"}, "INVALID_SESSION_ID" by a code inside.
var (
	inTable  = regexp.MustCompile(`\{(?:\d{3}|http\.Status\w+|0), "([A-Za-z_]+)"`)
	inNumber = regexp.MustCompile(`\{(?:\d{3}|http\.Status\w+), (\d+)\}`)
	byCode   = regexp.MustCompile(`(?:Code\w+|code\w+|fault\.\w+): +"([A-Z][A-Z_]+)"`)
	ofSOAP   = regexp.MustCompile(`(?:login|unexpected)Fault\("([A-Z_]+)"`)
	halted   = regexp.MustCompile(`ErrorCode: "([A-Z_]+)"`)
	ofBulk   = regexp.MustCompile(`code, message = "([A-Z_]+)"`)
	ofResult = regexp.MustCompile(`CodePasswordExpired = "(\w+)"`)
	ofFault  = regexp.MustCompile(`fault\.Code += +"([a-z_]+)"`)
	ofStatus = regexp.MustCompile(`Status\w+ += "([A-Z][^"]+)"`)
	ofOAuth  = regexp.MustCompile(`Err\w+ += "([a-z_]+)"`)
)

// sources are the files in which the codes stand that callers meet.
var sources = []struct {
	path string
	re   *regexp.Regexp
}{
	{"crm/internal/rest/errors.go", inTable},
	{"crm/internal/rest/errors.go", byCode},
	{"crm/internal/rest/composite.go", halted},
	{"crm/internal/bulk/worker.go", ofBulk},
	{"crm/internal/login/wire.go", inTable},
	{"crm/internal/login/soap.go", ofSOAP},
	{"internal/client/crm/soap.go", ofResult},
	{"crm/internal/metadata/metadata.go", byCode},
	{"crm/internal/org/loginhistory.go", ofStatus},
	{"engagement/internal/login/errors.go", inNumber},
	{"engagement/internal/rest/errors.go", inNumber},
	{"internal/oauth/oauth.go", ofOAuth},
}

// TestCodesOfRealOrgs: what the embedded org never says and a real one may is explained too (crm-wire 1.3, 2, 3.3, 7).
func TestCodesOfRealOrgs(t *testing.T) {
	t.Parallel()
	for _, code := range strings.Fields(`API_DISABLED_FOR_ORG CLIENT_NOT_ACCESSIBLE_FOR_USER CLIENT_REQUIRE_UPDATE_FOR_USER INVALID_SSO_GATEWAY_URL LOGIN_CHALLENGE_ISSUED
		LOGIN_CHALLENGE_PENDING MUTUAL_AUTHENTICATION_FAILED ORG_LOCKED PORTAL_NO_ACCESS TRIAL_EXPIRED UNSUPPORTED_CLIENT OAUTH_EC_APP_NOT_FOUND CROSS_ORG_OAUTH_DENIED MULTIPLE_API_ERRORS`) {
		if len(explain.Find(code)) == 0 {
			t.Errorf("%s is not explained", code)
		}
	}
	// As the CLI prints it.
	if len(explain.Find("The org refused: passwordExpired: the user's password has expired.")) == 0 {
		t.Error("an expired password is not explained")
	}
}

// TestEveryCodeIsExplained: whatever the clouds and Connect can refuse with has a row.
func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, e := range explain.All() {
		known[e.Code], known[e.Text] = true, true
	}
	check := func(path string, re *regexp.Regexp) int {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
			return 0
		}
		found := re.FindAllStringSubmatch(string(text), -1)
		for _, m := range found {
			if !known[m[1]] {
				t.Errorf("%s: %s is not explained: give it a row of explanations.tsv", path, m[1])
			}
		}
		return len(found)
	}
	for _, s := range sources {
		if check(s.path, s.re) == 0 {
			t.Errorf("%s has no codes any more: where are they now?", s.path)
		}
	}
	err := filepath.WalkDir(filepath.Join(root, "connect"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			rel, _ := filepath.Rel(root, path)
			check(rel, ofFault)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	check("internal/client/client.go", ofFault)
}
