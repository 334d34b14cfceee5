package migration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/internal/fault"
)

// Auto-connection is offered for 14 times 24 hours after Connect Account succeeded, the last second included, while
// somebody is left. Summer time does not move it.
//
// seed:api S003-30 S003-32
func TestOffer(t *testing.T) {
	t.Parallel()
	upgraded := time.Date(2016, time.March, 5, 3, 4, 5, 0, time.UTC)
	legacy := link.Link{Org: link.OrgSpan{Driver: link.Password}}
	byKey := link.Link{Org: link.OrgSpan{Driver: link.JWT}}
	l := byKey
	l.UpgradedAt = upgraded
	end := upgraded.Add(14 * 24 * time.Hour)
	for name, c := range map[string]struct {
		l     link.Link
		users int
		now   time.Time
		code  fault.Code
	}{
		"by password":        {legacy, 0, upgraded, migration.CodeNotUpgraded},
		"never by password":  {byKey, 0, upgraded, migration.CodeNobody},
		"connected anew":     {byKey, 2, upgraded, migration.CodeNotUpgraded},
		"at once":            {l, 2, upgraded, ""},
		"all reconnected":    {l, 0, upgraded, migration.CodeNobody},
		"a second before":    {l, 1, end.Add(-time.Second), ""},
		"the last second":    {l, 1, end, ""},
		"its last moment":    {l, 1, end.Add(999 * time.Millisecond), ""},
		"over":               {l, 1, end.Add(time.Second), migration.CodeOver},
		"over, and all done": {l, 0, end.Add(time.Hour), migration.CodeNobody},
	} {
		o := migration.Decide(c.l, c.users, c.now)
		if o.Code != c.code || o.Available() != (c.code == "") || fault.CodeOf(o.Refusal()) != c.code {
			t.Errorf("%s: %+v, %v", name, o, o.Refusal())
		}
	}
	err := migration.Decide(l, 1, end.Add(time.Minute)).Refusal()
	if !strings.Contains(err.Error(), "2016-03-19T03:04:05Z") {
		t.Errorf("it does not say when it ended: %v", err)
	}
}
