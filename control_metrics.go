package twinspan

import (
	"bytes"
	"net/http"
)

// metrics answers in Prometheus' text format (version 0.0.4). Who collects them sends the control API's token as a bearer token.
func (c *control) metrics(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	if err := c.p.bridge.WriteMetrics(r.Context(), &b); err != nil {
		c.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if _, err := w.Write(b.Bytes()); err != nil {
		c.p.log.Debug("control API: the caller left", "error", err)
	}
}
