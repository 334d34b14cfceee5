package org

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// PrefixDeployment is the key prefix of deployments.
const PrefixDeployment = "0Af"

// Codes of refusals about deployments.
const (
	// CodeDeploymentDone: it has ended, so it cannot be cancelled.
	CodeDeploymentDone fault.Code = "deployment_done"
	// CodeTooManyDeployments: so many of the org's wait that no more is taken.
	CodeTooManyDeployments fault.Code = "too_many_deployments"
)

// DeployStatus is how a deployment stands, spelled as in the Metadata API.
type DeployStatus string

// The states. A deployment has ended in the last four.
const (
	DeployPending    DeployStatus = "Pending"
	DeployInProgress DeployStatus = "InProgress"
	DeployCanceling  DeployStatus = "Canceling"
	DeployCanceled   DeployStatus = "Canceled"
	DeploySucceeded  DeployStatus = "Succeeded"
	DeployPartial    DeployStatus = "SucceededPartial"
	DeployFailed     DeployStatus = "Failed"
)

// Done reports whether the deployment has ended.
func (s DeployStatus) Done() bool {
	switch s {
	case DeployPending, DeployInProgress, DeployCanceling:
		return false
	}
	return true
}

// DeployOptions are what a client asks of a deployment.
type DeployOptions struct {
	CheckOnly       bool // try, and keep nothing
	RollbackOnError bool // all or nothing; otherwise each component stands by itself
	// SinglePackage: the package is the zip's root; otherwise it is the one folder in it.
	SinglePackage     bool
	AllowMissingFiles bool // a component that is named and not in the zip is no mistake
	IgnoreWarnings    bool // only told back: a warning never fails a deployment here
}

// Deployment is a package of components on its way into the org, or that has been there.
type Deployment struct {
	Org, ID  ID
	User     ID // in whose name and with whose permissions it is made
	Username string
	App      ID  // by whose token it came; "" for none
	Delegate ID  // see Session
	API      int // version of the call: 65
	Options  DeployOptions
	Status   DeployStatus
	// Created, Started and Completed are domain time; the last two are zero until then.
	Created, Started, Completed, Modified time.Time
	// Messages are what became of the components, once it has ended.
	Messages []DeployMessage
}

