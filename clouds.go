package twinspan

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// codeNoClouds: what is asked for is an org's or a tenant's of the program's own, and it has none.
const codeNoClouds fault.Code = "no_clouds_here"

// checkClouds refuses settings of clouds that are not there.
func (c Config) checkClouds() error {
	switch c.Clouds {
	case "", CloudsEmbedded:
		return nil
	case CloudsNone:
	default:
		return configError("--clouds", "%q is neither %s nor %s", c.Clouds, CloudsEmbedded, CloudsNone)
	}
	for flag, given := range map[string]bool{"--fixture": c.Fixture != "", "--fixture-users": c.FixtureUsers != 0, "--account-type": c.AccountType != "", "--package": c.Package != "", "--bounce-addr": c.BounceAddr != ""} {
		if given {
			return configError(flag, "it is of an org or a tenant of the program's own; with --clouds none there is none")
		}
	}
	return nil
}

// alone reports whether Connect runs without an org and a tenant of the program's own.
func (c Config) alone() bool { return c.Clouds == CloudsNone }

// clouds are whose clouds the folder was made with.
func (s *seed) clouds() string {
	if s.Clouds == "" {
		return CloudsEmbedded
	}
	return s.Clouds
}

// newLoneSeed generates what Connect needs that runs alone: an id for its connection, and the tokens of its two APIs.
func newLoneSeed() *seed {
	return &seed{Version: seedVersion, Clouds: CloudsNone, PairID: newSlug(), APIToken: "tsp_" + newSecret(), ControlToken: "tsc_" + newSecret()}
}

// otherFolder refuses a database that was made with another data folder.
func (p *Program) otherFolder() error {
	return configError("--data", "the database has the connection of another data folder: processes that share one need the same seed.json and keys.json; copy both from that folder into %s, and start again", p.folder.path)
}

// open makes the connection that a program without clouds of its own has, where it is not there yet: nothing is said of its
// clouds before somebody does.
func (p *Program) open(ctx context.Context, s *seed) error {
	switch first, err := p.bridge.FirstPair(ctx); {
	case err != nil:
		return err
	case first != "" && first != s.PairID:
		return p.otherFolder()
	}
	if _, _, err := p.bridge.Certificates(ctx, s.PairID); err != nil {
		return fmt.Errorf("opening Connect's keys, sealed under --key-file: %w", err)
	}
	if err := p.bridge.OpenLink(ctx, s.PairID, vault.Secret(s.APIToken)); err != nil {
		return fmt.Errorf("making the connection: %w", err)
	}
	if s.Complete {
		return nil
	}
	s.Complete = true
	return s.save(p.seedFile(s))
}

// readyAlone says what users of a program without clouds need to know.
func (p *Program) readyAlone(s *seed) Ready {
	return Ready{
		Version: readyVersion,
		Connect: ReadyConnect{URL: p.sites.connect.url, TLSURL: p.sites.connect.tlsURL, APIToken: s.APIToken},
		Control: ReadyControl{URL: p.sites.control.url, Token: s.ControlToken},
	}
}

// hasClouds refuses what the control API does to an org and a tenant of the program's own, where there is none.
func (p *Program) hasClouds() error {
	if !p.config.alone() {
		return nil
	}
	return fault.New(fault.Conflict, codeNoClouds, "This program runs with --clouds none: the org and the tenant are elsewhere, and nothing is done to them from here.")
}
