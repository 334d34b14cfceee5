package mapping

import (
	"context"
	"strconv"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// CodeTooMany: more users at once than one transaction takes.
const CodeTooMany fault.Code = "too_many_users"

// Given is a user whose mapping is told to Connect by whoever made both clouds' users, instead of found by his sign-ins.
type Given struct {
	Visitor      signin.Visitor // Pair and OrgID are the link's
	Tenant       link.TenantUser
	RefreshToken vault.Secret // of his sign-in to Engagement; "" for none
}

// Seeds keeps mappings that are told.
type Seeds interface {
	// MappedOf counts those of the CRM users who are mapped.
	MappedOf(ctx context.Context, pair string, crmUserIDs []string) (int, error)
	// PutSeeded stores mappings as Store.PutMapping does, and tokens as link.Credentials does, in one transaction.
	PutSeeded(ctx context.Context, all []Mapping, tokens []link.UserToken, why audit.Change) error
}

// Seed stores mappings that are told: nobody's sign-in is looked at, no cloud is asked. A refresh token is kept where the
// span into Engagement keeps such. Who is mapped like this already stays so, with the new token. At most 200 at once.
func (s *Service) Seed(ctx context.Context, seeds Seeds, l link.Link, all []Given, actor string) error {
	if len(all) > batch {
		return fault.New(fault.Invalid, CodeTooMany, "%d users at once are more than %d.", len(all), batch)
	}
	if err := l.Ready(); err != nil {
		return err
	}
	now := s.links.Now(l)
	mappings := make([]Mapping, 0, len(all))
	var tokens []link.UserToken
	for _, g := range all {
		g.Visitor.Pair, g.Visitor.OrgID, g.Tenant.EID = l.Pair, l.Org.OrgID, l.EID
		m, err := Decide(l, g.Visitor, g.Tenant, false, now)
		if err != nil {
			return err
		}
		mappings = append(mappings, m)
		if g.RefreshToken == "" || !l.Tenant.Driver.KeepsSecrets() {
			continue
		}
		t, err := s.links.UserToken(l, g.Tenant.Username, g.RefreshToken)
		if err != nil {
			return err
		}
		tokens = append(tokens, t)
	}
	return seeds.PutSeeded(ctx, mappings, tokens, audit.Change{At: now, Actor: actor, Action: audit.UserMapped})
}

// EngagementUserID is an AccountUserID as mappings keep it.
func EngagementUserID(id int64) string { return strconv.FormatInt(id, 10) }
