package trigger_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

func at(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }

// TestFires: on which states of a record a trigger fires.
func TestFires(t *testing.T) {
	t.Parallel()
	seen := func(minute int, met bool) *trigger.Seen { return &trigger.Seen{Modstamp: at(minute), Met: met} }
	for name, c := range map[string]struct {
		created, modified int
		met               bool
		before            *trigger.Seen
		want              []trigger.On // active since minute 10
	}{
		"made":                        {12, 12, true, nil, []trigger.On{trigger.Insert, trigger.Either, trigger.Subsequently}},
		"made and changed at once":    {12, 13, true, nil, []trigger.On{trigger.Insert, trigger.Either, trigger.Subsequently}},
		"made, criteria do not hold":  {12, 12, false, nil, nil},
		"old, changed":                {5, 12, true, nil, []trigger.On{trigger.Update, trigger.Either, trigger.Subsequently}},
		"changed again":               {5, 14, true, seen(12, true), []trigger.On{trigger.Update, trigger.Either}},
		"changed so that they hold":   {5, 14, true, seen(12, false), []trigger.On{trigger.Update, trigger.Either, trigger.Subsequently}},
		"changed, made since":         {11, 14, true, seen(12, true), []trigger.On{trigger.Update, trigger.Either}},
		"read again":                  {5, 12, true, seen(12, true), nil},
		"read again, older":           {5, 11, true, seen(12, true), nil},
		"changed, criteria left open": {5, 14, false, seen(12, true), nil},
	} {
		for _, on := range []trigger.On{trigger.Insert, trigger.Update, trigger.Either, trigger.Subsequently} {
			want := false
			for _, w := range c.want {
				want = want || w == on
			}
			if got := (trigger.Trigger{On: on, ActiveSince: at(10)}).Fires(at(c.created), at(c.modified), c.met, c.before); got != want {
				t.Errorf("%s, %s: %v", name, on, got)
			}
		}
	}
}

func TestMet(t *testing.T) {
	t.Parallel()
	record := crm.Record{"Status": "Open", "Amount": json.Number("90.5"), "IsActive": true, "CloseDate": "2026-03-01", "Name": nil}
	for _, c := range []struct {
		field, operator, value string
		want                   bool
	}{
		{"Status", "equals", "open", true},
		{"Status", "equals", "Closed", false},
		{"Status", "not_equal", "Closed", true},
		{"Status", "contains", "PE", true},
		{"Status", "starts_with", "Op", true},
		{"Amount", "greater_than", "100", false},
		{"Amount", "greater_than", "9", true},
		{"Amount", "equals", "90.50", true},
		{"Amount", "less_than", "100", true},
		{"IsActive", "equals", "true", true},
		{"IsActive", "equals", "false", false},
		{"CloseDate", "less_than", "2026-03-02", true},
		{"CloseDate", "greater_than", "2026-03-02", false},
		{"Name", "equals", "", true},
		{"Name", "not_equal", "", false},
		{"Name", "less_than", "z", false},
	} {
		trg := trigger.Trigger{Criteria: []trigger.Criterion{{Field: c.field, Operator: c.operator, Value: c.value}}}
		if got := trg.Met(record); got != c.want {
			t.Errorf("%s %s %q: %v", c.field, c.operator, c.value, got)
		}
	}
	both := trigger.Trigger{Criteria: []trigger.Criterion{{Field: "Status", Operator: "equals", Value: "Open"}, {Field: "IsActive", Operator: "equals", Value: "false"}}}
	if both.Met(record) {
		t.Error("one criterion of two is enough")
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	good := trigger.Trigger{Name: "Cases", Object: "Case", On: trigger.Either, PersonField: "ContactId", DelayHours: 720, DefinitionKey: "welcome"}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*trigger.Trigger){
		"name": func(v *trigger.Trigger) { v.Name = "a\nb" }, "object": func(v *trigger.Trigger) { v.Object = "Case WHERE" }, "on": func(v *trigger.Trigger) { v.On = "delete" },
		"delay_hours": func(v *trigger.Trigger) { v.DelayHours = 721 }, "person_field": func(v *trigger.Trigger) { v.PersonField = "" },
		"criteria":       func(v *trigger.Trigger) { v.Criteria = []trigger.Criterion{{Field: "Id' OR", Operator: "equals"}} },
		"definition_key": func(v *trigger.Trigger) { v.DefinitionKey = "" },
	} {
		bad := good
		change(&bad)
		if err := bad.Check(); fault.Of(err).Field != field || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", field, err)
		}
	}
	late := good
	late.DelayHours = 721
	if err := late.Check(); fault.Of(err).Message != "Hours Delayed cannot exceed 720." { // connect-facts 5.4
		t.Errorf("too late: %v", err)
	}
}