// DeployMessage is what became of one component, or of a manifest, whose Type is "".
type DeployMessage struct {
	Type    string `json:"type"`
	Name    string `json:"name"` // full name
	File    string `json:"file"` // path in the zip
	ID      ID     `json:"id,omitempty"`
	Success bool   `json:"success"`
	Changed bool   `json:"changed,omitempty"`
	Created bool   `json:"created,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
	Problem string `json:"problem,omitempty"` // why it was refused, or a warning where Success
}

// Counts tells how many components were saved or deleted, and how many refused.
func (d Deployment) Counts() (good, bad int) {
	for _, m := range d.Messages {
		switch {
		case !m.Success:
			bad++
		case m.Type != "":
			good++
		}
	}
	return good, bad
}

// DeployItem is one component of a package: what it is, and the work on it. Without Work the message says it all.
type DeployItem struct {
	DeployMessage
	Work Work
	// Delete: the component is to go, so that its absence is no mistake.
	Delete bool
}

// DeployStore keeps deployments. One that is not there is a NotFound fault.
type DeployStore interface {
	// AddDeployment keeps a new deployment with its zip and queues the work on it. Where the org has limit unfinished ones
	// it is a Limited fault with CodeTooManyDeployments.
	AddDeployment(ctx context.Context, d Deployment, zip []byte, limit int) error
	// Deployment reads one.
	Deployment(ctx context.Context, org, id ID) (Deployment, error)
	// DeploymentZip reads the zip of one that has not ended.
	DeploymentZip(ctx context.Context, org, id ID) ([]byte, error)
	// ChangeDeployment runs fn on a deployment that nobody else changes meanwhile, and keeps what fn made of it together
	// with what fn wrote; the zip of one that has ended is dropped. fn may run twice.
	ChangeDeployment(ctx context.Context, org, id ID, fn func(SetupTx, *Deployment) error) error
}

// Deployments takes packages of components and saves them, once, whatever happens to the process.
type Deployments struct {
	Store   DeployStore
	Users   Directory
	Clock   *clock.Domain
	Changes Changes

	working sync.Map // ID -> chan struct{}, closed when this process has done with the deployment
}

// maxDeployments is how many unfinished deployments an org may have.
const maxDeployments = 25

// Begin keeps a package to be deployed.
func (d *Deployments) Begin(ctx context.Context, s Session, zip []byte, api int, o DeployOptions) (Deployment, error) {
	if err := MayUseMetadata(s); err != nil {
		return Deployment{}, err
	}
	now := d.Clock.Now(string(s.Org))
	dep := Deployment{
		Org: s.Org, ID: NewID(PrefixDeployment), User: s.User, App: s.App, Delegate: s.Delegate, API: api, Options: o, Status: DeployPending, Created: now, Modified: now,
	}
	return dep, d.Store.AddDeployment(ctx, dep, zip, maxDeployments)
}

// Find finds a deployment of the session's org.
func (d *Deployments) Find(ctx context.Context, s Session, id string) (Deployment, error) {
	if err := MayUseMetadata(s); err != nil {
		return Deployment{}, err
	}
	key, err := ParseID(id)
	if err != nil {
		return Deployment{}, err
	}
	dep, err := d.Store.Deployment(ctx, s.Org, key)
	if under, working := d.working.Load(key); working && err == nil && dep.Status.Done() {
		// It is kept, and the caches are being told: who sees the end sees what came of it.
		select {
		case <-under.(chan struct{}):
		case <-ctx.Done():
			return dep, ctx.Err()
		}
	}
	return dep, err
}

// Cancel cancels a deployment: at once where it waits, else unless it ends first.
func (d *Deployments) Cancel(ctx context.Context, s Session, id string) (Deployment, error) {
	dep, err := d.Find(ctx, s, id)
	if err != nil {
		return dep, err
	}
	err = d.Store.ChangeDeployment(ctx, s.Org, dep.ID, func(_ SetupTx, now *Deployment) error {
		now.Modified = d.Clock.Now(string(s.Org))
		switch {
		case now.Status.Done():
			return fault.New(fault.Invalid, CodeDeploymentDone, "Deployment already completed")
		case now.Status == DeployPending:
			now.Status, now.Completed = DeployCanceled, now.Modified
		default:
			now.Status = DeployCanceling
		}
		dep = *now
		return nil
	})
	return dep, err
}

// Perform does the work of a deployment; plan reads its zip. What it does and that it was done are kept together, so it
// may be called again, by another process too, after one that died. A deployment that was cancelled is not begun.
func (d *Deployments) Perform(ctx context.Context, org, id ID, plan func(Session, Deployment, []byte) []DeployItem) error {
	under := make(chan struct{})
	d.working.Store(id, under)
	defer func() {
		d.working.CompareAndDelete(id, under)
		close(under)
	}()
	var dep Deployment
	err := d.Store.ChangeDeployment(ctx, org, id, func(_ SetupTx, now *Deployment) error {
		if now.Status == DeployPending {
			at := d.Clock.Now(string(org))
			now.Status, now.Started, now.Modified = DeployInProgress, at, at
		}
		dep = *now
		return nil
	})
	if err != nil || dep.Status.Done() {
		return err
	}
	items, err := d.items(ctx, dep, plan)
	if err != nil {
		return err
	}
	kept := false
	err = d.Store.ChangeDeployment(ctx, org, id, func(tx SetupTx, now *Deployment) error {
		kept = false
		if now.Status.Done() {
			return nil // another process was quicker
		}
		at := d.Clock.Now(string(org))
		now.Completed, now.Modified = at, at
		if now.Status == DeployCanceling {
			now.Status = DeployCanceled
			return nil
		}
		var err error
		kept, err = now.perform(tx, items)
		return err
	})
	if err == nil && kept {
		d.Changes.SetupChanged(org)
	}
	return err
}

// Abandon ends a deployment that could not be worked on, time and again.
func (d *Deployments) Abandon(ctx context.Context, org, id ID) error {
	return d.Store.ChangeDeployment(ctx, org, id, func(_ SetupTx, now *Deployment) error {
		if now.Status.Done() {
			return nil
		}
		now.Status, now.Modified = DeployFailed, d.Clock.Now(string(org))
		now.Completed = now.Modified
		now.Messages = []DeployMessage{manifestProblem("An unexpected error occurred. Deploy again, or ask whoever runs this server.")}
		return nil
	})
}

// manifestProblem is the only message of a deployment of which nothing can be done.
func manifestProblem(problem string) DeployMessage {
	return DeployMessage{Name: "package.xml", File: "package.xml", Problem: problem}
}

// items are what a deployment is to do, by its user's permissions of now. One whose user may no longer do anything is to
// do nothing but say so.
func (d *Deployments) items(ctx context.Context, dep Deployment, plan func(Session, Deployment, []byte) []DeployItem) ([]DeployItem, error) {
	zip, err := d.Store.DeploymentZip(ctx, dep.Org, dep.ID)
	if err != nil {
		return nil, err
	}
	s, err := JobSession(ctx, d.Users, Session{Org: dep.Org, User: dep.User, App: dep.App, Delegate: dep.Delegate})
	switch {
	case fault.KindOf(err) == fault.NotFound && err != nil:
		err = insufficientAccess(dep.User)
	case err != nil:
		return nil, err
	default:
		err = MayUseMetadata(s)
	}
	if err != nil {
		return []DeployItem{{DeployMessage: manifestProblem(fault.Of(err).Message)}}, nil
	}
	return plan(s, dep, zip), nil
}

// perform does the works and notes what became of them; kept tells whether any of it stays.
func (d *Deployment) perform(tx SetupTx, items []DeployItem) (kept bool, err error) {
	err = tx.Try(func() error {
		works := make([]Work, len(items))
		for i, item := range items {
			if works[i] = item.Work; item.Work == nil {
				works[i] = func(SetupTx) (Saved, error) { return Saved{}, nil }
			}
		}
		results, err := RunIn(tx, works)
		if err != nil {
			return err
		}
		d.Messages = make([]DeployMessage, len(items))
		for i, item := range items {
			d.Messages[i] = item.result(results[i])
		}
		good, bad := d.Counts()
		switch {
		case bad == 0:
			d.Status = DeploySucceeded
		case d.Options.RollbackOnError || good == 0:
			d.Status = DeployFailed
		default:
			d.Status = DeployPartial
		}
		if d.Options.CheckOnly || d.Status == DeployFailed {
			return errUndone
		}
		kept = true
		return nil
	})
	if errors.Is(err, errUndone) {
		err = nil
	}
	return kept, err
}

// result is the item's message with what became of its work.
func (i DeployItem) result(r Result) DeployMessage {
	m := i.DeployMessage
	if i.Work == nil {
		return m
	}
	switch {
	case r.Err != nil && i.Delete && fault.CodeOf(r.Err) == CodeNotFound:
		m.Success, m.Problem = true, "No "+m.Type+" named: "+m.Name+" found"
	case r.Err != nil:
		m.Problem = fault.Of(r.Err).Message
	default:
		m.Success, m.ID, m.Changed, m.Created, m.Deleted, m.Problem = true, r.ID, r.Changed, r.Created, r.Deleted, r.Warning
	}
	return m
}
