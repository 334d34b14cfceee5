package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

type progressBody struct {
	Percent float64 `json:"percent"`
	Done    int     `json:"done"`
	Steps   int     `json:"steps"`
	// Users were mapped before; the others say how far they have come.
	Users       int `json:"users"`
	Reconnected int `json:"reconnected"`
	Waiting     int `json:"waiting"`
	Failed      int `json:"failed"`
	// Rate is users a second, SecondsLeft how long the rest takes; absent while they are not known.
	Rate        float64 `json:"rate,omitempty"`
	SecondsLeft float64 `json:"seconds_left,omitempty"`
	// WindowSeconds is what is left of the booked outage; below 0 by how much the window does not suffice.
	WindowSeconds float64 `json:"window_seconds_left,omitempty"`
	// UntilSeconds is how long it is to the hour that the upgrade waits for, to the minute while that is far.
	UntilSeconds float64 `json:"until_seconds,omitempty"`
}

func (s *Server) progressOf(ctx context.Context, l link.Link, u upgrade.Upgrade) (progressBody, error) {
	p, err := s.Upgrades.Progress(ctx, l, u)
	until := p.Until.Round(time.Second)
	if until > 2*time.Minute { // who follows is not told each second
		until = until.Round(time.Minute)
	}
	return progressBody{
		Percent: p.Percent, Done: p.Done, Steps: p.Steps, Users: p.Users.Total, Reconnected: p.Users.Reconnected, Waiting: p.Users.Waiting, Failed: p.Users.Failed,
		Rate: p.Users.Rate, SecondsLeft: p.Users.Left.Seconds(), WindowSeconds: p.Left.Truncate(time.Second).Seconds(), UntilSeconds: until.Seconds(),
	}, err
}

// stream is an answer that goes on: next gives an event as often as something is news, and says whether it was the last.
type stream struct {
	next func(ctx context.Context) (event any, last bool, err error)
}

// How streams go: how often is looked for news, how long without any before a sign of life, and how long one lasts before its
// reader has to ask again.
const (
	streamLook  = 500 * time.Millisecond
	streamBeat  = 15 * time.Second
	streamLife  = 30 * time.Minute
	streamWrite = 10 * time.Second
)

// follow writes server-sent events until the last one.
func (s *Server) follow(w http.ResponseWriter, r *http.Request, st stream) {
	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(text string) bool {
		// A transport without deadlines has its own way of giving up.
		_ = out.SetWriteDeadline(time.Now().Add(streamWrite))
		if _, err := w.Write([]byte(text)); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	tick := time.NewTicker(streamLook)
	defer tick.Stop()
	said, beat := "", time.Now()
	for {
		event, last, err := st.next(ctx)
		if ctx.Err() != nil {
			return
		}
		name := "upgrade"
		if err != nil {
			_, body := translate(err)
			name, event, last = "error", body, true
			s.Log.LogAttrs(ctx, slog.LevelInfo, "stream broken off", slog.String("error", err.Error()), slog.String("request_id", web.RequestIDFrom(r.Context())))
		}
		text, err := json.Marshal(event)
		if err != nil {
			s.Log.LogAttrs(ctx, slog.LevelError, "event not written", slog.String("error", err.Error()))
			return
		}
		if string(text) != said {
			said, beat = string(text), time.Now()
			if !send("event: " + name + "\ndata: " + said + "\n\n") {
				return
			}
		}
		if last {
			return
		}
		if time.Since(beat) > streamBeat {
			beat = time.Now()
			if !send(": still here\n\n") {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// upgradeEvents tells of the upgrade as it goes, until it is closed or cancelled.
func (s *Server) upgradeEvents(ctx context.Context, c call) (any, error) {
	if _, err := s.Upgrades.Last(ctx, c.link); err != nil {
		return nil, err
	}
	return stream{func(ctx context.Context) (any, bool, error) {
		l, err := s.Links.Link(ctx, c.link.Pair)
		if err != nil {
			return nil, true, err
		}
		u, err := s.Upgrades.Last(ctx, l)
		if err != nil {
			return nil, true, err
		}
		body, err := s.upgradeOf(ctx, l, u)
		return upgradeAnswer{body}, !u.Live(), err
	}}, nil
}

// noUpgrade reports whether there never was an upgrade.
func noUpgrade(err error) bool { return fault.CodeOf(err) == upgrade.CodeNotFound }
