// Package control is what only the program itself may do to a tenant's house: make tenants and move their clocks. It
// also keeps the house in order: it follows clocks that other processes moved, and throws away long expired tokens.
package control

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/background"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Options are what it works on.
type Options struct {
	Store    *sqlstore.Store
	Registry *tenant.Registry
	Clock    tenant.Clock
	Serials  *tenant.Serials
	Log      *slog.Logger
}

// Control makes tenants, moves clocks and tidies.
type Control struct {
	o       Options
	keeping background.Work
	// clocks keeps an older reading of the offsets from undoing a newer change.
	clocks sync.Mutex
}

// Periods of the work in the background, in real time.
const (
	followEvery = 500 * time.Millisecond // a moved clock shows everywhere within a second
	purgeEvery  = time.Minute
	purgeBatch  = 200
	purgeRounds = 500 // batches a minute at most
)

// Start reads the clocks and begins the work in the background. Call Stop when done.
func Start(ctx context.Context, o Options) (*Control, error) {
	c := &Control{o: o}
	if err := c.followClocks(ctx); err != nil {
		return nil, err
	}
	if o.Store.Shared() {
		c.keeping.Every(ctx, followEvery, o.Log, "the tenants' clocks cannot be read; going on with the last ones", c.followClocks)
	}
	c.keeping.Every(ctx, purgeEvery, o.Log, "what has expired cannot be deleted", c.purge)
	return c, nil
}

// Stop ends the work in the background and waits for it.
func (c *Control) Stop() { c.keeping.Stop() }

func (c *Control) followClocks(ctx context.Context) error {
	c.clocks.Lock()
	defer c.clocks.Unlock()
	offsets, err := c.o.Store.Offsets(ctx)
	if err != nil {
		return err
	}
	c.o.Clock.ReplaceOffsets(offsets)
	return nil
}

// purge deletes what has long expired, in small transactions.
func (c *Control) purge(ctx context.Context) error {
	now := c.o.Clock.Machine()
	for range purgeRounds {
		n, err := c.o.Store.Purge(ctx, now, purgeBatch)
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// Delete takes a tenant away with everything in it; one that is not there already is none.
func (c *Control) Delete(ctx context.Context, eid tenant.EID) error {
	if err := c.o.Store.DeleteTenant(ctx, eid); err != nil {
		return err
	}
	c.o.Registry.TenantDeleted()
	return c.followClocks(ctx)
}

// Create makes a tenant, in one transaction. One whose EID is there already is left as it is.
func (c *Control) Create(ctx context.Context, spec tenant.Spec) error {
	eid := tenant.EID(spec.EID)
	if _, err := c.o.Store.Tenant(ctx, eid); err == nil {
		return nil
	}
	now := c.o.Clock.Now(eid)
	plan, err := tenant.Plan(ctx, spec, now)
	if err != nil {
		return err
	}
	senders := sendersOf(plan, now)
	err = c.o.Store.DB().Write(ctx, func(tx *sqldb.Tx) error {
		there, err := c.o.Store.HasTenant(tx, eid)
		if err != nil || there {
			return err
		}
		if err := c.o.Store.InsertTenant(tx, plan); err != nil {
			return err
		}
		for _, s := range senders {
			if err := sqlstore.PutSender(tx, s); err != nil {
				return err
			}
		}
		return putSends(tx, plan, now)
	})
	c.o.Registry.SetupChanged()
	if err = sqlstore.Taken(err); fault.CodeOf(err) == tenant.CodeTaken {
		if _, there := c.o.Store.Tenant(ctx, eid); there == nil {
			return nil // another process made it at this moment
		}
	}
	return err
}

// putSends stores the emails and the definitions that use them, in the top business unit.
func putSends(tx *sqldb.Tx, plan tenant.Blueprint, now time.Time) error {
	eid, mid := plan.Tenant.EID, tenant.MID(plan.Tenant.EID)
	for _, e := range plan.Emails {
		if err := sqlstore.PutEmail(tx, tenant.Email{
			Tenant: eid, MID: mid, CustomerKey: e.CustomerKey, Name: e.Name, Subject: e.Subject,
			HTML: e.HTML, Text: e.Text, Created: now, Modified: now,
		}); err != nil {
			return err
		}
	}
	for _, d := range plan.Definitions {
		if err := sqlstore.PutDefinition(tx, tenant.Definition{
			Tenant: eid, MID: mid, Key: d.Key, Name: d.Name, EmailKey: d.EmailKey,
			Classification: tenant.ClassificationTransactional, Status: tenant.DefinitionActive, ListKey: tenant.AllSubscribers,
			FromName: d.FromName, FromAddress: d.FromAddress, AutoAdd: true, AutoUpdate: true, Created: now, Modified: now,
		}); err != nil {
			return err
		}
	}
	return nil
}

// sendersOf are the addresses that a new tenant may send from: those of its users, which are proven when a user is made,
// and those that its own definitions name. The first is the default sender profile's.
func sendersOf(plan tenant.Blueprint, now time.Time) []tenant.VerifiedSender {
	var out []tenant.VerifiedSender
	seen := map[string]bool{}
	add := func(address, name string) {
		folded := strings.ToLower(address)
		if address == "" || seen[folded] {
			return
		}
		seen[folded] = true
		out = append(out, tenant.VerifiedSender{
			Tenant: plan.Tenant.EID, MID: tenant.MID(plan.Tenant.EID), Kind: tenant.SenderUser, Domain: address,
			FromName: name, Default: len(out) == 0, Sendable: true, Created: now,
		})
	}
	for _, u := range plan.Users {
		add(u.Email, plan.Tenant.Name)
	}
	for _, d := range plan.Definitions {
		add(d.FromAddress, d.FromName)
	}
	return out
}

// SetClock moves the tenant's domain time to machine time plus offset. Other processes on the same database follow
// within a second. An unknown tenant is a NotFound fault.
func (c *Control) SetClock(ctx context.Context, eid tenant.EID, offset time.Duration) error {
	offset = offset.Truncate(time.Millisecond) // as the database keeps it
	c.clocks.Lock()
	defer c.clocks.Unlock()
	if err := c.o.Store.SetOffset(ctx, eid, offset); err != nil {
		return err
	}
	c.o.Clock.SetOffset(eid, offset)
	return nil
}

// Offset is how far the tenant's domain time is ahead of machine time.
func (c *Control) Offset(eid tenant.EID) time.Duration { return c.o.Clock.OffsetOf(eid) }
