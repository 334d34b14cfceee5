package mapping

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// tokenField is the User field "Marketing Cloud OAuth Token" (document 000; connect-facts 1.7, 3.1). Below package 5.493
// Connect leaves a random handle of 40 characters in it, while the token itself stays with Connect: whoever blanks or
// changes the field clears the mapping. From 5.493 on the token lies where no administrator reaches, the field stays
// empty, and blanking it changes nothing (DESIGN 5.4). Under an own link the field, where there is one, is the vendor's: Connect
// leaves nothing in it.
func tokenField(l link.Link) string {
	n := l.Names()
	return n.Of(n.TokenField)
}

// A handle has 40 characters (DESIGN 5.4): 22 of 128 random bits, and a tag of 18 that only Connect can make, for this user.
// So each handle that Connect left is known for one, also where two processes leave one each at the same moment.
const (
	handleRandom = 22
	handleTag    = 18
)

// HandleLength is how many characters a handle in the User field has.
const HandleLength = handleRandom + handleTag

// Keys gives the secret key of a pair.
type Keys interface {
	Key(ctx context.Context, pair string) ([]byte, error)
}

// tag is the end of the user's handle that begins with the random text.
func tag(key []byte, pair, crmUserID, random string) string {
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "twinspan/handle/v1|%s|%s|%s", pair, crmUserID, random) // a hash takes everything
	return hex.EncodeToString(mac.Sum(nil))[:handleTag]
}

// ours reports whether a value is a handle that Connect made for the user.
func ours(key []byte, pair, crmUserID, value string) bool {
	if len(value) != handleRandom+handleTag {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(tag(key, pair, crmUserID, value[:handleRandom])), []byte(value[handleRandom:])) == 1
}

// Handle is the SHA-256 of what Connect left in the User field; zero where it left nothing.
type Handle [sha256.Size]byte

// CodeRetiredPackage: the org has a release of the package from before version 5, to which document 000 does not apply.
const CodeRetiredPackage fault.Code = "package_retired"

// stands reports whether the field's value is what was left there, or another handle of this user. Somebody who may not
// view encrypted data sees asterisks, which say that there is something and no more.
func (s *Service) stands(ctx context.Context, m Mapping, value string) (bool, error) {
	if value == "" {
		return false, nil
	}
	if Handle(sha256.Sum256([]byte(value))) == m.Handle || strings.Trim(value, "*") == "" {
		return true, nil
	}
	key, err := s.keys.Key(ctx, m.Pair)
	return err == nil && ours(key, m.Pair, m.CRMUserID, value), err
}

// fields reads the field of users by id, in one query; at most batch of them. A user who is not there has none.
func (s *Service) fields(ctx context.Context, l link.Link, ids []string) (map[string]string, error) {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = crm.Literal(id)
	}
	values := make(map[string]string, len(ids))
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		records, err := org.Query(ctx, "SELECT Id, "+tokenField(l)+" FROM User WHERE Id IN ("+strings.Join(list, ", ")+")")
		for _, r := range records {
			values[r.String("Id")] = r.String(tokenField(l))
		}
		return err
	})
	return values, err
}

// write puts a value into a user's field, "" to blank it.
func (s *Service) write(ctx context.Context, l link.Link, crmUserID, value string) error {
	var field any
	if value != "" {
		field = value
	}
	return s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		return org.UpdateRecord(ctx, "User", crmUserID, map[string]any{tokenField(l): field})
	})
}

// leave puts a new handle into the user's field.
func (s *Service) leave(ctx context.Context, l link.Link, crmUserID string) (Handle, error) {
	key, err := s.keys.Key(ctx, l.Pair)
	if err != nil {
		return Handle{}, err
	}
	random := oauth.NewToken(16)
	value := random + tag(key, l.Pair, crmUserID, random)
	return sha256.Sum256([]byte(value)), s.write(ctx, l, crmUserID, value)
}

