package cli

import (
	"testing"

	"github.com/twinspan/twinspan/internal/client/crm"
)

func TestParseHours(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*crm.Hours{
		"always": nil, "never": {}, "08:00-18:00": {Start: 480, End: 1080}, "0:00-24:00": {End: 1440}, "23:59-24:00": {Start: 1439, End: 1440},
	} {
		got, err := parseHours(text)
		if err != nil || (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "8-18", "18:00-08:00", "08:00-08:00", "08:00", "24:01-24:02", "08:60-09:00", "-1:00-02:00", "08:0-09:00", "008:00-09:00", "08:00-18:00-19:00"} {
		if got, err := parseHours(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAPIName(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]string{
		"Order Desk": "Order_Desk", "  a -- b__c ": "a_b_c", "2 apps": "X2_apps", "Bestellungen für alle": "Bestellungen_f_r_alle", "*": "",
	} {
		if got := apiName(label); got != want {
			t.Errorf("%q: %q, want %q", label, got, want)
		}
	}
}
