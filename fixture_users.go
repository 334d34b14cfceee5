package twinspan

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/vault"
)

// MaxFixtureUsers bounds Config.FixtureUsers.
const MaxFixtureUsers = 1_000_000

// codeTooManyUsers is the fault of a number of users that cannot be made.
const codeTooManyUsers fault.Code = "invalid_users"

const (
	// userBatch is how many users each house adds in one transaction.
	userBatch = 200
	// userMark is after how many the seed is kept anew; what a crash repeats changes nothing.
	userMark = 10_000
	// spareSeats are the licences that an org has left beside those of the users whom its fixture gives it.
	spareSeats = 1000
)

// bulkUser is the number-th user of those that a fixture has beside the three persons, from 1 on.
func (s *seed) bulkUser(number int) (org crm.UserSpec, tenant engagement.UserSpec) {
	name, last := fmt.Sprintf("user-%06d", number), fmt.Sprintf("Number %d", number)
	l := s.BulkUsers.Login
	l.Username = name + "@" + s.host()
	org = orgUser(l, "User", last, "Standard User", true, false)
	org.PasswordHash = s.BulkUsers.hash
	tenant = engagement.UserSpec{
		Username: name + "." + s.PairID, Name: "User " + last, Email: name + "@tenant.example", PasswordHash: s.BulkUsers.hash,
		Roles: userRoles(), SalesforceStatus: l.Username,
	}
	return org, tenant
}

// userPart are some users on their way through the houses.
type userPart struct {
	first  int // number of the first one
	org    []crm.UserSpec
	tenant []engagement.UserSpec
	crmIDs []string
	added  []engagement.AddedUser // nil where all of them were mapped already
}

