package org

import (
	"context"
	"crypto/rsa"
	"sync"
	"sync/atomic"
	"time"
)

// cache keeps about as many values as it is told, in two generations: when the young one is full it becomes the old
// one, whose values are forgotten unless they are asked for meanwhile. It needs no clock and no goroutine.
type cache[K comparable, V any] struct {
	size       int
	mu         sync.RWMutex
	young, old map[K]V
}

func newCache[K comparable, V any](size int) *cache[K, V] {
	return &cache[K, V]{size: size, young: map[K]V{}}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.RLock()
	v, ok := c.young[k]
	if ok {
		c.mu.RUnlock()
		return v, true
	}
	_, ok = c.old[k]
	c.mu.RUnlock()
	if !ok {
		return v, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok = c.young[k]; ok { // somebody put a newer one meanwhile
		return v, true
	}
	if v, ok = c.old[k]; ok {
		c.putLocked(k, v)
	}
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.putLocked(k, v)
}

func (c *cache[K, V]) putLocked(k K, v V) {
	c.young[k] = v
	if len(c.young) >= c.size {
		c.old, c.young = c.young, make(map[K]V, c.size/4)
	}
}

// putUnless keeps v unless there is a value that keep says to leave; it returns the one that is there now.
func (c *cache[K, V]) putUnless(k K, v V, leave func(V) bool) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.young[k]
	if !ok {
		have, ok = c.old[k]
	}
	if ok && leave(have) {
		return have
	}
	c.putLocked(k, v)
	return v
}

// epochs tells whether something read earlier may still be believed. Reading takes the epoch first; a change of an org
// begins a new one for it.
type epochs struct {
	machine func() time.Time
	shared  bool // other processes write too
	now     atomic.Uint64
	changed sync.Map // ID -> *atomic.Uint64, the epoch of the org's last change
}

// sharedLife is how long anything is believed when other processes may change it unheard.
const sharedLife = time.Second

// mark is when something was read.
type mark struct {
	epoch uint64
	at    time.Time // set where others write too
}

func (e *epochs) mark() mark {
	m := mark{epoch: e.now.Load()}
	if e.shared {
		m.at = e.machine()
	}
	return m
}

func (e *epochs) fresh(org ID, m mark) bool {
	if e.shared && e.machine().Sub(m.at) >= sharedLife {
		return false
	}
	c, ok := e.changed.Load(org)
	return !ok || m.epoch >= c.(*atomic.Uint64).Load()
}

func (e *epochs) change(org ID) {
	n := e.now.Add(1)
	v, _ := e.changed.LoadOrStore(org, new(atomic.Uint64))
	for c := v.(*atomic.Uint64); ; {
		have := c.Load()
		if have >= n || c.CompareAndSwap(have, n) {
			return
		}
	}
}

// App is a connected app with what logins derive from it once.
type App struct {
	ConnectedApp
	// Key is the public key of the certificate; nil where there is none or it cannot be read.
	Key *rsa.PublicKey
}

// remembered is a value with the org it is of and when it was read.
type remembered[V any] struct {
	value V
	org   ID
	mark  mark
}

type (
	pair   struct{ org, id ID }
	triple struct{ org, user, app ID }
)

// Known answers a Directory's questions from memory, so that a login asks the database nothing about apps, keys, users
// and approvals that it has seen. It believes what it read until the org's setup changes, and for a second where other
// processes may change it. Missing things are not remembered.
type Known struct {
	dir      Directory
	grants   GrantStore
	parseKey func(certificate string) (*rsa.PublicKey, error)
	epochs   epochs

	orgs      *cache[ID, remembered[Org]]
	users     *cache[pair, remembered[User]]
	usernames *cache[string, remembered[User]]
	keys      *cache[string, remembered[*App]]
	apps      *cache[pair, remembered[*App]]
	admin     *cache[triple, remembered[bool]]
	starts    *cache[ID, remembered[[]ConnectedApp]]
	self      *cache[triple, remembered[[]string]]
}

// Sizes of the caches, in entries of one generation; a user takes about 1 KB.
const (
	knownOrgs = 1 << 12
	knownMany = 1 << 14
)

// NewKnown returns a Known over the directory and the users' own approvals. parseKey reads the key in a certificate.
func NewKnown(dir Directory, grants GrantStore, machine func() time.Time, parseKey func(string) (*rsa.PublicKey, error)) *Known {
	return &Known{
		dir: dir, grants: grants, parseKey: parseKey, epochs: epochs{machine: machine, shared: dir.Shared()},
		orgs: newCache[ID, remembered[Org]](knownOrgs), users: newCache[pair, remembered[User]](knownMany),
		usernames: newCache[string, remembered[User]](knownMany), keys: newCache[string, remembered[*App]](knownMany),
		apps: newCache[pair, remembered[*App]](knownMany), admin: newCache[triple, remembered[bool]](knownMany),
		self: newCache[triple, remembered[[]string]](knownMany), starts: newCache[ID, remembered[[]ConnectedApp]](knownOrgs),
	}
}

// SetupChanged implements Changes.
func (k *Known) SetupChanged(org ID) { k.epochs.change(org) }

// Shared reports whether other processes may write too.
func (k *Known) Shared() bool { return k.epochs.shared }

