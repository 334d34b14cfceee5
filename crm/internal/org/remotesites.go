package org

import (
	"context"
	"slices"
	"strings"
)

// RemoteSites reads and changes the sites that the org's code may call: Setup > Security > Remote Site Settings. Their rules
// are those of the records, which the Tooling API calls RemoteProxy.
type RemoteSites struct{ Records *Records }

// RemoteSite is one of them.
type RemoteSite struct {
	Stamp
	Name, URL, Description string
	Active                 bool
	// Insecure is "Disable Protocol Security": plain HTTP may be used.
	Insecure bool
}

// maxRemoteSites bounds a list of remote sites.
const maxRemoteSites = 1000

const typeRemoteSite = "RemoteSiteSetting"

// tooling gives a session the objects of the Tooling API.
func tooling(s Session) Session {
	s.Tooling = true
	return s
}

// List lists the sites of the caller's org by name.
func (r *RemoteSites) List(ctx context.Context, s Session) ([]RemoteSite, error) {
	o, err := r.Records.Object(tooling(s), ObjectRemoteSite)
	if err != nil {
		return nil, err
	}
	var out []RemoteSite
	err = r.Records.Store.Write(ctx, func(tx RecordTx) error {
		rows, err := tx.Find(setupSchema().must(o.Name), s.Org, Values{}, maxRemoteSites)
		out = make([]RemoteSite, len(rows))
		for i, row := range rows {
			out[i] = remoteSite(row)
		}
		return err
	})
	slices.SortFunc(out, func(a, b RemoteSite) int { return strings.Compare(Fold(a.Name), Fold(b.Name)) })
	return out, err
}

func remoteSite(row Values) RemoteSite {
	names := nameFinder{names: map[ID]string{}}
	for _, by := range []string{"CreatedById", "LastModifiedById"} {
		names.names[row.ID(by)] = "" // the list of this type tells no names
	}
	return RemoteSite{
		Stamp: names.stamp(row), Name: row.Text("SiteName"), URL: row.Text("EndpointUrl"), Description: row.Text("Description"), Active: row.Flag("IsActive"),
		Insecure: row.Flag("ProtocolMismatch"),
	}
}

// Find finds a site by name.
func (r *RemoteSites) Find(ctx context.Context, s Session, name string) (RemoteSite, error) {
	all, err := r.List(ctx, s)
	if err != nil {
		return RemoteSite{}, err
	}
	for _, site := range all {
		if strings.EqualFold(site.Name, name) {
			return site, nil
		}
	}
	return RemoteSite{}, noSuchComponent(typeRemoteSite, name)
}

// SaveIn makes or changes a site by name with values by field name, as one of the works of a transaction whose owner tells the
// caches.
func (r *RemoteSites) SaveIn(tx SetupTx, s Session, name string, verb Verb, values map[string]any) (Saved, error) {
	if err := MayUseMetadata(s); err != nil {
		return Saved{}, err
	}
	found, err := r.findIn(tx, s, name)
	switch {
	case err != nil:
		return Saved{}, err
	case found != "" && verb == VerbCreate:
		return Saved{}, takenComponent(name, found)
	case found == "" && verb == VerbUpdate:
		return Saved{}, noSuchComponent(typeRemoteSite, name)
	case found == "":
		values["SiteName"] = name
		st, err := r.Records.creating(tooling(s), ObjectRemoteSite, values)
		if err != nil {
			return Saved{}, err
		}
		out, err := st.run(tx)
		return Saved{ID: out.ID, Created: true, Changed: true}, err
	}
	st, err := r.Records.updating(tooling(s), ObjectRemoteSite, string(found), values)
	if err != nil {
		return Saved{}, err
	}
	_, err = st.run(tx)
	return Saved{ID: found, Changed: true}, err
}

// DeleteIn deletes a site by name, as one of the works of a transaction whose owner tells the caches.
func (r *RemoteSites) DeleteIn(tx SetupTx, s Session, name string) (Saved, error) {
	if err := MayUseMetadata(s); err != nil {
		return Saved{}, err
	}
	found, err := r.findIn(tx, s, name)
	if err == nil && found == "" {
		err = noSuchComponent(typeRemoteSite, name)
	}
	if err != nil {
		return Saved{}, err
	}
	st, err := r.Records.deleting(tooling(s), ObjectRemoteSite, string(found))
	if err != nil {
		return Saved{}, err
	}
	out, err := st.run(tx)
	return Saved{ID: out.ID, Deleted: true}, err
}

func (r *RemoteSites) findIn(tx SetupTx, s Session, name string) (ID, error) {
	rows, err := tx.Find(setupSchema().must(ObjectRemoteSite), s.Org, Values{"SiteName": name}, 1)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].ID("Id"), nil
}
