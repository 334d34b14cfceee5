package pages

import (
	"net/http"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/throttle"
	"github.com/twinspan/twinspan/internal/web"
)

// CodeSignInRate: the caller's network has begun too many sign-ins within a minute.
const CodeSignInRate fault.Code = "too_many_sign_ins"

// SignInsPerMinute is how many sign-ins one network may begin in a minute of machine time, unless the options say otherwise. Each
// keeps a row for ten minutes, and a pair's oldest make room beyond ten thousand: one network alone does not get there.
const SignInsPerMinute = 300

// pace counts sign-ins by the network that begins them. Each process counts for itself.
type pace struct {
	begun   *throttle.Windows
	limit   int
	machine clock.Machine
}

func newPace(limit int, machine clock.Machine) pace {
	if limit == 0 {
		limit = SignInsPerMinute
	}
	if machine == nil {
		machine = time.Now
	}
	return pace{throttle.New(time.Minute), limit, machine}
}

// take counts one sign-in, and refuses it where that is one too many.
func (p pace) take(r *http.Request) error {
	network, loopback := throttle.Network(web.RemoteIP(r))
	limit := p.limit
	if loopback {
		limit *= throttle.LoopbackFactor
	}
	if n, left := p.begun.Count(network, p.machine(), 1); n > limit {
		return fault.Wrap(&throttle.TooSoon{Wait: left}, fault.Limited, CodeSignInRate, "Too many sign-ins were begun from your network. Please wait a minute.")
	}
	return nil
}

// paced has a page that begins a sign-in, or takes a secret that lets somebody in, counted by the caller's network.
func (s *Server) paced(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := s.pace.take(r)
		if err == nil {
			h(w, r)
			return
		}
		w.Header().Set("Retry-After", strconv.Itoa(throttle.RetryAfter(err)))
		s.refuse(w, r, err)
	}
}
