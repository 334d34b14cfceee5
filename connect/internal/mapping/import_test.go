package mapping_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestParseImport(t *testing.T) {
	t.Parallel()
	lines, err := mapping.ParseImport([]byte("\xef\xbb\xbfMID,crm_username , engagement_username\r\n" +
		"7,ann@x.example,ann.mc\r\n" +
		",\"bob@x.example\",\" bob.mc \"\r\n" +
		"x,cid@x.example,cid.mc\r\n" +
		",ANN@X.example,other.mc\r\n" +
		",dan@x.example,Ann.MC\r\n" +
		",,eve.mc\r\n" +
		"-3,eve@x.example,eve.mc\r\n" +
		",\x1b]0;fay\x07\u0085@x.example,fay.mc\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, l := range lines {
		if l.Position != i+1 || (l.Status == mapping.LineFailed) != (l.Reason != "") {
			t.Errorf("%+v", l)
		}
		got = append(got, fmt.Sprintf("%s %s %d %s %s", l.CRMUsername, l.EngagementUsername, l.MID, l.Status, l.Code))
	}
	want := []string{
		"ann@x.example ann.mc 7 planned ", "bob@x.example bob.mc 0 planned ", "cid@x.example cid.mc 0 failed invalid_account_id",
		"ANN@X.example other.mc 0 failed duplicate_line", "dan@x.example Ann.MC 0 failed duplicate_line",
		" eve.mc 0 failed user_required", "eve@x.example eve.mc 0 failed invalid_account_id", " ]0;fay  @x.example fay.mc 0 failed user_required",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	for name, text := range map[string]string{
		"empty":          "",
		"no head":        "ann@x.example,ann.mc\n",
		"nobody":         "crm_username,engagement_username\n",
		"other column":   "crm_username,engagement_username,password\nann@x.example,ann.mc,secret\n",
		"column twice":   "crm_username,crm_username,engagement_username\na,b,c\n",
		"missing field":  "crm_username,engagement_username,mid\nann@x.example,ann.mc\n",
		"unclosed quote": "crm_username,engagement_username\n\"ann@x.example,ann.mc\n",
		"bare quote":     "crm_username,engagement_username\nann\"@x.example,ann.mc\n",
		"not UTF-8":      "crm_username,engagement_username\nann\xff@x.example,ann.mc\n",
		"too long":       "crm_username,engagement_username\n" + strings.Repeat("a", mapping.MaxImport),
		"too many":       "crm_username,engagement_username\n" + strings.Repeat("a@b.example,c\n", mapping.MaxImportLines+1),
	} {
		if _, err := mapping.ParseImport([]byte(text)); fault.CodeOf(err) != mapping.CodeInvalidCSV {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseImport(f *testing.F) {
	for _, s := range []string{
		"crm_username,engagement_username,mid\nann@x.example,ann.mc,7\n", "crm_username,engagement_username\r\n\"a\"\"b\",c\r\n", "\xef\xbb\xbfmid,crm_username,engagement_username\n,,\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines, err := mapping.ParseImport(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%v", err)
			}
			return
		}
		planned := map[string]bool{}
		for i, l := range lines {
			key := strings.ToLower(l.CRMUsername)
			switch {
			case l.Position != i+1 || l.MID < 0 || len(l.CRMUsername) > 255 || len(l.EngagementUsername) > 255 || strings.ContainsAny(l.CRMUsername+l.EngagementUsername, "\n\x00"):
				t.Fatalf("%+v", l)
			case l.Status == mapping.LineFailed && (l.Code == "" || l.Reason == ""):
				t.Fatalf("failed without a reason: %+v", l)
			case l.Status == mapping.LinePlanned && planned[key]:
				t.Fatalf("planned twice: %+v", l)
			}
			if l.Status == mapping.LinePlanned {
				planned[key] = true
			}
		}
	})
}