// addUsers makes the users that a pair's fixture has beside its three persons: in the org, in the tenant as if they had
// signed in there through Connect, assigned the set that approves them for the connected app where somebody has made it, and mapped in Connect by the drivers that its spans have. The houses work side by side,
// each a batch of users in one transaction. Broken off at any moment it is completed by doing it again: what is there stays,
// and the sign-ins of a batch that Connect was not told of lie unused until they expire.
func (p *Program) addUsers(ctx context.Context, s *seed, path string) error {
	if s.BulkUsers.Made >= s.BulkUsers.Number {
		return nil
	}
	if err := s.BulkUsers.prepare(); err != nil {
		return err
	}
	_, tenantDriver, err := p.bridge.Drivers(ctx, s.PairID)
	if err != nil {
		return err
	}
	approval := engagement.Approval{ClientID: s.ConnectPackageID, SignedIn: tenantDriver != connect.DriverJWT}
	total := s.BulkUsers.Number
	p.log.Info("making the fixture's users", "pair", s.PairID, "users", total, "made", s.BulkUsers.Made)
	outer := ctx
	g, ctx := errgroup.WithContext(ctx)
	inOrg, inTenant := make(chan userPart, 2), make(chan userPart, 2)
	g.Go(func() error {
		defer close(inOrg)
		for first := s.BulkUsers.Made + 1; first <= total; first += userBatch {
			part := userPart{first: first}
			for n := first; n < first+userBatch && n <= total; n++ {
				org, tenant := s.bulkUser(n)
				part.org, part.tenant = append(part.org, org), append(part.tenant, tenant)
			}
			var err error
			if part.crmIDs, err = p.org.AddUsers(ctx, s.OrgID, part.org, []string{journey.ApprovalSet}, total+spareSeats); err != nil {
				return fmt.Errorf("adding users to the org: %w", err)
			}
			if err := pass(ctx, inOrg, part); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		defer close(inTenant)
		for part := range inOrg {
			mapped, err := p.bridge.Mapped(ctx, s.PairID, part.crmIDs)
			if err != nil {
				return err
			}
			if mapped < len(part.crmIDs) {
				if part.added, err = p.tenant.AddUsers(ctx, s.EID, part.tenant, approval); err != nil {
					return fmt.Errorf("adding users to the tenant: %w", err)
				}
			}
			if err := pass(ctx, inTenant, part); err != nil {
				return err
			}
		}
		return nil
	})
	g.Go(func() error {
		marked := s.BulkUsers.Made
		for part := range inTenant {
			if err := p.mapUsers(ctx, s, part); err != nil {
				return fmt.Errorf("mapping users: %w", err)
			}
			now := part.first - 1 + len(part.org)
			if now-marked < userMark {
				continue
			}
			marked = now
			if err := p.keepMade(s, path, now); err != nil {
				return err
			}
			p.log.Info("making the fixture's users", "pair", s.PairID, "users", total, "made", now)
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if err := p.org.Analyze(outer); err != nil { // of all three houses, which share the database where it is PostgreSQL
		return err
	}
	return p.keepMade(s, path, total)
}

// keepMade keeps how many of a fixture's users are there.
func (p *Program) keepMade(s *seed, path string, made int) error {
	s.BulkUsers.Made = made
	return s.save(path)
}

// pass hands a part on, unless the work has ended.
func pass(ctx context.Context, to chan<- userPart, part userPart) error {
	select {
	case to <- part:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Program) mapUsers(ctx context.Context, s *seed, part userPart) error {
	if part.added == nil {
		return nil
	}
	all := make([]connect.AddedMapping, len(part.added))
	for i, t := range part.added {
		org, tenant := part.org[i], part.tenant[i]
		all[i] = connect.AddedMapping{
			CRMUserID: part.crmIDs[i], CRMUsername: org.Username, CRMName: org.FirstName + " " + org.LastName,
			EngagementUserID: t.ID, EngagementUsername: tenant.Username, EngagementName: tenant.Name, MID: t.DefaultMID, RefreshToken: t.RefreshToken,
		}
	}
	return p.bridge.AddMappings(ctx, s.PairID, all)
}

// bulkUsers are the users that a fixture has beside its three persons.
type bulkUsers struct {
	Number int `json:"number"`
	// Made is how many of them are there, counted in batches.
	Made int `json:"made"`
	// Login is what all of them sign in with, in both clouds, each with a user name of his own: to hash a password for each
	// would take longer than everything else.
	Login Login `json:"login"`

	hash string // of Login's password
}

// prepare makes the common password.
func (b *bulkUsers) prepare() (err error) {
	if b.Login.Password == "" {
		b.Login = newOrgLogin("")
	}
	b.hash, err = vault.HashGenerated(vault.Secret(b.Login.Password))
	return err
}

// checkUsers refuses a number of users that a fixture cannot have.
func checkUsers(fixture string, users int) error {
	switch {
	case users < 0 || users > MaxFixtureUsers:
		return fault.New(fault.Invalid, codeTooManyUsers, "users must be between 0 and %d", MaxFixtureUsers)
	case users > 0 && fixture == FixtureNewOrg:
		return fault.New(fault.Invalid, codeTooManyUsers, "the fixture %s has no connection on which users could be mapped", FixtureNewOrg)
	}
	return nil
}

// moreUsers brings the users of a pair's fixture up to a number, counted without its three persons. Fewer than there are
// are left.
func (p *Program) moreUsers(ctx context.Context, s *seed, users int) error {
	if err := checkUsers(s.Fixture, users); err != nil {
		return err
	}
	p.pairs.making.Lock()
	defer p.pairs.making.Unlock()
	if s.Deleting || users <= s.BulkUsers.Made {
		return nil
	}
	path := p.seedFile(s)
	s.BulkUsers.Number = users
	if err := s.save(path); err != nil {
		return err
	}
	return p.addUsers(ctx, s, path)
}

// seedFile is where a pair's seed is.
func (p *Program) seedFile(s *seed) string {
	if s == p.seed {
		return p.folder.file("seed.json")
	}
	return p.pairFile(s.PairID)
}