// blank empties the user's field for a mapping that ends. Only an org that cannot be reached keeps it from ending: one
// that refuses has lost the field or the user.
func (s *Service) blank(ctx context.Context, l link.Link, m Mapping) error {
	if m.Handle == (Handle{}) || l.VendorsOwn() {
		return nil
	}
	err := s.write(ctx, l, m.CRMUserID, "")
	if code := fault.CodeOf(err); code == client.CodeRefused || code == client.CodeNotFound {
		return nil
	}
	return err
}

// ended says why a mapping was cleared by way of the org.
func ended(l link.Link, value string) string {
	if value == "" {
		return l.Names().TokenLabel + " was blanked on the Salesforce user."
	}
	return l.Names().TokenLabel + " was changed on the Salesforce user."
}

// byOrg is who clears a mapping by way of the User field; the org's Setup Audit Trail and the record know more.
const byOrg = "org"

// goneInOrg reports whether the handle that the mapping left in the User field stands there no longer, and what does.
// Where the package has passed 5.493 meanwhile, nothing in the field counts, and the mapping loses its handle.
func (s *Service) goneInOrg(ctx context.Context, l link.Link, m *Mapping) (gone bool, value string, err error) {
	if m.Handle == (Handle{}) {
		return false, "", nil
	}
	if l.VendorsOwn() {
		err := s.move(ctx, l, *m, "")
		m.Handle = Handle{}
		return false, "", err
	}
	values, err := s.fields(ctx, l, []string{m.CRMUserID})
	value, there := values[m.CRMUserID]
	if err == nil {
		stands, err := s.stands(ctx, *m, value)
		if !there || stands || err != nil {
			return false, value, err
		}
	}
	if code := fault.CodeOf(err); err != nil && code != client.CodeRefused {
		return false, "", err // a refusal: the field has gone with the package
	}
	p, err := s.links.Package(ctx, l, true)
	if err != nil || l.TokenInField(p) {
		return err == nil, value, err
	}
	err = s.move(ctx, l, *m, value)
	m.Handle = Handle{}
	return false, value, err
}

// clearedInOrg clears a mapping that is gone in the org, and reports that.
func (s *Service) clearedInOrg(ctx context.Context, l link.Link, m *Mapping) (bool, error) {
	gone, value, err := s.goneInOrg(ctx, l, m)
	if err != nil || !gone {
		return false, err
	}
	return true, s.clearInOrg(ctx, l, *m, value)
}

func (s *Service) clearInOrg(ctx context.Context, l link.Link, m Mapping, value string) error {
	now, err := s.store.Mapping(ctx, l.Pair, m.CRMUserID)
	if fault.CodeOf(err) == CodeNotFound || err == nil && !now.CreatedAt.Equal(m.CreatedAt) {
		return nil // cleared or mapped anew meanwhile
	}
	if err != nil {
		return err
	}
	m.Handle = Handle{} // nothing of ours is left to blank
	err = s.clear(ctx, l, Clear{ID: oauth.NewToken(16), Mapping: m, Actor: byOrg, Reason: ended(l, value), At: s.links.Now(l)})
	if fault.CodeOf(err) == CodeNotFound {
		return nil
	}
	return err
}

// handleFor gives the handle of a mapping that is about to be made: none from 5.493 on, or where the field is the vendor's; else the one that the user's
// former mapping left, where it stands, or a new one. A mapping whose handle stands in no field does not exist yet: the
// field is written first.
func (s *Service) handleFor(ctx context.Context, l link.Link, crmUserID string, old Mapping) (Handle, error) {
	if l.VendorsOwn() {
		return Handle{}, nil
	}
	p, err := s.links.Package(ctx, l, false)
	switch {
	case err != nil:
		return Handle{}, err
	case p.Retired():
		return Handle{}, fault.New(fault.Denied, CodeRetiredPackage, "The org has version %s of the managed package. Mappings need version 5 or newer: upgrade the package.", p)
	case !l.TokenInField(p):
		return Handle{}, nil
	case old.Handle != Handle{}:
		return old.Handle, nil
	}
	return s.leave(ctx, l, crmUserID)
}

