package mapping

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/oauth"
)

// JobImport is the kind of the job that works on an import; its payload is an ImportPayload.
const JobImport = "mapping_import"

// ImportPayload names the import of a job.
type ImportPayload struct {
	Pair string `json:"pair"`
	ID   string `json:"id"`
}

const (
	// importBatch lines are looked up by one query of each cloud, intended together and settled together.
	importBatch = 50
	// importCalls is how many lines of a batch call the clouds at the same time.
	importCalls = 12
	// importAttempts is how often a line is tried whose clouds fail or do not answer. An import has no bound of age, as the migration of
	// users has: nothing in it waits for somebody's approval, rounds are at most importPause apart, a start that a kill broke off counts as
	// an attempt, and the job itself is over ("stopped") after as many starts. Only an outage holds it longer, and ends by itself.
	importAttempts = 8
	// importRound is the pause before lines are tried again, doubled each round up to importPause.
	importRound = 250 * time.Millisecond
	importPause = 30 * time.Second
	// importTimeout bounds the calls of one batch.
	importTimeout = 2 * time.Minute
	// importGrace is how long a batch that has begun goes on when the job is cancelled or the program stops.
	importGrace = 5 * time.Second
)

// Importer takes lists of users and maps them in the background. It is safe for concurrent use.
type Importer struct {
	store    Imports
	mappings *Service
	links    *link.Service
}

// NewImporter wires the importer and gives the queue its handler.
func NewImporter(store Imports, mappings *Service, links *link.Service, queue *jobs.Queue) *Importer {
	i := &Importer{store: store, mappings: mappings, links: links}
	queue.Handle(JobImport, i.run)
	return i
}

// Start takes a list of users and queues the work.
func (i *Importer) Start(ctx context.Context, l link.Link, text []byte, actor string) (Import, error) {
	if err := i.links.Available(l); err != nil {
		return Import{}, err
	}
	lines, err := ParseImport(text)
	if err != nil {
		return Import{}, err
	}
	imp := Import{Pair: l.Pair, ID: oauth.NewToken(16), Actor: actor, CreatedAt: i.links.Now(l)}
	if err := i.store.AddImport(ctx, imp, lines); err != nil {
		return Import{}, err
	}
	return i.store.Import(ctx, l.Pair, imp.ID)
}

// Import reads an import of the link.
func (i *Importer) Import(ctx context.Context, l link.Link, id string) (Import, error) {
	return i.store.Import(ctx, l.Pair, id)
}

// List lists the newest imports of the link.
func (i *Importer) List(ctx context.Context, l link.Link, limit int) ([]Import, error) {
	return i.store.ListImports(ctx, l.Pair, limit)
}

// Lines lists an import's lines after a position.
func (i *Importer) Lines(ctx context.Context, l link.Link, id string, after, limit int) ([]Line, error) {
	if _, err := i.store.Import(ctx, l.Pair, id); err != nil {
		return nil, err
	}
	return i.store.Lines(ctx, l.Pair, id, false, after, limit)
}

// Cancel ends an import. Lines whose calls are under way get their outcome still.
func (i *Importer) Cancel(ctx context.Context, l link.Link, id, actor string) (Import, error) {
	if err := i.store.CancelImport(ctx, l.Pair, id, audit.Change{At: i.links.Now(l), Actor: actor, Action: audit.ImportCancelled, Subject: id}); err != nil {
		return Import{}, err
	}
	return i.store.Import(ctx, l.Pair, id)
}

// run works on an import until each of its lines has an outcome. Lines that a cloud failed are tried again in rounds, each
// later than the one before. Its error is one of the connection, not of a line: the job comes back later.
func (i *Importer) run(ctx context.Context, r *jobs.Run) error {
	var p ImportPayload
	if err := json.Unmarshal(r.Payload, &p); err != nil {
		return jobs.Permanent(fmt.Errorf("mapping: reading a job: %w", err))
	}
	imp, err := i.store.Import(ctx, p.Pair, p.ID)
	if err != nil {
		return err
	}
	for round := 0; ; round++ {
		if round > 0 {
			if err := jobs.Pause(ctx, min(importPause, importRound<<min(round-1, 10))); err != nil {
				return err
			}
		}
		waiting := false
		for after := 0; ; {
			l, err := i.uninterrupted(ctx, p.Pair) // again each time: it may have been reconnected
			if err != nil {
				return err
			}
			lines, err := i.store.Lines(ctx, p.Pair, p.ID, true, after, importBatch)
			if err != nil {
				return err
			}
			if len(lines) == 0 {
				break
			}
			waiting, after = true, lines[len(lines)-1].Position
			if err := i.batch(ctx, r, l, p.ID, imp.Actor, lines); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
		}
		if !waiting {
			return nil
		}
	}
}

// importOutage is how often an import that an outage interrupts looks whether it is over.
const importOutage = 10 * time.Second

// uninterrupted reads the link of a pair. In an outage the job is put back, for its end: a worker that waited would be
// missing to everybody else for as long.
func (i *Importer) uninterrupted(ctx context.Context, pair string) (link.Link, error) {
	l, err := i.links.Link(ctx, pair)
	if err == nil && i.links.Interrupted(l) != nil {
		err = jobs.Later(importOutage)
	}
	return l, err
}

