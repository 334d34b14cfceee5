package explain_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/explain"
)

// TestReferences: what the references say that the clouds refuse with is explained, section by section: the code alone, the
// text alone, and both in one as an answer has them, with names in place of what differs.
func TestReferences(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/references.tsv")
	if err != nil {
		t.Fatal(err)
	}
	sections, n := map[string]bool{}, 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(cells) != 3 || cells[1]+cells[2] == "" {
			t.Errorf("%q", line)
			continue
		}
		section, code, says := cells[0], cells[1], strings.ReplaceAll(cells[2], "{}", "Müller & Söhne")
		sections[section] = true
		n++
		of := func(all []explain.Explanation) bool {
			if len(all) == 0 {
				return false
			}
			return code == "" || all[0].Code == code || strings.Contains(all[0].Code, "-")
		}
		if code != "" && !of(explain.Find(code)) {
			t.Errorf("%s: %s is not explained: %+v", section, code, explain.Find(code))
		}
		if says != "" && len(explain.Find(says)) == 0 {
			t.Errorf("%s: %q is not explained", section, says)
		}
		if code == "" || says == "" {
			continue
		}
		for _, whole := range []string{
			code + ": " + says,
			`{"error":"` + code + `","error_description":"` + says + `"}`,
			`[{"message":"` + strings.ReplaceAll(says, `"`, `\"`) + `","errorCode":"` + code + `"}]`,
			`{"documentation":"https://developer.salesforce.com/docs","errorcode":` + code + `,"message":"` + says + `"}`,
			"The org refused: " + code + ": " + says,
		} {
			if all := explain.Find(whole); !of(all) {
				t.Errorf("%s: %s: %+v", section, whole, all)
			}
		}
	}
	if n < 250 || len(sections) < 30 {
		t.Errorf("%d refusals of %d sections", n, len(sections))
	}
}

// TestNear: what nobody knows is said to be near to something, where it is.
func TestNear(t *testing.T) {
	t.Parallel()
	for met, want := range map[string]string{
		"invalid_app_acces":                 "invalid_app_access",
		"INVALID_LOGON":                     "INVALID_LOGIN",
		"User hasnt approved this consumer": "invalid_grant",
		"tenant_oauth_endpoint_off":         "tenant_oauth_endpoints_off",
	} {
		if len(explain.Find(met)) > 0 {
			t.Errorf("%s is known", met)
		}
		near := explain.Near(met)
		if len(near) == 0 || near[0].Code != want {
			t.Errorf("%s: %+v", met, near)
		}
	}
	for _, far := range []string{"", "x", "qqqqqq wwwwww", strings.Repeat("y", 5000)} {
		if near := explain.Near(far); len(near) > 0 {
			t.Errorf("%.20q: %+v", far, near)
		}
	}
}

// FuzzFind: whatever was met, there is an answer and no more of it than the table has.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{"", "invalid_grant", `{"error":"x"}`, "11: {}", "17000-17107", "\x00\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, met string) {
		if len(met) > 4000 {
			return
		}
		if n := len(explain.Find(met)); n > len(explain.All()) {
			t.Errorf("%d", n)
		}
		if n := len(explain.Near(met)); n > 5 {
			t.Errorf("%d", n)
		}
	})
}

// TestWays: the heading of every explanation, by which links lead to it, finds it.
func TestWays(t *testing.T) {
	t.Parallel()
	for _, e := range explain.All() {
		same := func(other explain.Explanation) bool { return other.Code == e.Code && other.Text == e.Text }
		if !slices.ContainsFunc(explain.Find(e.Head()), same) {
			t.Errorf("%q does not find its own explanation: %+v", e.Head(), explain.Find(e.Head()))
		}
	}
	for _, c := range [][3]string{
		{"invalid_grant", "user hasn't approved this consumer", "met=invalid_grant%3A+user+hasn%27t+approved+this+consumer"},
		{"INVALID_TYPE", "sObject type 'Secret__c' is not supported.", "met=INVALID_TYPE"},
		{"", "Failed: Not approved for access", "met=Failed%3A+Not+approved+for+access"},
	} {
		if way := explain.Way(c[0], c[1]); way != explain.Path+"?"+c[2] {
			t.Errorf("%s: %s", c[0], way)
		}
	}
	if way := explain.Way("", "what nobody says"); way != explain.Path {
		t.Error(way)
	}
}
