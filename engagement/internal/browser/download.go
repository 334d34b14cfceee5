package browser

import (
	"mime"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/web"
)

// Download sends a document to be saved, never to be shown: whatever is in it runs nowhere. An error means that the
// browser did not take it.
func Download(w http.ResponseWriter, d tenant.Document) error {
	web.NoStore(w)
	h := w.Header()
	h.Set("Content-Type", d.MediaType)
	h.Set("Content-Length", strconv.Itoa(len(d.Content)))
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.Name}))
	h.Set("X-Content-Type-Options", "nosniff")
	_, err := w.Write(d.Content)
	return err
}
