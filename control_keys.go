package twinspan

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// rotateKeys rotates the keys of all three houses, and answers when it is done.
func (c *control) rotateKeys(w http.ResponseWriter, r *http.Request) {
	if err := web.ReadJSON(w, r, 1<<10, &struct{}{}, strictjson.KnownKeysOnly()); err != nil {
		c.refuse(w, err)
		return
	}
	out, err := c.p.RotateKeys(r.Context())
	if err != nil {
		c.refuse(w, err)
		return
	}
	c.answer(w, http.StatusOK, out)
}
