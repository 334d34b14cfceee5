package setup

import (
	"github.com/twinspan/twinspan/crm/internal/org"
)

var nodeApps = node{
	Path: below("connected-apps"), Label: "Manage Connected Apps", Also: "Connected Apps", Classic: []string{"Administer", "Manage Apps"}, Lightning: []string{"Apps", "Connected Apps"},
	Words: words(wordsConnector, []string{"Edit Policies", "Permitted Users"}), Need: viewer,
}

// carryApps is what deciding which permission sets and profiles carry an app takes.
var carryApps = org.StandardSchema().Named(org.ObjectSetupEntityAccess).Create

// appNames are the labels of the org's apps, by id.
func (v *visit) appNames() (map[org.ID]string, error) {
	rows, err := v.rows("SELECT Id, Name FROM ConnectedApplication")
	out := map[org.ID]string{}
	for _, r := range rows {
		out[r.id(0)] = r.text(1)
	}
	return out, err
}
