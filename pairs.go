package twinspan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// maxPairs bounds the pairs of one program.
const maxPairs = 1000

// Codes of the faults about pairs.
const (
	codeTooManyPairs fault.Code = "too_many_pairs"
	codeBadPair      fault.Code = "invalid_pair"
	codeOtherPair    fault.Code = "not_your_pair"
	codeFirstPair    fault.Code = "first_pair"
)

// pairs are the seeds of a program's pairs, the first one first. Their secrets are kept in files: the first pair's in
// seed.json, the others' in the folder pairs.
type pairs struct {
	mu     sync.Mutex // held while the list is read or grows
	list   []*seed
	making sync.Mutex // held while a pair is made: one after the other
}

func (l *pairs) all() []*seed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// remove takes a pair out of the list; its token is nobody's any more.
func (l *pairs) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.DeleteFunc(slices.Clone(l.list), func(s *seed) bool { return s.PairID == id })
}

func (l *pairs) add(s *seed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, s)
}

// find is the pair of the id, the first one for "".
func (l *pairs) find(id string) (*seed, bool) {
	for _, s := range l.all() {
		if id == "" || s.PairID == id {
			return s, true
		}
	}
	return nil, false
}

// ofToken is the pair whose control token it is.
func (l *pairs) ofToken(token string) (found *seed) {
	for _, s := range l.all() { // all of them, so that the time tells nothing
		if oauth.EqualSecret(token, s.ControlToken) {
			found = s
		}
	}
	return found
}

// pairFolder is where the seeds of all pairs but the first are.
func (p *Program) pairFolder() string { return p.folder.file("pairs") }

// pairFile is where the seed of a pair other than the first is.
func (p *Program) pairFile(id string) string { return filepath.Join(p.pairFolder(), id+".json") }

// loadPairs reads the seeds of the pairs that were made while the program ran before.
func (p *Program) loadPairs() error {
	p.pairs.add(p.seed)
	entries, err := os.ReadDir(p.pairFolder())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the pairs: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		s, err := readSeed(filepath.Join(p.pairFolder(), e.Name()))
		if err != nil {
			return err
		}
		p.pairs.add(s)
	}
	return nil
}

// raise makes the org, the tenant and the connection of a pair where they are not there yet, and tells Connect where
// the clouds answer. Doing it again changes nothing but the addresses.
func (p *Program) raise(ctx context.Context, s *seed) error {
	orgCertificate, tenantCertificate, err := p.bridge.Certificates(ctx, s.PairID)
	if err != nil {
		return fmt.Errorf("opening Connect's keys, sealed under --key-file: %w", err)
	}
	if err := p.org.CreateOrg(ctx, s.orgSpec(orgCertificate, p.sites.connect.url)); err != nil {
		return fmt.Errorf("creating the org: %w", err)
	}
	if err := p.tenant.CreateTenant(ctx, s.tenantSpec(tenantCertificate, p.sites.connect.url)); err != nil {
		return fmt.Errorf("creating the tenant: %w", err)
	}
	err = p.bridge.PutLink(ctx, connect.LinkSpec{
		PairID: s.PairID, Standing: "embedded", CRMURL: p.sites.crm.url, ConnectedApp: journey.PackageApp, ConsumerKey: s.PackageApp.ClientID, ConsoleClientID: s.ConsoleAppID,
		EngagementAuthURL: p.sites.engagement.url + "/", PackageClientID: s.ConnectPackageID, EID: s.EID, APIToken: vault.Secret(s.APIToken),
	})
	if err != nil {
		return fmt.Errorf("telling Connect of the pair: %w", err)
	}
	return p.setClocks(ctx, s, p.org.Clock(s.OrgID))
}

// complete fills a pair's fixture in over HTTP, as its people would do it by hand, where nobody has.
func (p *Program) complete(ctx context.Context, s *seed, r Ready) error {
	path := p.seedFile(s)
	if s.Complete {
		return p.addUsers(ctx, s, path)
	}
	var err error
	switch s.Fixture {
	case FixtureDemo:
		err = p.join(ctx, s.pair(r))
	case FixtureLegacy:
		err = p.joinLegacy(ctx, s, r)
	}
	if err != nil {
		return fmt.Errorf("filling in the fixture %s: %w", s.Fixture, err)
	}
	s.Complete = true
	if err := s.save(path); err != nil {
		return err
	}
	return p.addUsers(ctx, s, path)
}

