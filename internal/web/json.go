package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/internal/strictjson"
)

// ReadJSON reads a body of at most limit bytes that is one JSON value into v, a pointer. The content type must be
// application/json, the rest is [strictjson.Decode].
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, v any, options ...strictjson.Option) error {
	if err := CheckContentType(r, "application/json"); err != nil {
		return err
	}
	body, err := ReadBody(w, r, limit)
	if err != nil {
		return err
	}
	return strictjson.Decode(body, v, options...)
}

// WriteJSON answers with status and v as application/json;charset=UTF-8. HTML characters are not escaped: the type and
// nosniff say that it is no page. An error means that v cannot be encoded, and nothing was written.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=UTF-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}
