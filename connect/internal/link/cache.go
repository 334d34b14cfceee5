package link

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// fetchTimeout ends a fetch that nobody's context ends: it runs for all who wait, so no single caller may cancel it.
const fetchTimeout = 60 * time.Second

// cache keeps values until they expire and fetches each missing one once, however many ask for it. Errors are not kept.
type cache[V any] struct {
	max    int
	flight singleflight.Group
	mu     sync.Mutex
	items  map[string]item[V]
}

type item[V any] struct {
	value   V
	expires time.Time
}

func newCache[V any](max int) *cache[V] { return &cache[V]{max: max, items: map[string]item[V]{}} }

// get returns the value of key, good at now, or fetches it. fetch says how long its value may be kept.
func (c *cache[V]) get(ctx context.Context, key string, now time.Time, fetch func(context.Context) (V, time.Time, error)) (V, error) {
	if v, ok := c.look(key, now); ok {
		return v, nil
	}
	result := c.flight.DoChan(key, func() (any, error) {
		if v, ok := c.look(key, now); ok { // another flight landed between the look and this one
			return v, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		v, expires, err := fetch(ctx)
		if err != nil {
			return nil, err
		}
		c.put(key, item[V]{v, expires}, now)
		return v, nil
	})
	var none V
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case r := <-result:
		if r.Err != nil {
			return none, r.Err
		}
		return r.Val.(V), nil
	}
}

func (c *cache[V]) look(key string, now time.Time) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, ok := c.items[key]
	return it.value, ok && now.Before(it.expires)
}

func (c *cache[V]) put(key string, it item[V], now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.items) >= c.max {
		for k, old := range c.items {
			if !now.Before(old.expires) {
				delete(c.items, k)
			}
		}
		for k := range c.items { // still full: any one goes, it is only fetched again
			if len(c.items) < c.max {
				break
			}
			delete(c.items, k)
		}
	}
	c.items[key] = it
}

// drop forgets the value of key if it still is the one that stale recognises, so that many callers who found the same
// token dead fetch one new token.
func (c *cache[V]) drop(key string, stale func(V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it, ok := c.items[key]; ok && stale(it.value) {
		delete(c.items, key)
	}
}
