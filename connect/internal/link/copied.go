package link

import (
	"context"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeCopied: the org that answers is another one than the connection was made with, as after a sandbox was refreshed or
// cloned: its settings are those of the production org, and what ran there would send test contacts into production's
// journeys (connect-facts 3.7).
const CodeCopied fault.Code = "connection_copied"

// copied is the refusal of a connection that was copied into another org.
func (l Link) copied(orgID string) error {
	return fault.New(fault.Denied, CodeCopied, "This connection belongs to org %s, and org %s answers, so nothing runs: it was copied, as by refreshing a sandbox, and would reach the original's Engagement account. "+
		"In the copy, run this anonymous Apex for the vendor's package: %s Then disconnect here, and connect the copy to an account of its own.", l.Org.OrgID, orgID, l.Names().ResetApex())
}

// guard refuses calls to Engagement for a connection that was found copied, until its own org answers again. One that does
// not answer, or signs nobody in, is not known to be its own.
func (s *Service) guard(ctx context.Context, l Link) error {
	if l.Org.Cause.Code != string(CodeCopied) {
		return nil
	}
	if t, err := s.mintOrg(ctx, l, l.Org.Username); err == nil && t.OrgID == l.Org.OrgID { // a new one: an old one may be the original's
		return s.note(ctx, l, IntoOrg, nil)
	}
	return fault.New(fault.Denied, CodeCopied, "%s", l.Org.Cause.Text)
}

// Copied reports whether the connection is a copy, whose records may be forgotten and whose clouds must not be touched.
func (s *Service) Copied(ctx context.Context, l Link) bool { return s.guard(ctx, l) != nil }
