package tenant

import (
	"encoding/json"
	"slices"
	"sync"
)

// Limits of what is remembered of searches among rows.
const (
	maxFound      = 16
	maxFoundBytes = 32 << 20 // of the keys in all
)

// found are the rows that a filter matches in one state of a data extension.
type found struct {
	of   string   // the state and the filter
	keys []string // in their order
	size int      // bytes of the keys, about
}

// rowFinds remembers the latest searches, so that who reads a result page by page has it searched for once. Its zero
// value remembers nothing yet.
type rowFinds struct {
	mu   sync.Mutex
	list []found // the latest used last
	size int
}

// searchOf names a search: the data extension as it was loaded, down to its rows, and the filter.
func searchOf(d DataExtension, f *Filter) (string, error) {
	text, err := json.Marshal([]any{d.Tenant, d.ID, d.Modified.UnixMilli(), d.RowVersion, f})
	return string(text), err
}

func (r *rowFinds) get(of string) ([]string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.list, func(f found) bool { return f.of == of })
	if i < 0 {
		return nil, false
	}
	f := r.list[i]
	r.list = append(slices.Delete(r.list, i, i+1), f)
	return f.keys, true
}

func (r *rowFinds) put(of string, keys []string) {
	f := found{of: of, keys: keys, size: len(of)}
	for _, k := range keys {
		f.size += len(k) + 16
	}
	if f.size > maxFoundBytes/2 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list, r.size = append(r.list, f), r.size+f.size
	for len(r.list) > maxFound || r.size > maxFoundBytes {
		r.size -= r.list[0].size
		r.list = slices.Delete(r.list, 0, 1)
	}
}
