package twinspan_test

import (
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

func usage(t *testing.T, s *crm.Session) crm.Usage {
	t.Helper()
	u, err := s.Usage(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A send reads the org as Marketing Cloud Connect and calls Engagement: neither counts against the org's limit.
//
// seed:api S001-05 S002-13 S002-15
func TestASendCostsTheOrgNothing(t *testing.T) {
	t.Parallel()
	p, err := twinspan.New(bounded(t), freePorts(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	r := p.Ready()
	admin := signIn(t, r, r.CRM.Admin)
	contacts, err := admin.Query(bounded(t), "SELECT Id FROM Contact WHERE LastName = 'Marin'")
	if err != nil || len(contacts) != 1 {
		t.Fatalf("%v %v", contacts, err)
	}
	bridge, err := connect.New(r.Connect.URL, vault.Secret(r.Connect.APIToken), nil)
	if err != nil {
		t.Fatal(err)
	}
	exempt := func(u crm.Usage) (n int64) {
		for _, h := range u.Hours {
			n += h.Exempt
		}
		return n
	}
	before := usage(t, admin)
	if _, err := bridge.SendTriggered(bounded(t), contacts[0].String("Id"), "welcome", "meter-1"); err != nil {
		t.Fatal(err)
	}
	after := usage(t, admin)
	if after.Used != before.Used+1 { // the reading itself
		t.Errorf("a send costs %d calls", after.Used-before.Used-1)
	}
	if exempt(after) <= exempt(before) {
		t.Errorf("the connector's own calls: %d, then %d", exempt(before), exempt(after))
	}
}

// A process that is killed takes no call with it; what it held unused stays counted.
func TestAKillNeverLowersTheCount(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data", t.TempDir(), "--log-level", "error"}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			least, most := int64(0), int64(1<<40) // as the last life left it
			for life := range 3 {
				server := spawn.Up(t, args...)
				r, err := twinspan.ReadReady(server.ReadyFile)
				if err != nil {
					t.Fatal(err)
				}
				admin := signIn(t, r, r.CRM.Admin)
				u := usage(t, admin)
				if u.Used < least+1 || u.Used > most+1 {
					t.Errorf("life %d begins with %d, after %d to %d", life, u.Used, least, most)
				}
				const calls = 37
				for range calls {
					if _, err := admin.GetRecord(bounded(t), "User", r.CRM.OrgID); err == nil {
						t.Fatal("an org is no user")
					}
				}
				server.Kill(t)
				least = u.Used + calls
				most = least + 100
			}
		})
	}
}
