package sendertest

import (
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Put stores things to send in the top business unit of a tenant: the emails, a verified sender for each From
// address (the first is the default sender profile), and the definitions, active. What has no name is
// named by its key.
func Put(tx *sqldb.Tx, eid tenant.EID, emails []tenant.EmailSpec, definitions []tenant.DefinitionSpec, now time.Time) error {
	mid := tenant.MID(eid)
	for _, e := range emails {
		if err := sqlstore.PutEmail(tx, tenant.Email{
			Tenant: eid, MID: mid, CustomerKey: e.CustomerKey, Name: or(e.Name, e.CustomerKey), Subject: e.Subject, HTML: e.HTML, Text: e.Text,
			Created: now, Modified: now,
		}); err != nil {
			return err
		}
	}
	known := map[string]bool{}
	for _, d := range definitions {
		if d.FromAddress != "" && !known[strings.ToLower(d.FromAddress)] {
			if err := sqlstore.PutSender(tx, tenant.VerifiedSender{
				Tenant: eid, MID: mid, Kind: tenant.SenderUser, Domain: d.FromAddress, FromName: d.FromName, Default: len(known) == 0, Sendable: true, Created: now,
			}); err != nil {
				return err
			}
			known[strings.ToLower(d.FromAddress)] = true
		}
		if err := sqlstore.PutDefinition(tx, tenant.Definition{
			Tenant: eid, MID: mid, Key: d.Key, Name: or(d.Name, d.Key), Classification: tenant.ClassificationTransactional,
			Status: tenant.DefinitionActive, EmailKey: d.EmailKey, ListKey: tenant.AllSubscribers, FromName: d.FromName, FromAddress: d.FromAddress,
			AutoAdd: true, AutoUpdate: true, Created: now, Modified: now,
		}); err != nil {
			return err
		}
	}
	return nil
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
