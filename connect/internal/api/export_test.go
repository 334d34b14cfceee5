package api

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/standing"
)

// Need is the operation of package standing that a route does; "" where it is possible in every standing.
func (r Route) Need() standing.Operation { return needs[r.Method+" "+r.Path] }

// Needs are the routes that some operation is known of.
func Needs() map[string]standing.Operation { return needs }

// Bodies are the bodies that the code writes, by the name of their schema.
func Bodies() map[string]any {
	return map[string]any{
		"Error": errorBody{}, "Cause": causeBody{}, "Status": statusBody{}, "Standing": standingBody{}, "Org": orgBody{}, "Engagement": engagementBody{}, "User": userBody{}, "Send": sendBody{}, "Checked": sweptBody{}, "Import": importBody{}, "Line": lineBody{}, "Entry": entryBody{}, "Verdict": verdictBody{}, "IntegrationUser": integrationBody{}, "BusinessUnit": unitBody{}, "Mailing": mailingBody{}, "Recipient": recipientBody{}, "Outage": outageBody{}, "SendSettings": sendSettingsBody{}, "APIUserPlan": apiUserPlanBody{}, "APIUserChange": apiUserChange{}, "APIUserItem": apiuser.Item{}, "APIUserResumed": apiUserResumedBody{}, "Finding": findingBody{},
		"Notices": noticesBody{}, "Exception": exceptionBody{}, "Result": resultBody{}, "Tracking": trackingBody{}, "Pulled": pulledBody{}, "Refusal": refusalBody{},
		"Trigger": triggerBody{}, "Criterion": trigger.Criterion{}, "Firing": firingBody{},
		"Doctor": doctorBody{}, "DoctorFinding": doctorFinding{}, "DoctorUnchecked": doctorUnchecked{}, "DoctorMend": doctorMend{}, "DoctorFix": fixBody{}, "DoctorWatch": watchBody{}, "DoctorRound": roundBody{}, "DoctorRoundFinding": doctor.RoundFinding{}, "DoctorMending": doctor.Mending{}, "DoctorFixed": fixedBody{},
		"TenantOAuth": tenantOAuthBody{}, "Check": checkBody{}, "TokenMoves": tokenMovesBody{},
		"Usage": usageBody{}, "UsageAlerts": alertsBody{}, "UsageCrossing": crossingBody{}, "UsageHour": usageHour{},
		"Upgrade": upgradeBody{}, "UpgradeStep": upgradeStep{},
		"UpgradeProgress": progressBody{}, "UpgradeVerification": upgrade.Verification{},
		"Token":     tokenBody{},
		"Migration": migrationBody{}, "MigrationOffer": offerBody{}, "MigratedUser": migratedBody{},
	}
}

// Help is where the answer to a refusal leads.
func Help(err error) string {
	_, body := translate(err)
	return body.Error.Help
}

// Renew keeps the lease of a call until rest is called.
func (s *Server) Renew(ctx context.Context, c Call) (rest func()) { return s.renew(ctx, c) }