// batch is how many users' fields one query reads.
const batch = 200

// Swept is what a look through all mappings of a connection found.
type Swept struct {
	Package link.Package
	Looked  int     // mappings looked at
	Cleared []Clear // by way of the User field
	Given   int     // mappings that got a handle, having had none below 5.493
	Moved   int     // mappings whose token no longer hangs on the field, because the package has passed 5.493
	// Failed are users whom the org or the tenant refused something about; the others were looked at.
	Failed []Failure
}

// Sweep looks through all mappings: for users who were renamed in the org; below 5.493 for fields that were blanked or changed, from there on for handles that
// are left over, which are blanked. What cannot be done now is left for the next sweep and is its error.
func (s *Service) Sweep(ctx context.Context, l link.Link) (Swept, error) {
	if err := s.links.Interrupted(l); err != nil {
		return Swept{}, err
	}
	p, err := s.links.Package(ctx, l, true)
	out := Swept{Package: p}
	after := ""
	for err == nil {
		var known []Known
		if known, err = s.store.Known(ctx, l.Pair, after, batch); err != nil || len(known) == 0 {
			break
		}
		after = known[len(known)-1].Mapping.CRMUsername
		var page, mapped []Mapping
		for _, k := range known {
			if !k.Clear.At.IsZero() {
				continue
			}
			mapped = append(mapped, k.Mapping)
			if l.TokenInField(p) || k.Mapping.Handle != (Handle{}) {
				page = append(page, k.Mapping)
			}
		}
		if err = s.sweep(ctx, l, page, &out); err == nil {
			err = s.names(ctx, l, mapped)
		}
	}
	return out, err
}

func (s *Service) sweep(ctx context.Context, l link.Link, page []Mapping, out *Swept) error {
	if len(page) == 0 {
		return nil
	}
	inField := l.TokenInField(out.Package)
	ids := make([]string, len(page))
	for i, m := range page {
		ids[i] = m.CRMUserID
	}
	var values map[string]string
	var err error
	if !l.VendorsOwn() {
		values, err = s.fields(ctx, l, ids)
	}
	gone := err != nil && fault.CodeOf(err) == client.CodeRefused && !inField // the field, with the package
	if err != nil && !gone {
		return err
	}
	for _, m := range page {
		out.Looked++
		value, there := values[m.CRMUserID]
		stands, err := s.stands(ctx, m, value)
		if err != nil {
			return err
		}
		switch {
		case !inField:
			if err = s.move(ctx, l, m, value); err == nil {
				out.Moved++
			}
		case !there:
		case m.Handle == Handle{}:
			if err = s.give(ctx, l, m); err == nil {
				out.Given++
			}
		case !stands:
			if err = s.clearInOrg(ctx, l, m, value); err == nil {
				out.Cleared = append(out.Cleared, Clear{Mapping: m, Actor: byOrg, Reason: ended(l, value), At: s.links.Now(l)})
			}
		}
		if code := fault.CodeOf(err); code == client.CodeRefused || code == client.CodeNotFound { // of this user: a rule, a lock, an inactive one
			out.Failed = append(out.Failed, Failure{m.CRMUsername, err})
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// move lets a mapping's token no longer hang on the User field. Nothing is asked of the user.
func (s *Service) move(ctx context.Context, l link.Link, m Mapping, value string) error {
	stands, err := s.stands(ctx, m, value)
	if err != nil {
		return err
	}
	if stands {
		if err := s.blank(ctx, l, m); err != nil {
			return err
		}
	}
	return s.store.SetHandle(ctx, m, Handle{})
}

// give gives a handle to a mapping that was made while the package could not be asked.
func (s *Service) give(ctx context.Context, l link.Link, m Mapping) error {
	h, err := s.leave(ctx, l, m.CRMUserID)
	if err != nil {
		return err
	}
	return s.store.SetHandle(ctx, m, h)
}
