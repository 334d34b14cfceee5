package linktest

import (
	"io"
	"maps"
	"net/http"
	"slices"
)

// documents are the files of "My Documents in Content".
type documents struct {
	off   bool
	files map[string]string
}

// EnableDocuments switches "My Documents in Content"; it is on from the start.
func (v *Tenant) EnableDocuments(yes bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.documents.off = !yes
}

// Documents are the contents of the files by name.
func (v *Tenant) Documents() map[string]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.documents.files)
}

// PutDocument puts a file there.
func (v *Tenant) PutDocument(name, content string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.documents.files == nil {
		v.documents.files = map[string]string{}
	}
	v.documents.files[name] = content
}

// documentsOn answers whoever may not have them.
func (v *Tenant) documentsOn(w http.ResponseWriter, r *http.Request) bool {
	if _, live := v.bearer(r); !live {
		v.dead(w)
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.documents.off {
		Answer(w, http.StatusConflict, map[string]any{"message": "My Documents in Content is not enabled.", "errorcode": 30001})
	}
	return !v.documents.off
}

func (v *Tenant) listDocuments(w http.ResponseWriter, r *http.Request) {
	if !v.documentsOn(w, r) {
		return
	}
	items := []map[string]any{}
	files := v.Documents()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		items = append(items, map[string]any{"name": name, "size": len(files[name])})
	}
	Answer(w, http.StatusOK, map[string]any{"items": items})
}

func (v *Tenant) putDocument(w http.ResponseWriter, r *http.Request) {
	if !v.documentsOn(w, r) {
		return
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, 6<<20))
	if err != nil || len(content) > 5<<20 {
		Answer(w, http.StatusRequestEntityTooLarge, map[string]any{"message": "too large", "errorcode": 10000})
		return
	}
	v.PutDocument(r.PathValue("name"), string(content))
	Answer(w, http.StatusOK, map[string]any{"name": r.PathValue("name")})
}