// recall answers from the cache or from load, which names the org of what it found.
func recall[K comparable, V any](k *Known, c *cache[K, remembered[V]], key K, load func() (V, ID, error)) (V, error) {
	if r, ok := c.get(key); ok && k.epochs.fresh(r.org, r.mark) {
		return r.value, nil
	}
	m := k.epochs.mark()
	v, org, err := load()
	if err == nil {
		c.put(key, remembered[V]{v, org, m})
	}
	return v, err
}

// OrgByID is Directory's.
func (k *Known) OrgByID(ctx context.Context, org ID) (Org, error) {
	return recall(k, k.orgs, org, func() (Org, ID, error) {
		o, err := k.dir.OrgByID(ctx, org)
		return o, org, err
	})
}

// UserByUsername is Directory's.
func (k *Known) UserByUsername(ctx context.Context, username string) (User, error) {
	key := Fold(username)
	return recall(k, k.usernames, key, func() (User, ID, error) {
		u, err := k.dir.UserByUsername(ctx, key)
		return u, u.Org, err
	})
}

// UserByID is Directory's.
func (k *Known) UserByID(ctx context.Context, org, user ID) (User, error) {
	return recall(k, k.users, pair{org, user}, func() (User, ID, error) {
		u, err := k.dir.UserByID(ctx, org, user)
		return u, org, err
	})
}

// AppByConsumerKey is Directory's, with the app's key. The well-known client PlatformCLI has no org; [App.In] puts it
// into the org of whoever signs in.
func (k *Known) AppByConsumerKey(ctx context.Context, key string) (*App, error) {
	if key == PlatformCLIKey {
		return platformCLI, nil
	}
	return recall(k, k.keys, key, func() (*App, ID, error) {
		a, err := k.dir.AppByConsumerKey(ctx, key)
		if err != nil {
			return nil, "", err
		}
		app, err := k.app(ctx, a)
		return app, a.Org, err
	})
}

// AppByID is Directory's, with the app's key.
func (k *Known) AppByID(ctx context.Context, org, app ID) (*App, error) {
	if app == platformCLI.ID {
		return k.In(ctx, platformCLI, org)
	}
	return recall(k, k.apps, pair{org, app}, func() (*App, ID, error) {
		a, err := k.dir.AppByID(ctx, org, app)
		if err != nil {
			return nil, org, err
		}
		known, err := k.app(ctx, a)
		return known, org, err
	})
}

// In is [App.In] with what the org demands of all its apps.
func (k *Known) In(ctx context.Context, a *App, org ID) (*App, error) {
	if a.Org != "" {
		return a, nil
	}
	o, err := k.OrgByID(ctx, org)
	if err != nil {
		return nil, err
	}
	in := a.In(org)
	in.Flows.Strict = o.Settings.Strict
	return in, nil
}

func (k *Known) app(ctx context.Context, a ConnectedApp) (*App, error) {
	o, err := k.OrgByID(ctx, a.Org)
	if err != nil {
		return nil, err
	}
	a.Flows.Strict = a.Flows.Strict || o.Settings.Strict
	app := &App{ConnectedApp: a}
	if a.Certificate != "" {
		if key, err := k.parseKey(a.Certificate); err == nil { // what cannot be read verifies nothing
			app.Key = key
		}
	}
	return app, nil
}

// AdminApproved is Directory's.
func (k *Known) AdminApproved(ctx context.Context, org, user, app ID) (bool, error) {
	return recall(k, k.admin, triple{org, user, app}, func() (bool, ID, error) {
		ok, err := k.dir.AdminApproved(ctx, org, user, app)
		return ok, org, err
	})
}

// maxStarts is how many apps stand in the org's header.
const maxStarts = 8

// AppsToStart are the apps that a user opens from the org's pages: those that have a Start URL and let him in, by name. An app of
// a managed package is opened by everybody, as its tab is, and tells himself whom it does not let in.
func (k *Known) AppsToStart(ctx context.Context, org, user ID) ([]ConnectedApp, error) {
	all, err := recall(k, k.starts, org, func() ([]ConnectedApp, ID, error) {
		apps, err := k.dir.AppsToStart(ctx, org, maxStarts)
		return apps, org, err
	})
	var out []ConnectedApp
	for _, a := range all {
		in := !a.AdminApproved || a.Namespace != ""
		if !in && err == nil {
			in, err = k.AdminApproved(ctx, org, user, a.ID)
		}
		if in {
			out = append(out, a)
		}
	}
	return out, err
}

// ApprovedScopes is GrantStore's. Approving and revoking begin a new epoch in their own process. That a user has approved
// nothing is not remembered, so that his first approval counts at once in every process.
func (k *Known) ApprovedScopes(ctx context.Context, org, user, app ID) ([]string, error) {
	key := triple{org, user, app}
	if r, ok := k.self.get(key); ok && k.epochs.fresh(org, r.mark) {
		return r.value, nil
	}
	m := k.epochs.mark()
	scopes, err := k.grants.ApprovedScopes(ctx, org, user, app)
	if err == nil && scopes != nil {
		k.self.put(key, remembered[[]string]{scopes, org, m})
	}
	return scopes, err
}
