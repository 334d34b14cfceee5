package connect

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/internal/client"
)

// UpgradeReport is what became of an upgrade as a whole.
type UpgradeReport struct {
	Upgrade       *Upgrade  `json:"upgrade"`                // nil where there never was one
	PlannedUntil  time.Time `json:"planned_until,omitzero"` // zero where the outage was not opened; the connection's clock, as all here
	OutageEndedAt time.Time `json:"outage_ended_at,omitzero"`
	// Sends were asked for in the outage, Mailings asked for or due; nil where it was not opened.
	Sends    *UpgradeTally `json:"sends,omitempty"`
	Mailings *UpgradeTally `json:"mailings,omitempty"`
}

// UpgradeTally counts sends by where they stand.
type UpgradeTally struct {
	Total   int `json:"total"`
	Held    int `json:"held"`
	Sent    int `json:"sent"`
	Failed  int `json:"failed"`
	InDoubt int `json:"in_doubt"`
}

// UpgradeReport tells of the upgrade that was started last.
func (c *Client) UpgradeReport(ctx context.Context) (UpgradeReport, error) {
	var out UpgradeReport
	err := c.do(ctx, http.MethodGet, "/api/v1/upgrade/report", "", nil, &out)
	return out, err
}

// FollowUpgrade calls each with the upgrade as often as something is news, until it is over, each fails, or the server ends the
// stream, as it does now and then: it is asked for again. A refusal is an error before the first call of each.
func (c *Client) FollowUpgrade(ctx context.Context, each func(*Upgrade) error) error {
	events := &upgradeEvents{each: each, call: c.call}
	a, err := c.call.Do(ctx, client.Request{
		Method: http.MethodGet, URL: c.base + "/api/v1/upgrade/events", Header: http.Header{"Authorization": {"Bearer " + c.token.Reveal()}}, To: events,
	})
	switch {
	case events.failed != nil:
		return events.failed
	case err != nil:
		return err
	case a.Status/100 != 2:
		return c.refusal(a)
	}
	return nil
}

// maxEvent bounds one event, in bytes.
const maxEvent = 4 << 20

// upgradeEvents reads server-sent events as they are written to it.
type upgradeEvents struct {
	each   func(*Upgrade) error
	call   *client.Caller
	rest   []byte // of a line that has not ended
	event  string // name of the event whose data comes
	failed error  // of each, or of the stream itself
}

// Write takes a part of the stream.
func (e *upgradeEvents) Write(p []byte) (int, error) {
	e.rest = append(e.rest, p...)
	for {
		line, rest, whole := bytes.Cut(e.rest, []byte("\n"))
		if !whole {
			break
		}
		e.rest = rest
		if e.failed = e.line(line); e.failed != nil {
			return 0, e.failed
		}
	}
	if len(e.rest) > maxEvent {
		e.failed = e.call.Protocol(http.StatusOK, "an event has more than %d bytes", maxEvent)
		return 0, e.failed
	}
	return len(p), nil
}

func (e *upgradeEvents) line(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(": "))
	switch string(name) {
	case "event":
		e.event = string(value)
	case "data":
		if e.event != "upgrade" {
			var said struct {
				Error struct {
					Code    string `json:"code"`
					Message string `json:"message"`
				} `json:"error"`
			}
			if err := json.Unmarshal(value, &said); err != nil {
				return e.call.Protocol(http.StatusOK, "an event is no JSON")
			}
			return e.call.Refusal(http.StatusInternalServerError, said.Error.Code, said.Error.Message)
		}
		var out upgradeAnswer
		if err := json.Unmarshal(value, &out); err != nil || out.Upgrade == nil {
			return e.call.Protocol(http.StatusOK, "an event is no upgrade")
		}
		return e.each(out.Upgrade)
	}
	return nil
}
