package mailing_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestRecordID(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"0015000000Gv7qJ": "0015000000Gv7qJAAR", "0015000000Gv7qJAAR": "0015000000Gv7qJAAR", "0015000000Gv7qJaar": "0015000000Gv7qJAAR", "003000000000001": "003000000000001AAA",
		"0015000000Gv7qJAAA": "", "": "", "003": "", "0015000000Gv7q'": "", "0015000000Gv7qJAA": "",
	} {
		if got, ok := mailing.RecordID(raw); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", raw, got, ok, want)
		}
	}
}

func FuzzRecordID(f *testing.F) {
	f.Add("0015000000Gv7qJAAR")
	f.Fuzz(func(t *testing.T, raw string) {
		id, ok := mailing.RecordID(raw)
		again, twice := mailing.RecordID(id)
		if ok && (!twice || again != id || len(id) != 18 || !strings.EqualFold(id[:15], raw[:15])) {
			t.Fatalf("%q: %q, then %q", raw, id, again)
		}
	})
}

func TestAudience(t *testing.T) {
	t.Parallel()
	long := slices.Repeat([]string{"003000000000001"}, mailing.MaxIDs+1)
	for name, c := range map[string]struct {
		kind mailing.Kind
		ids  []string
		want []string // nil where it is refused
	}{
		"contacts once each": {mailing.Contact, []string{"003000000000001", "003000000000001AAA", "003000000000002AAA"}, []string{"003000000000001AAA", "003000000000002AAA"}},
		"leads":              {mailing.Lead, []string{"00Q000000000001"}, []string{"00Q000000000001EAA"}},
		"a campaign":         {mailing.Campaign, []string{"701000000000001"}, []string{"701000000000001AAA"}},
		"a report":           {mailing.Report, []string{"00O000000000001"}, []string{"00O000000000001EAA"}},
		"a data extension":   {mailing.DataExtension, []string{"Spring guests"}, []string{"Spring guests"}},
		"no kind":            {"", []string{"003000000000001"}, nil},
		"nobody":             {mailing.Contact, nil, nil},
		"too many":           {mailing.Contact, long, nil},
		"two campaigns":      {mailing.Campaign, []string{"701000000000001", "701000000000002"}, nil},
		"another object":     {mailing.Contact, []string{"00Q000000000001"}, nil},
		"no id":              {mailing.Contact, []string{"003' OR Id != '"}, nil},
		"no key":             {mailing.DataExtension, []string{" "}, nil},
	} {
		got, err := mailing.Audience{Kind: c.kind, IDs: c.ids}.Check()
		if c.want == nil && fault.CodeOf(err) != mailing.CodeInvalidAudience || c.want != nil && (err != nil || !slices.Equal(got.IDs, c.want)) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
