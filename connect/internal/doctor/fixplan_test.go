package doctor_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/doctor"
)

// TestPlan: what is safe is planned in an order in which nobody is shut out, and the rest is left to a person.
func TestPlan(t *testing.T) {
	t.Parallel()
	safe, last := doctor.Mend{By: doctor.OrgAdmin, Effect: "Gives it."}, doctor.Mend{By: doctor.OrgAdmin, Last: true}
	r := doctor.Report{Findings: []doctor.Finding{
		{Check: "D02", Name: "Permitted Users", Mend: last}, {Check: "D07", Name: "assigned", Subject: "maya@org", Mend: safe}, {Check: "D35", Name: "blocked"},
	}}
	p := r.Plan()
	if len(p.Mends) != 1 || p.Mends[0].Check != "D07" || len(p.Held) != 1 || !strings.Contains(p.Held[0].Why, "would shut somebody out: D07 assigned maya@org") || len(p.ByHand) != 1 {
		t.Errorf("%+v", p)
	}
	r.Findings[1].Check = "D03"
	if p = r.Plan(); len(p.Mends) != 2 || p.Mends[1].Check != "D02" || len(p.Held) != 0 {
		t.Errorf("where nobody is shut out: %+v", p)
	}
	r.Unchecked = []doctor.Unchecked{{Check: "D06", Because: "the org hides it"}}
	if p = r.Plan(); len(p.Held) != 1 || !strings.Contains(p.Held[0].Why, "nobody knows") {
		t.Errorf("where nobody knows: %+v", p)
	}
	r = doctor.Report{}
	for range 201 {
		r.Findings = append(r.Findings, doctor.Finding{Check: "D11", Mend: safe})
	}
	if p = r.Plan(); len(p.Mends) != 200 || p.More != 1 {
		t.Errorf("%d, %d more", len(p.Mends), p.More)
	}
}
