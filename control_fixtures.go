package twinspan

import (
	"errors"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// maxFixtures bounds the body of an import, in bytes: 32 MB of files as JSON texts.
const maxFixtures = 48 << 20

// fixtures imports files of an sfdx project into the pair's org, and brings the users of its fixture up to a number.
func (c *control) fixtures(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Files []crm.ProjectFile `json:"files"`
		Users int               `json:"users"`
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
	if err := c.p.hasClouds(); err != nil {
		c.refuse(w, err)
		return
	}
	out := fixturesAnswer{Imported: crm.Imported{Ignored: []string{}, Problems: []string{}}}
	if len(in.Files) > 0 || in.Users == 0 {
		if out.Imported, err = c.p.org.Import(r.Context(), s.OrgID, in.Files); err != nil {
			c.refuse(w, err)
			return
		}
	}
	if err := unhurried(w, in.Users); err != nil {
		c.refuse(w, err)
		return
	}
	if err := c.p.moreUsers(r.Context(), s, in.Users); err != nil {
		c.refuse(w, err)
		return
	}
	out.Users = in.Users
	c.answer(w, http.StatusOK, out)
}

// unhurried gives an answer the time that making so many users takes at most.
func unhurried(w http.ResponseWriter, users int) error {
	if users == 0 {
		return nil
	}
	err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute + time.Duration(users)*10*time.Millisecond))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// fixturesAnswer says what became of POST /fixtures.
type fixturesAnswer struct {
	crm.Imported
	Users int `json:"users,omitempty"` // that the fixture has at least, beside its three persons
}
