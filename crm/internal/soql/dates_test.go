package soql_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
)

// Date literals are worked out where the user lives, on the days when clocks change too.
func TestDateLiterals(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	spring := time.Date(2026, 3, 29, 23, 30, 0, 0, berlin) // a Sunday of 23 hours
	leap := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)   // a Thursday
	for _, c := range []struct {
		now        time.Time
		week       time.Weekday
		text       string
		begin, end string // the span, in UTC
	}{
		{spring, time.Monday, "TODAY", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{spring, time.Monday, "YESTERDAY", "2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z"},
		{spring, time.Monday, "TOMORROW", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"},
		{spring, time.Monday, "THIS_WEEK", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"},
		{spring, time.Sunday, "THIS_WEEK", "2026-03-28T23:00:00Z", "2026-04-04T22:00:00Z"},
		{spring, time.Saturday, "LAST_WEEK", "2026-03-20T23:00:00Z", "2026-03-27T23:00:00Z"},
		{spring, time.Monday, "NEXT_MONTH", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z"},
		{spring, time.Monday, "THIS_QUARTER", "2025-12-31T23:00:00Z", "2026-03-31T22:00:00Z"},
		{leap, time.Monday, "LAST_MONTH", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"},
		{leap, time.Monday, "N_YEARS_AGO:1", "2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"},
		{leap, time.Monday, "N_MONTHS_AGO:12", "2023-02-01T00:00:00Z", "2023-03-01T00:00:00Z"},
		{leap, time.Monday, "LAST_QUARTER", "2023-10-01T00:00:00Z", "2024-01-01T00:00:00Z"},
		{leap, time.Monday, "NEXT_QUARTER", "2024-04-01T00:00:00Z", "2024-07-01T00:00:00Z"},
		{leap, time.Monday, "LAST_N_QUARTERS:5", "2022-10-01T00:00:00Z", "2024-01-01T00:00:00Z"},
		{leap, time.Monday, "N_QUARTERS_AGO:1", "2023-10-01T00:00:00Z", "2024-01-01T00:00:00Z"},
		{leap, time.Monday, "NEXT_N_QUARTERS:2", "2024-04-01T00:00:00Z", "2024-10-01T00:00:00Z"},
		{leap, time.Monday, "LAST_N_DAYS:0", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
		{leap, time.Monday, "LAST_N_DAYS:2", "2024-02-27T00:00:00Z", "2024-03-01T00:00:00Z"},
		{leap, time.Monday, "LAST_90_DAYS", "2023-12-01T00:00:00Z", "2024-03-01T00:00:00Z"},
		{leap, time.Monday, "NEXT_N_DAYS:2", "2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z"},
		{leap, time.Monday, "NEXT_90_DAYS", "2024-03-01T00:00:00Z", "2024-05-30T00:00:00Z"},
		{leap, time.Monday, "LAST_N_WEEKS:1", "2024-02-19T00:00:00Z", "2024-02-26T00:00:00Z"},
		{leap, time.Monday, "NEXT_N_WEEKS:2", "2024-03-04T00:00:00Z", "2024-03-18T00:00:00Z"},
		{leap, time.Monday, "LAST_N_FISCAL_YEARS:2", "2022-01-01T00:00:00Z", "2024-01-01T00:00:00Z"},
		{leap, time.Monday, "NEXT_N_FISCAL_QUARTERS:1", "2024-04-01T00:00:00Z", "2024-07-01T00:00:00Z"},
		{leap, time.Monday, "N_FISCAL_QUARTERS_AGO:1", "2023-10-01T00:00:00Z", "2024-01-01T00:00:00Z"},
		{leap, time.Monday, "THIS_FISCAL_YEAR", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"},
		{leap, time.Monday, "NEXT_N_YEARS:1000000", "2025-01-01T00:00:00Z", "9999-12-31T00:00:00Z"},
		{leap, time.Monday, "LAST_N_YEARS:1000000", "0001-01-01T00:00:00Z", "2024-01-01T00:00:00Z"},
	} {
		context := soql.Context{Schema: org.StandardSchema(), Permissions: all(), Calendar: func() (soql.Calendar, error) {
			return soql.Calendar{Now: c.now, WeekStart: c.week}, nil
		}}
		p, err := context.Parse("SELECT Id FROM Contact WHERE CreatedDate = " + c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		both, ok := p.Where.(soql.All)
		if !ok || len(both) != 2 {
			t.Errorf("%s: %#v", c.text, p.Where)
			continue
		}
		from, to := both[0].(soql.Compare), both[1].(soql.Compare)
		begin, end := from.Value.(time.Time).Format(time.RFC3339), to.Value.(time.Time).Format(time.RFC3339)
		if from.Op != soql.GreaterEq || to.Op != soql.Less || begin != c.begin || end != c.end {
			t.Errorf("%s at %v: %s %s, %s %s; want %s to %s", c.text, c.now, from.Op, begin, to.Op, end, c.begin, c.end)
		}
	}
}