// joinLegacy connects a pair as people did before Connected App authentication. Its clock is set to that time first, as a
// real connection of that time was made then, and stays there until somebody moves it.
func (p *Program) joinLegacy(ctx context.Context, s *seed, r Ready) error {
	now := time.Now
	if p.config.Machine != nil {
		now = p.config.Machine
	}
	if err := p.moveClock(ctx, s, func(time.Duration) time.Duration { return LegacyStart.Sub(now()) }); err != nil {
		return err
	}
	j, err := journey.New(s.pair(r))
	if err != nil {
		return err
	}
	defer j.Close()
	if err := j.ConnectLegacy(ctx, s.Package == tenantOAuthPackage); err != nil {
		return err
	}
	for _, m := range s.pair(r).Members {
		if _, err := j.Traveller(m).Visit(ctx); err != nil {
			return fmt.Errorf("mapping %s: %w", m.Org.Username, err)
		}
	}
	return nil
}

// addPair makes a pair beside the others. Its secrets are kept before they are used, so that one whose making breaks
// off is completed by the next start.
func (p *Program) addPair(ctx context.Context, kind pairKind) (*seed, Ready, error) {
	if err := p.hasClouds(); err != nil {
		return nil, Ready{}, err
	}
	p.pairs.making.Lock()
	defer p.pairs.making.Unlock()
	if len(p.pairs.all()) >= maxPairs {
		return nil, Ready{}, fault.New(fault.Limited, codeTooManyPairs, "There are %d pairs already.", maxPairs)
	}
	s, err := newSeed(kind)
	if err != nil {
		return nil, Ready{}, err
	}
	if err := os.MkdirAll(p.pairFolder(), 0o700); err != nil {
		return nil, Ready{}, fmt.Errorf("the folder of pairs: %w", err)
	}
	if err := s.save(p.pairFile(s.PairID)); err != nil {
		return nil, Ready{}, err
	}
	r := p.readyOf(s, "")
	err = p.raise(ctx, s)
	if err == nil {
		err = p.complete(ctx, s, r)
	}
	if err != nil {
		// Nobody has been told of it, so nobody misses it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
		defer cancel()
		return nil, Ready{}, errors.Join(err, p.raze(ctx, s))
	}
	p.pairs.add(s)
	return s, r, nil
}

// undoTime bounds the taking away of a pair whose making failed.
const undoTime = 30 * time.Second

// raze takes a pair away: its connection, tenant and org with everything in them, and its secrets last. What breaks off
// is ended by the next start, because the seed says so.
func (p *Program) raze(ctx context.Context, s *seed) error {
	if !s.Deleting {
		s.Deleting = true
		if err := s.save(p.pairFile(s.PairID)); err != nil {
			return err
		}
	}
	p.pairs.remove(s.PairID)
	if err := p.bridge.DeleteLink(ctx, s.PairID); err != nil {
		return fmt.Errorf("deleting the connection: %w", err)
	}
	if err := p.tenant.DeleteTenant(ctx, s.EID); err != nil {
		return fmt.Errorf("deleting the tenant: %w", err)
	}
	if err := p.org.DeleteOrg(ctx, s.OrgID); err != nil {
		return fmt.Errorf("deleting the org: %w", err)
	}
	if err := os.Remove(p.pairFile(s.PairID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting the secrets of the pair: %w", err)
	}
	return nil
}

// deletePair takes a pair away; not the first one.
func (p *Program) deletePair(ctx context.Context, id string) error {
	p.pairs.making.Lock()
	defer p.pairs.making.Unlock()
	s, ok := p.pairs.find(id)
	switch {
	case !ok || id == "":
		return noPair()
	case s == p.seed:
		return fault.New(fault.Conflict, codeFirstPair, "The first pair is the program's own; it goes with the data folder.")
	}
	return p.raze(ctx, s)
}

func noPair() error { return fault.New(fault.NotFound, codeNoPair, "There is no pair of that id.") }

// wantedPair is what is said of a pair that is to be made; "" and 0 are what twinspan up takes for them.
type wantedPair struct {
	fixture              string
	users                int
	accountType, release string
	sandbox              bool // the org is one
}

// makePair makes a pair beside the others. What cannot be made is an Invalid fault in the field of the control API.
func (p *Program) makePair(ctx context.Context, w wantedPair) (*seed, Ready, error) {
	conf, err := Config{Ephemeral: true, Fixture: w.fixture, FixtureUsers: w.users, AccountType: w.accountType, Package: w.release}.resolve()
	if err != nil {
		field := ""
		if bad, ok := errors.AsType[*ConfigError](err); ok { // flags are the command line's
			err, field = bad.Err, strings.ReplaceAll(strings.TrimPrefix(bad.Flag, "--"), "-", "_")
		}
		return nil, Ready{}, fault.Wrap(err, fault.Invalid, codeBadPair, "%s", err.Error()).In(field)
	}
	kind := conf.pairKind()
	kind.sandbox = w.sandbox
	made, ready, err := p.addPair(ctx, kind)
	if fault.KindOf(err) == fault.Invalid && w.release != "" { // all else was looked at; which releases there are the org knows alone
		err = fault.Of(err).In("package")
	}
	return made, ready, err
}
