package twinspan

import (
	"net/http"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// maxFixtures bounds the body of an import, in bytes: 32 MB of files as JSON texts.
const maxFixtures = 48 << 20

// fixtures imports files of an sfdx project into the pair's org.
func (c *control) fixtures(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Files []crm.ProjectFile `json:"files"`
	}
	if err := web.ReadJSON(w, r, maxFixtures, &in, strictjson.KnownKeysOnly()); err != nil {
		c.refuse(w, err)
		return
	}
	_, s, err := c.caller(r)
	if err != nil {
		c.refuse(w, err)
		return
	}
	out, err := c.p.org.Import(r.Context(), s.OrgID, in.Files)
	if err != nil {
		c.refuse(w, err)
		return
	}
	c.answer(w, http.StatusOK, out)
}
