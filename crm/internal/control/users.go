package control

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// MaxAdded is how many users AddUsers takes: a transaction of more would keep others waiting.
const MaxAdded = 200

// Added are users to add to an org that is there.
type Added struct {
	Users []org.UserSpec // at most MaxAdded, each with PasswordHash or without a password
	Sets  []string       // labels of the permission sets that each of them is assigned
	// Seats is how many licences of the users' profiles the org is to have at least; 0 leaves them.
	Seats int64
}

// AddUsers adds users to an org, below its APIs: nobody is mailed, and nothing is counted or trailed. It is one
// transaction; users whose names the org has are left as they are, so doing it again changes nothing. ids are the users', in
// the order of a.Users.
func (c *Control) AddUsers(ctx context.Context, orgID org.ID, a Added) (ids []org.ID, err error) {
	if len(a.Users) > MaxAdded {
		return nil, badSpec("%d users at once are more than %d", len(a.Users), MaxAdded)
	}
	s, err := c.setup(ctx, orgID)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, u := range a.Users {
		if u.Password != "" && u.PasswordHash == "" {
			return nil, badSpec("user %s: the password comes without its hash", u.Username)
		}
		if key := org.Fold(u.Username); seen[key] {
			return nil, badSpec("user %s comes twice", u.Username)
		} else {
			seen[key] = true
		}
	}
	made := false
	err = c.Store.WriteTx(ctx, func(tx *sqldb.Tx, records org.RecordTx) error {
		b := adding{control: c, session: s, schema: s.Schema(), tx: tx, records: records, at: c.Clock.Now(string(orgID)), profiles: map[string]org.ID{}}
		ids = make([]org.ID, len(a.Users)) // the function may run twice
		if err := b.add(a, ids); err != nil {
			return err
		}
		made = b.made
		return nil
	})
	if err != nil {
		return nil, err
	}
	if made {
		c.Changes.SetupChanged(orgID)
	}
	return ids, nil
}

// adding is one run of AddUsers' transaction.
type adding struct {
	control  *Control
	session  org.Session
	schema   *org.Schema
	tx       *sqldb.Tx
	records  org.RecordTx
	at       time.Time
	profiles map[string]org.ID // by name
	sets     []org.ID
	made     bool
}

func (b *adding) add(a Added, ids []org.ID) error {
	for _, label := range a.Sets {
		id, err := b.find(org.ObjectPermissionSet, "Label", label)
		if err != nil {
			return err
		}
		b.sets = append(b.sets, id)
	}
	for i, u := range a.Users {
		there, err := b.records.Find(b.schema.Object(org.ObjectUser, nil), b.session.Org, org.Values{"Username": u.Username}, 1)
		if err != nil {
			return err
		}
		if len(there) > 0 {
			ids[i] = there[0].ID("Id")
			continue
		}
		if ids[i], err = b.user(u, a.Seats); err != nil {
			return err
		}
	}
	return nil
}

// find is the record of an object that has a name.
func (b *adding) find(object, field, name string) (org.ID, error) {
	found, err := b.records.Find(b.schema.Object(object, org.Permissions{org.PermViewSetup: true}), b.session.Org, org.Values{field: name}, 1)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", badSpec("the org has no %s %q", object, name)
	}
	return found[0].ID("Id"), nil
}

func (b *adding) user(u org.UserSpec, seats int64) (org.ID, error) {
	profile, known := b.profiles[u.Profile]
	if !known {
		var err error
		if profile, err = b.find(org.ObjectProfile, "Name", u.Profile); err != nil {
			return "", err
		}
		if err := b.seats(u.Profile, seats); err != nil {
			return "", err
		}
		b.profiles[u.Profile] = profile
	}
	id := org.NewID(org.PrefixUser)
	p := plan{profiles: b.profiles}
	if err := b.control.Records.CreateIn(b.records, b.session, org.ObjectUser, id, p.userValues(u)); err != nil {
		return "", err
	}
	b.made = true
	if u.PasswordHash != "" {
		if err := sqlstore.PutCredential(b.tx, org.NewCredential(b.session.Org, id, u.PasswordHash, u.SecurityToken, b.at)); err != nil {
			return "", err
		}
	}
	for _, set := range b.sets {
		err := b.control.Records.CreateIn(b.records, b.session, org.ObjectPermissionSetAssignment, org.NewID(org.PrefixPermissionSetAssignment),
			map[string]any{"PermissionSetId": string(set), "AssigneeId": string(id)})
		if err != nil {
			return "", err
		}
	}
	return id, nil
}

// seats raises how many licences there are of the one that a profile needs.
func (b *adding) seats(profile string, least int64) error {
	i := slices.IndexFunc(standardProfiles, func(p standardProfile) bool { return p.name == profile })
	if i < 0 || least == 0 {
		return nil
	}
	object, match := b.schema.Object(org.ObjectUserLicense, org.Permissions{org.PermViewSetup: true}), org.Values{"Name": standardProfiles[i].licence}
	found, err := b.records.Find(object, b.session.Org, match, 1)
	if err != nil || len(found) == 0 {
		return err
	}
	if total, _ := found[0]["TotalLicenses"].(int64); total >= least {
		return nil
	}
	_, err = b.records.Update(object, b.session.Org, match, org.Values{"TotalLicenses": least, "LastModifiedDate": b.at, "SystemModstamp": b.at})
	return err
}
