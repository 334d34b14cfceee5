package org_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// directory is a Directory that counts questions and can hold an answer back.
type directory struct {
	org.Directory // of methods that a test does not use
	shared        bool
	asked         atomic.Int64
	mu            sync.Mutex
	user          org.User
	hold          func() // called between reading and answering
}

func (d *directory) Shared() bool { return d.shared }

func (d *directory) UserByID(_ context.Context, orgID, _ org.ID) (org.User, error) {
	d.asked.Add(1)
	d.mu.Lock()
	u, hold := d.user, d.hold
	d.mu.Unlock()
	if hold != nil {
		hold()
	}
	u.Org = orgID
	return u, nil
}

func (d *directory) OrgByID(_ context.Context, orgID org.ID) (org.Org, error) {
	return org.Org{ID: orgID}, nil
}

func (d *directory) UserByUsername(ctx context.Context, _ string) (org.User, error) {
	return d.UserByID(ctx, d.user.Org, d.user.ID)
}

func (d *directory) AppByConsumerKey(_ context.Context, key string) (org.ConnectedApp, error) {
	d.asked.Add(1)
	if key == "missing" {
		return org.ConnectedApp{}, fault.New(fault.NotFound, org.CodeNotFound, "none")
	}
	return org.ConnectedApp{Org: "o", ID: "a", ConsumerKey: key, Certificate: "PEM"}, nil
}

func (d *directory) set(name string, hold func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.user.Name, d.hold = name, hold
}

type noGrants struct{ org.GrantStore }

func known(d *directory, machine func() time.Time) *org.Known {
	return org.NewKnown(d, noGrants{}, machine, func(pem string) (*rsa.PublicKey, error) {
		if pem != "PEM" {
			return nil, errors.New("no certificate")
		}
		return &rsa.PublicKey{}, nil
	})
}

func name(t *testing.T, k *org.Known, orgID org.ID) string {
	t.Helper()
	u, err := k.UserByID(t.Context(), orgID, "u")
	if err != nil {
		t.Fatal(err)
	}
	return u.Name
}

func TestKnownBelievesUntilSetupChanges(t *testing.T) {
	t.Parallel()
	d := &directory{}
	k := known(d, time.Now)
	d.set("one", nil)
	name(t, k, "a")
	name(t, k, "b")
	d.set("two", nil)
	if got := name(t, k, "a"); got != "one" || d.asked.Load() != 2 {
		t.Errorf("%q after %d questions, want the remembered answer", got, d.asked.Load())
	}
	k.SetupChanged("a")
	if got := name(t, k, "a"); got != "two" {
		t.Errorf("%q after a change", got)
	}
	if got := name(t, k, "b"); got != "one" {
		t.Errorf("%q: another org's change reached b", got)
	}
}

func TestKnownDoesNotKeepWhatWasReadBeforeAChange(t *testing.T) {
	t.Parallel()
	d := &directory{}
	k := known(d, time.Now)
	d.set("old", func() { d.set("new", nil); k.SetupChanged("a") }) // the change comes while the old value is on its way
	if got := name(t, k, "a"); got != "old" {
		t.Fatalf("%q", got)
	}
	if got := name(t, k, "a"); got != "new" {
		t.Errorf("%q: the stale answer was kept", got)
	}
}

func TestKnownBelievesForASecondWhereOthersWrite(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	d := &directory{shared: true}
	k := known(d, func() time.Time { return now })
	d.set("one", nil)
	name(t, k, "a")
	d.set("two", nil)
	now = now.Add(999 * time.Millisecond)
	if got := name(t, k, "a"); got != "one" {
		t.Errorf("%q within the second", got)
	}
	now = now.Add(time.Millisecond)
	if got := name(t, k, "a"); got != "two" {
		t.Errorf("%q after a second", got)
	}
}

func TestKnownRemembersKeysAndForgetsMisses(t *testing.T) {
	t.Parallel()
	d := &directory{}
	k := known(d, time.Now)
	for range 2 {
		if _, err := k.AppByConsumerKey(t.Context(), "missing"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("missing app: %v", err)
		}
	}
	if d.asked.Load() != 2 {
		t.Error("a miss was remembered")
	}
	a, err := k.AppByConsumerKey(t.Context(), "key")
	b, _ := k.AppByConsumerKey(t.Context(), "key")
	if err != nil || a != b || a.Key == nil {
		t.Errorf("app %p %p, key %v, %v", a, b, a.Key, err)
	}
	cli, err := k.AppByConsumerKey(t.Context(), org.PlatformCLIKey)
	if err != nil || cli.Org != "" || cli.In("o").Org != "o" || !cli.AlwaysAsks() || a.AlwaysAsks() || a.In("x").Org != "o" {
		t.Errorf("PlatformCLI %+v, %v", cli, err)
	}
	if again, err := k.AppByID(t.Context(), "o", cli.ID); err != nil || again.ConsumerKey != org.PlatformCLIKey || again.Org != "o" {
		t.Errorf("PlatformCLI by id: %+v, %v", again, err)
	}
	if id, err := org.ParseID(string(cli.ID)); err != nil || id != cli.ID || id.Prefix() != org.PrefixConnectedApplication {
		t.Errorf("PlatformCLI's id %q: %v", cli.ID, err)
	}
}

func TestKnownIsBounded(t *testing.T) {
	t.Parallel()
	d := &directory{}
	k := known(d, time.Now)
	const more = 100_000
	for i := range more {
		if _, err := k.AppByConsumerKey(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	before := d.asked.Load()
	if _, err := k.AppByConsumerKey(t.Context(), "0"); err != nil || d.asked.Load() != before+1 {
		t.Error("the first of 100,000 apps is remembered still: nothing bounds the cache")
	}
	if _, err := k.AppByConsumerKey(t.Context(), fmt.Sprint(more-1)); err != nil || d.asked.Load() != before+1 {
		t.Error("the last one is not remembered")
	}
}