// batch looks the users of lines up, writes down what it is about to do, does it, and writes down what came of it. Once it
// has begun it goes on to its end although the job is cancelled or the program stops.
func (i *Importer) batch(ctx context.Context, r *jobs.Run, l link.Link, id, actor string, lines []Line) error {
	found, err := i.lookUp(ctx, l, lines)
	if err != nil {
		return err
	}
	if err := i.store.Intend(ctx, r, l.Pair, id, lines); err != nil {
		return err
	}
	ctx, cancel := jobs.Linger(ctx, importTimeout, importGrace)
	defer cancel()
	var mu sync.Mutex
	mappings := map[int]Mapping{}
	var wg sync.WaitGroup
	slots := make(chan struct{}, importCalls)
	for n := range lines {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			line := &lines[n]
			line.Attempts++
			m, kept, err := i.prepare(ctx, l, found, *line)
			switch {
			case err == nil && kept:
				line.Status, line.Code = LineDone, "mapped_before"
			case err == nil:
				line.Status = LineDone
				mu.Lock()
				mappings[line.Position] = m
				mu.Unlock()
			case passing(err) && line.Attempts < importAttempts:
				line.Status = LinePlanned
			default:
				*line = i.giveUp(ctx, l, found, *line, err)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err // calls were cut off: what came of them is not known, and they are made again
	}
	why := audit.Change{At: i.links.Now(l), Actor: actor, Action: audit.UsersImported, Subject: id}
	lost, err := i.store.Settle(ctx, r, why, l.Pair, id, lines, mappings)
	for _, m := range lost {
		i.mappings.release(ctx, l, m)
	}
	return err
}

// passing reports whether a failure is one of the moment: the cloud did not answer, failed, or asked to come later, or ended a token that it
// had just given; or something of ours did.
func passing(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.Unavailable || kind == fault.Limited || kind == fault.Internal || fault.CodeOf(err) == client.CodeUnauthorized
}

// giveUp is the line with its failure as outcome. A grant that was made for it, and that no mapping works with, ends.
func (i *Importer) giveUp(ctx context.Context, l link.Link, found users, line Line, err error) Line {
	if !passing(err) { // what refused it has seen to that
		return line.failed(err)
	}
	line = line.failed(err)
	if backErr := i.mappings.GiveBack(ctx, l, line.EngagementUsername); backErr != nil {
		line.Reason += " A grant of " + line.EngagementUsername + " may be left in Engagement for some minutes."
	}
	if user, known := found.crm[fold(line.CRMUsername)]; known {
		if backErr := i.mappings.takeBack(ctx, l, user.CRMUserID); backErr != nil {
			line.Reason += " Something may be left in Marketing Cloud OAuth Token of " + line.CRMUsername + "."
		}
	}
	return line
}

// users are those whom the clouds have, by folded user name.
type users struct {
	crm        map[string]Mapping
	engagement map[string]engagement.AccountUser
	granted    map[string]bool // whom the tenant has a live grant of; nil where it does not tell
}

// lookUp reads the users of lines, one query in each cloud, and who of them has a grant.
func (i *Importer) lookUp(ctx context.Context, l link.Link, lines []Line) (users, error) {
	found := users{crm: map[string]Mapping{}, engagement: map[string]engagement.AccountUser{}}
	names := make([]string, len(lines))
	filter := engagement.Filter{Property: "UserID", Operator: "IN"}
	for n, line := range lines {
		names[n] = line.CRMUsername
		filter.Values = append(filter.Values, line.EngagementUsername)
	}
	if len(lines) == 1 { // IN wants more than one
		filter.Operator = "equals"
	}
	for _, part := range client.Parts(names, importBatch) { // one, unless names are longer than people's are
		for n, name := range part {
			part[n] = crm.Literal(name)
		}
		err := again(ctx, func() error {
			people, err := i.mappings.orgUsers(ctx, l, "IsActive = TRUE AND Username IN ("+strings.Join(part, ", ")+")")
			for _, p := range people {
				found.crm[fold(p.CRMUsername)] = p
			}
			return err
		})
		if err != nil {
			return found, err
		}
	}
	err := again(ctx, func() error {
		return i.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
			people, err := tenant.IntegratedUsers(ctx, &filter)
			for _, p := range people {
				if p.Active {
					found.engagement[fold(p.Username)] = p
				}
			}
			return err
		})
	})
	if err != nil {
		return found, err
	}
	return found, again(ctx, func() error {
		err := i.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
			grants, err := tenant.GrantsOf(ctx, filter.Values)
			found.granted = map[string]bool{}
			for _, g := range grants {
				found.granted[fold(g.Username)] = true
			}
			return err
		})
		if fault.CodeOf(err) == client.CodeRefused { // each mapping is tried instead
			return nil
		}
		return err
	})
}

// again makes a call that may be repeated up to five times, where a cloud fails.
func again(ctx context.Context, call func() error) error {
	for try := 0; ; try++ {
		err := call()
		if err == nil || !passing(err) || try == 4 {
			return err
		}
		if err := jobs.Pause(ctx, importRound<<try); err != nil {
			return err
		}
	}
}

func (i *Importer) prepare(ctx context.Context, l link.Link, found users, line Line) (m Mapping, kept bool, err error) {
	crmUser, ok := found.crm[fold(line.CRMUsername)]
	if !ok {
		return Mapping{}, false, noCRMUser(line.CRMUsername)
	}
	user, ok := found.engagement[fold(line.EngagementUsername)]
	if !ok {
		return Mapping{}, false, noEngagementUser(line.EngagementUsername)
	}
	r := Request{CRMUsername: line.CRMUsername, EngagementUsername: line.EngagementUsername, MID: line.MID}
	return i.mappings.prepare(ctx, l, r, crmUser, user, proof{granted: found.granted[fold(line.EngagementUsername)]})
}
