package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/ui"
)

// needs is which operation a page or form of the console does, by its pattern, where that is not possible in every standing; package
// api has the same of its routes. admit asks it before any handler, and form before it offers what would be refused. A page stands
// here that has nothing to show without the operation; one that also shows what was says of its form alone that it is not possible.
var needs = map[string]standing.Operation{
	"GET " + unitsPath:            standing.BusinessUnits,
	"POST " + unitsPath:           standing.BusinessUnits,
	"GET " + mappingsPath:         standing.SeeMappings,
	"GET " + mappingPath:          standing.SeeMappings,
	"POST " + clearPath:           standing.ClearMappings,
	"POST " + importsPath:         standing.MapUsers,
	"POST " + outagePath:          standing.Outage,
	"POST " + newSendPath:         standing.Send,
	"POST " + newTriggerPath:      standing.Send,
	"POST " + tryPath:             standing.Send,
	"GET " + apiChangePath:        standing.APIUserChange,
	"POST " + apiPausePath:        standing.APIUserChange,
	"POST " + apiResumePath:       standing.APIUserChange,
	"POST " + robotPath:           standing.IntegrationUser,
	"GET " + verifyPath:           standing.Upgrade,
	"POST " + packageSettingsPath: standing.Upgrade,
	"POST " + settingsConnectPath: standing.ConnectAPIUser,
	"POST " + connectAccountPath:  standing.ConnectAccount,
	"POST " + migratePath:         standing.Upgrade,
	"GET " + UpgradePath:          standing.Upgrade,
	"POST " + upgradeBegin:        standing.Upgrade,
	"POST " + upgradeBook:         standing.Upgrade,
	"POST " + upgradeStep:         standing.Upgrade,
	"GET " + upgradeAccount:       standing.Upgrade,
	"POST " + upgradeAccount:      standing.Upgrade,
	"GET " + upgradeAPIUser:       standing.Upgrade,
	"POST " + upgradeAPIUser:      standing.Upgrade,
	"POST " + upgradeRetry:        standing.Upgrade,
}

// may refuses a page or form that the standing of the connection does not have.
func may(l link.Link, pattern string) error { return l.May(needs[pattern]) }

// form is a form with the session's token where it changes something; where the standing does not have what it does, why not.
func (v stay) form(f ui.Form) ui.Block {
	if !f.Get {
		if err := may(v.link, http.MethodPost+" "+f.Action); err != nil {
			return ui.Text(fault.Of(err).Message)
		}
	}
	return v.signed(f)
}
