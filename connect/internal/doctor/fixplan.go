package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// FixPlan is what a fix after a look would do, and what it leaves to people's decision.
type FixPlan struct {
	Mends  []Finding // in the order in which they are made
	Held   []Held    // safe by themselves and not now
	ByHand []Finding // what a person has to decide
	More   int       // mends that are the next fix's
}

// Held is a mend that may not be made now.
type Held struct {
	Finding
	Why string
}

// letIn are the checks that must have nothing against anybody before a mend that comes last, which lets in nobody else.
var letIn = []string{"D05", "D06", "D07"}

// Plan parts what is safe to mend from what a person has to decide. What comes last stands last, and is held back while it would
// shut somebody out, or nobody knows whether it would.
func (r Report) Plan() FixPlan {
	var p FixPlan
	var last []Finding
	for _, f := range r.Findings {
		switch {
		case !f.Mend.Safe():
			p.ByHand = append(p.ByHand, f)
		case f.Mend.Last:
			last = append(last, f)
		default:
			p.Mends = append(p.Mends, f)
		}
	}
	against := r.shutsOut()
	for _, f := range last {
		if against != "" {
			p.Held = append(p.Held, Held{f, against})
		} else {
			p.Mends = append(p.Mends, f)
		}
	}
	if len(p.Mends) > maxMends {
		p.More, p.Mends = len(p.Mends)-maxMends, p.Mends[:maxMends]
	}
	return p
}

// shutsOut says why a mend that comes last may not be made now; "" where it may.
func (r Report) shutsOut() string {
	if at := slices.IndexFunc(r.Findings, func(f Finding) bool { return slices.Contains(letIn, f.Check) }); at >= 0 {
		f := r.Findings[at]
		return fmt.Sprintf("Not now, because it would shut somebody out: %s %s %s. Mend that first.", f.Check, f.Name, f.Subject)
	}
	if at := slices.IndexFunc(r.Unchecked, func(u Unchecked) bool { return slices.Contains(letIn, u.Check) }); at >= 0 {
		return fmt.Sprintf("Not now, because nobody knows whether it would shut somebody out: %s %s", r.Unchecked[at].Check, r.Unchecked[at].Because)
	}
	return ""
}

// Fix reads one; a NotFound fault with CodeNoFix where there is none.
func (s *Service) Fix(ctx context.Context, l link.Link, id string) (Fix, error) {
	return s.own.Fixes.Fix(ctx, l.Pair, id)
}
