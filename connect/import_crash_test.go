package connect_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	connectclient "github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestImportIsKilled: Connect is killed with -9 in the middle of an import, after a random number of calls to clouds that spoil some.
// However often that happens, everybody of the list ends mapped once or listed as failed with the reason; who is mapped has a grant and a handle
// in the User field, nobody else has either; and each has his outcome on record once. An import of the same list afterwards finds
// everybody as he is. make soak does all of it many times.
func TestImportIsKilled(t *testing.T) {
	t.Parallel()
	const kills = 4 // fewer than a job may be started
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			users := 60 * (kills + 1)
			w, _ := crowdWorld(t, kind, users)
			w.org.Install(5, 400)
			list, refused := refusing(w, users)
			key := linktest.KeyFile(t)
			if err := w.bridge.Close(); err != nil {
				t.Fatal(err)
			}
			var left atomic.Int64 // calls until the next kill
			var moment atomic.Pointer[chan struct{}]
			spoiling := func(rw http.ResponseWriter, r *http.Request) bool {
				if left.Add(-1) == 0 {
					close(*moment.Load())
				}
				if rand.IntN(40) == 0 {
					w.tenant.DropTokens() // before their time, and sometimes twice while one call is under way
				}
				return rand.IntN(3) == 0 && spoil(rw, r)
			}
			arm := func() <-chan struct{} {
				c := make(chan struct{})
				moment.Store(&c)
				left.Store(1 + rand.Int64N(150))
				return c
			}
			w.org.Before(spoiling)
			w.tenant.Before(spoiling)
			w.org.Lose(lose)
			w.tenant.Lose(lose)
			p := w.spawn(t, key)
			now := arm()
			i, err := p.StartImport(t.Context(), list, "olga", "first")
			if err != nil {
				t.Fatal(err)
			}
			for range kills {
				select {
				case <-now:
				case <-t.Context().Done():
					t.Fatal("the import makes no more calls")
				}
				p.kill()
				w.freeLeases(t)
				now = arm()
				p = w.spawn(t, key)
			}
			left.Store(0)
			first := importEnd(t, p.Client, i.ID)
			w.org.Before(nil)
			w.tenant.Before(nil)
			w.org.Lose(nil)
			w.tenant.Lose(nil)
			w.checkImport(t, p.Client, first, users, refused)

			if i, err = p.StartImport(t.Context(), list, "olga", "second"); err != nil {
				t.Fatal(err)
			}
			second := importEnd(t, p.Client, i.ID)
			w.checkImport(t, p.Client, second, users, refused)
			if second.Failed != len(refused) {
				t.Errorf("the second time %d failed, want the %d whom a cloud refuses", second.Failed, len(refused))
			}
			before := 0
			eachLine(t, p.Client, second.ID, func(l connectclient.ImportLine) {
				if l.Code == "mapped_before" {
					before++
				}
			})
			if before != first.Mapped {
				t.Errorf("the second time %d were mapped before, want the %d of the first", before, first.Mapped)
			}
			p.kill()
			w.freeLeases(t)
			w.open(t)
			w.wantImported(t, 2, 2*users)
			t.Logf("%d users, %d kills, %d mapped, %d failed", users, kills, first.Mapped, first.Failed)
		})
	}
}

// refusing is the list of a crowd of which some are refused: before anything is made for them, or after their grant is.
func refusing(w *world, users int) (list string, refused map[string]bool) {
	var b strings.Builder
	b.WriteString("crm_username,engagement_username,mid\n")
	refused = map[string]bool{}
	for n := range users {
		org, tenant, mid := fmt.Sprintf("u%d@org.example", n), fmt.Sprintf("u%d.mc", n), ""
		switch n % 10 {
		case 3:
			w.tenant.Integrate(tenant, "somebody-else@org.example")
		case 5:
			mid = "999" // no business unit of his
		case 7:
			w.org.Forget(org)
		}
		refused[org] = n%10 == 3 || n%10 == 5 || n%10 == 7
		if !refused[org] {
			delete(refused, org)
		}
		fmt.Fprintf(&b, "%s,%s,%s\n", org, tenant, mid)
	}
	return b.String(), refused
}

// importEnd waits until an import is over.
func importEnd(t *testing.T, cl *connectclient.Client, id string) connectclient.Import {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 15_000 {
		i, err := cl.Import(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if i.Over() {
			return i
		}
		<-tick.C
	}
	t.Fatal("the import does not end")
	return connectclient.Import{}
}

// eachLine gives the lines of an import.
func eachLine(t *testing.T, cl *connectclient.Client, id string, each func(connectclient.ImportLine)) {
	t.Helper()
	err := cl.ImportLines(t.Context(), id, func(lines []connectclient.ImportLine) error {
		for _, l := range lines {
			each(l)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkImport holds what an import says came of users to their mappings, the clouds, and the record.
func (w *world) checkImport(t *testing.T, cl *connectclient.Client, i connectclient.Import, users int, refused map[string]bool) {
	t.Helper()
	if i.State != "done" || i.Total != users || i.Mapped+i.Failed != users || i.Failed < len(refused) {
		t.Errorf("import: %+v", i)
	}
	all, err := cl.Users(t.Context(), "mapped")
	if err != nil {
		t.Fatal(err)
	}
	owner := map[string]string{}
	for _, u := range all {
		owner[u.CRMUsername] = u.EngagementUsername
	}
	lines := 0
	eachLine(t, cl, i.ID, func(l connectclient.ImportLine) {
		lines++
		done, tenant := l.Status == "done", strings.TrimSuffix(l.CRMUsername, "@org.example")+".mc"
		switch {
		case !done && (l.Status != "failed" || l.Code == "" || l.Reason == ""):
			t.Errorf("no outcome: %+v", l)
		case done && refused[l.CRMUsername]:
			t.Errorf("a cloud refuses him: %+v", l)
		case !done && !refused[l.CRMUsername] && l.Attempts < 8:
			t.Errorf("failed too early: %+v", l)
		case done != (owner[l.CRMUsername] == tenant):
			t.Errorf("he is mapped to %q: %+v", owner[l.CRMUsername], l)
		case w.tenant.Granted(tenant) != done && !strings.Contains(l.Reason, "A grant of "):
			t.Errorf("he has a grant: %t: %+v", !done, l)
		}
		id := fmt.Sprintf("0050000000%05dAAA", 10_000+number(l.CRMUsername))
		if handle := w.org.Field(id) != ""; handle != done && !strings.Contains(l.Reason, "Something may be left ") {
			t.Errorf("he has a handle in the User field: %t: %+v", handle, l)
		}
	})
	if lines != users || len(owner) != i.Mapped {
		t.Errorf("%d lines of %d, and %d users mapped: %+v", lines, users, len(owner), i)
	}
	if v, err := cl.VerifyAudit(t.Context(), ""); err != nil || v.Problem != "" {
		t.Errorf("the audit chain: %+v, %v", v, err)
	}
}

// number is that of a user of a crowd.
func number(username string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(username, "u"), "@org.example"))
	return n
}
