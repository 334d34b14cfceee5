package twinspan

import (
	"net/http"

	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// deletePair answers DELETE /pairs/{id}.
func (c *control) deletePair(w http.ResponseWriter, r *http.Request) {
	if err := c.p.deletePair(r.Context(), r.PathValue("id")); err != nil {
		c.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// pairAnswer is a new pair: its id beside the ready file's shape.
type pairAnswer struct {
	ID string `json:"id"`
	Ready
}

// listPairs answers GET /pairs: ids, the first pair first.
func (c *control) listPairs(w http.ResponseWriter, _ *http.Request) {
	type item struct {
		ID          string `json:"id"`
		Fixture     string `json:"fixture"`
		AccountType string `json:"account_type"`
		OrgID       string `json:"org_id"`
		EID         int64  `json:"eid"`
	}
	items := []item{}
	for _, s := range c.p.pairs.all() {
		if c.p.config.alone() { // a connection, and no pair of clouds
			break
		}
		items = append(items, item{s.PairID, s.Fixture, s.accountType(), s.OrgID, s.EID})
	}
	c.answer(w, http.StatusOK, map[string]any{"pairs": items})
}

// newPair answers POST /pairs {"fixture","fixture_users","account_type","package","sandbox"} with a new org, tenant and connection.
func (c *control) newPair(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Fixture      string `json:"fixture"`
		FixtureUsers int    `json:"fixture_users"`
		AccountType  string `json:"account_type"`
		Package      string `json:"package"`
		Sandbox      bool   `json:"sandbox"`
	}
	if r.ContentLength != 0 {
		if err := web.ReadJSON(w, r, 4<<10, &in, strictjson.KnownKeysOnly()); err != nil {
			c.refuse(w, err)
			return
		}
	}
	if err := unhurried(w, in.FixtureUsers); err != nil {
		c.refuse(w, err)
		return
	}
	s, ready, err := c.p.makePair(r.Context(), wantedPair{in.Fixture, in.FixtureUsers, in.AccountType, in.Package, in.Sandbox})
	if err != nil {
		c.refuse(w, err)
		return
	}
	c.answer(w, http.StatusCreated, pairAnswer{ID: s.PairID, Ready: ready})
}
