package signin_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

func TestAccept(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	browser, other := vault.HashToken("browser"), vault.HashToken("other")
	away := signin.Flow{Step: signin.Away, Browser: browser, Expires: now.Add(signin.FlowLife)}
	offered := signin.Flow{Step: signin.Offered, Expires: now.Add(signin.FlowLife)}
	unbound := away
	unbound.Browser = nil
	for name, c := range map[string]struct {
		flow    signin.Flow
		step    signin.Step
		browser []byte
		at      time.Time
		code    fault.Code
	}{
		"in time":               {away, signin.Away, browser, now, ""},
		"at the last moment":    {away, signin.Away, browser, now.Add(signin.FlowLife - time.Millisecond), ""},
		"too late":              {away, signin.Away, browser, now.Add(signin.FlowLife), signin.CodeFlowExpired},
		"another browser":       {away, signin.Away, other, now, signin.CodeOtherBrowser},
		"no browser":            {away, signin.Away, nil, now, signin.CodeOtherBrowser},
		"bound to none":         {unbound, signin.Away, nil, now, signin.CodeOtherBrowser},
		"offer, any browser":    {offered, signin.Offered, nil, now, ""},
		"offer as a return":     {offered, signin.Away, browser, now, signin.CodeFlowUnknown},
		"return as an offer":    {away, signin.Offered, browser, now, signin.CodeFlowUnknown},
		"offer taken up late":   {offered, signin.Offered, nil, now.Add(time.Hour), signin.CodeFlowExpired},
		"other step, also late": {away, signin.Offered, browser, now.Add(time.Hour), signin.CodeFlowUnknown},
	} {
		if err := c.flow.Accept(c.step, c.browser, c.at); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
	}
	if one, other := signin.NewCookie(), signin.NewCookie(); len(one) < 43 || one == other {
		t.Error("cookies are short or repeat")
	}
}
