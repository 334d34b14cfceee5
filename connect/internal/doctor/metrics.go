package doctor

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxMeasured is how many connections the metrics tell of.
const maxMeasured = 1000

// WriteMetrics writes how the last round of each connection found it, in Prometheus' text format.
func (s *Rounds) WriteMetrics(ctx context.Context, w io.Writer) error {
	last, err := s.o.Store.LastRounds(ctx, maxMeasured)
	if err != nil {
		return err
	}
	undelivered, err := s.o.Store.Undelivered(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	pairs := slices.Sorted(maps.Keys(last))
	family := func(name, help string, lines func(pair string, r Round) []string) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
		for _, pair := range pairs {
			for _, line := range lines(pair, last[pair]) {
				b.WriteString(name + line + "\n")
			}
		}
	}
	one := func(value func(Round) any) func(string, Round) []string {
		return func(pair string, r Round) []string {
			return []string{fmt.Sprintf("{connection=%s} %v", label(pair), value(r))}
		}
	}
	family("twinspan_doctor_findings", "Findings of the last round, by severity.", func(pair string, r Round) (lines []string) {
		for _, severity := range Severities() {
			lines = append(lines, fmt.Sprintf("{connection=%s,severity=%s} %d", label(pair), label(string(severity)), r.Counts[severity]))
		}
		return lines
	})
	family("twinspan_doctor_state", "1 for the state that the last round found.", func(pair string, r Round) (lines []string) {
		for _, state := range []Condition{Healthy, PartlySeen, Condition(Notice), Condition(Warning), Condition(Error), Unseen} {
			is := 0
			if r.State == state {
				is = 1
			}
			lines = append(lines, fmt.Sprintf("{connection=%s,state=%s} %d", label(pair), label(string(state)), is))
		}
		return lines
	})
	family("twinspan_doctor_unchecked", "Checks that could not be made in the last round.", one(func(r Round) any { return len(r.Unchecked) }))
	family("twinspan_doctor_open", "Checks that find something that counts.", one(func(r Round) any { return len(r.Open) }))
	family("twinspan_doctor_round_timestamp_seconds", "When the last round was made, by the connection's clock.", one(func(r Round) any { return r.At.Unix() }))
	family("twinspan_doctor_round_seconds", "How long the last round took.", one(func(r Round) any { return float64(r.TookMS) / 1000 }))
	b.WriteString("# HELP twinspan_doctor_deliveries Changes of state that were not told yet, or were given up.\n# TYPE twinspan_doctor_deliveries gauge\n")
	for _, state := range slices.Sorted(maps.Keys(undelivered)) {
		fmt.Fprintf(&b, "twinspan_doctor_deliveries{state=%s} %d\n", label(state), undelivered[state])
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// label is a value of a label, in quotes.
func label(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
