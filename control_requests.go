package twinspan

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/probe"
)

// houses are the names under which requests are recorded.
var houses = []string{"crm", "engagement", "connect"}

// requests lists recorded requests, oldest first: ?house= of one house, ?since= after an id, ?path= and ?who= that have it,
// ?status= of a status or a class. With ?follow=1 it goes on as they come, one JSON object a line, until the caller leaves or
// the program stops.
func (c *control) requests(w http.ResponseWriter, r *http.Request) {
	if c.p.recorder == nil {
		c.refuse(w, fault.New(fault.NotFound, codeNoRecords, "Recording is off (--record)."))
		return
	}
	q := r.URL.Query()
	filter := probe.Filter{House: q.Get("house"), Path: q.Get("path"), Who: q.Get("who")}
	if filter.House != "" && !slices.Contains(houses, filter.House) {
		c.refuse(w, fault.New(fault.Invalid, "invalid_house", "The houses are %s.", strings.Join(houses, ", ")).In("house"))
		return
	}
	var err error
	if filter.Status, err = probe.ParseStatus(q.Get("status")); err != nil {
		c.refuse(w, err)
		return
	}
	if text := q.Get("since"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			c.refuse(w, fault.New(fault.Invalid, "invalid_since", "since is the id of a recorded request.").In("since"))
			return
		}
		filter.Since = n
	}
	if q.Get("follow") == "1" {
		c.follow(w, r, filter)
		return
	}
	c.answer(w, http.StatusOK, map[string][]probe.Exchange{"requests": c.p.recorder.List(filter)})
}

// follow streams. Each line gets time of its own to be written; the wait for the next has no end.
func (c *control) follow(w http.ResponseWriter, r *http.Request, filter probe.Filter) {
	ctx, cancel := c.ending(r.Context())
	defer cancel()
	stream := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	flush := func() bool {
		return stream.SetWriteDeadline(time.Now().Add(30*time.Second)) == nil && stream.Flush() == nil
	}
	if !flush() {
		return
	}
	c.p.recorder.Follow(ctx, filter, func(e probe.Exchange) bool {
		return lines.Encode(e) == nil && flush()
	})
}
