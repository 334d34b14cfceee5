package tenant

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeNoLoad: no asynchronous request of the business unit has the id.
const CodeNoLoad fault.Code = "no_load"

// LoadKept is how long what became of an asynchronous request can be asked for, in domain time.
const LoadKept = 24 * time.Hour

// Load is one asynchronous request to write rows.
type Load struct {
	Tenant    EID
	MID       MID
	ID        string // GUID: the requestId
	Extension string // GUID of the data extension
	Mode      RowMode
	Items     []RowInput // those that are not done yet are at the end; empty once all are
	Count     int        // of all items
	Done      int        // of those that are done, in order
	Failures  []LoadFailure
	Called    time.Time
	PickedUp  time.Time // zero while it waits
	Completed time.Time // zero while it is not done
}

// LoadFailure is one row of a load that was refused.
type LoadFailure struct {
	Item    int    `json:"item"` // from 0
	Message string `json:"message"`
}

// LoadProgress is how a load moves on with a batch: from Done to Done + Batch items.
type LoadProgress struct {
	Tenant   EID
	ID       string
	Done     int
	Batch    int
	Failures []LoadFailure // so far, and those of the batch that never reached the store
	Places   []int         // the item of each operation of the batch
	Now      time.Time
	Last     bool
	before   []LoadFailure
}

// refused notes what is wrong with rows before the store sees them.
func (l *LoadProgress) refused(refusals []error, places []int) {
	l.Failures = append([]LoadFailure(nil), l.before...)
	for i, err := range refusals {
		if err != nil {
			l.Failures = append(l.Failures, LoadFailure{Item: l.Done + i, Message: Problems(err).Error()})
		}
	}
	l.Places = l.Places[:0]
	for _, p := range places {
		l.Places = append(l.Places, l.Done+p)
	}
}

// Load takes rows that are written later, by a durable job, and returns the id of the request.
func (s *DataExtensions) Load(ctx context.Context, p Principal, ref ExtensionRef, mode RowMode, rows []RowInput) (string, error) {
	if err := mayWrite(p, ScopeDataExtensionsWrite); err != nil {
		return "", err
	}
	if len(rows) == 0 || len(rows) > MaxWriteRows {
		return "", fault.New(fault.Invalid, CodeTooManyRows, "A request writes 1 to %d rows.", MaxWriteRows)
	}
	d, err := s.Store.Extension(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return "", err
	}
	l := Load{
		Tenant: p.Tenant, MID: p.MID, ID: NewGUID(), Extension: d.ID, Mode: mode, Items: rows, Count: len(rows), Called: s.Now(p.Tenant),
	}
	return l.ID, s.Store.PutLoad(ctx, l)
}

// LoadState tells how an asynchronous request stands.
func (s *DataExtensions) LoadState(ctx context.Context, p Principal, id string) (Load, error) {
	if err := mayRead(p, ScopeDataExtensionsRead, ScopeDataExtensionsWrite); err != nil {
		return Load{}, err
	}
	l, err := s.Store.LoadByID(ctx, p.Tenant, p.MID, id)
	if err == nil && s.Now(p.Tenant).Sub(l.Called) > LoadKept {
		return Load{}, fault.New(fault.NotFound, CodeNoLoad, "There is no asynchronous request with this id.")
	}
	return l, err
}

// RunLoad does what is left of a load. It may be run again, by several at once: each batch is done once.
func (s *DataExtensions) RunLoad(ctx context.Context, tenant EID, mid MID, id string) error {
	for {
		l, err := s.Store.LoadByID(ctx, tenant, mid, id)
		if fault.CodeOf(err) == CodeNoLoad || err == nil && !l.Completed.IsZero() {
			return nil
		}
		if err != nil {
			return err
		}
		batch := l.Items[l.Done:min(l.Done+rowBatch, len(l.Items))]
		refusals := make([]error, len(batch))
		progress := &LoadProgress{
			Tenant: tenant, ID: id, Done: l.Done, Batch: len(batch), Now: s.Now(tenant), Last: l.Done+len(batch) == l.Count, before: l.Failures,
		}
		d, err := s.Store.Extension(ctx, tenant, mid, ExtensionRef{ID: l.Extension})
		switch {
		case fault.CodeOf(err) == CodeNoDataExtension: // taken away meanwhile: so were the rows to be
			for i := range refusals {
				refusals[i] = err
			}
			progress.refused(refusals, nil)
			_, err = s.Store.WriteRows(ctx, d, nil, progress, progress.Now)
		case err == nil:
			_, err = s.writeBatch(ctx, d, l.Mode, batch, refusals, progress)
		}
		if err != nil && fault.CodeOf(err) != CodeChangedMeanwhile { // which says that somebody else moved the load on
			return err
		}
	}
}
