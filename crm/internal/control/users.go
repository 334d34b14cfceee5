package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// MaxAdded is how many users AddUsers takes: a transaction of more would keep others waiting.
const MaxAdded = 200

// Added are users to add to an org that is there.
type Added struct {
	Users []org.UserSpec // at most MaxAdded, each with PasswordHash or without a password
	// Sets are labels of permission sets: each of the users is assigned those that the org has.
	Sets []string
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
	err = c.Store.WriteTx(ctx, func(tx *sqldb.Tx, _ org.RecordTx) error {
		b := adding{
			control: c, session: s, schema: s.Schema(), records: &memoTx{ManyTx: c.Store.Many(tx), kept: map[string][]org.Values{}, locked: map[org.ID]org.Values{}},
			at: c.Clock.Now(string(orgID)), profiles: map[string]org.ID{},
		}
		ids = make([]org.ID, len(a.Users)) // the function may run twice
		if err := b.add(a, ids); err != nil {
			return err
		}
		made = b.made
		return b.records.Flush()
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
	records  *memoTx
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
		if id != "" {
			b.sets = append(b.sets, id)
		}
	}
	names := make([]string, len(a.Users))
	for i, u := range a.Users {
		names[i] = u.Username
	}
	there, err := b.records.UsersNamed(names)
	if err != nil {
		return err
	}
	for i, u := range a.Users {
		switch found, ok := there[org.Fold(u.Username)]; {
		case ok && found.Org != b.session.Org:
			return fault.New(fault.Conflict, CodeBadSpec, "the user name %s is taken by another org", u.Username)
		case ok:
			ids[i] = found.User
		default:
			if ids[i], err = b.user(u, a.Seats); err != nil {
				return err
			}
		}
	}
	return nil
}

// find is the record of an object that has a name; "" for none.
func (b *adding) find(object, field, name string) (org.ID, error) {
	found, err := b.records.Find(b.schema.Object(object, org.Permissions{org.PermViewSetup: true}), b.session.Org, org.Values{field: name}, 1)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].ID("Id"), nil
}

func (b *adding) user(u org.UserSpec, seats int64) (org.ID, error) {
	if _, known := b.profiles[u.Profile]; !known {
		profile, err := b.find(org.ObjectProfile, "Name", u.Profile)
		if err != nil {
			return "", err
		}
		if profile == "" {
			return "", badSpec("user %s: no profile is called %q", u.Username, u.Profile)
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
		if err := b.records.PutNewCredential(org.NewCredential(b.session.Org, id, u.PasswordHash, u.SecurityToken, b.at)); err != nil {
			return "", err
		}
	}
	for _, set := range b.sets {
		err := b.records.Insert(b.schema.Object(org.ObjectPermissionSetAssignment, org.Permissions{org.PermViewSetup: true}), b.session.Org, org.Values{
			"Id": string(org.NewID(org.PrefixPermissionSetAssignment)), "AssigneeId": string(id), "PermissionSetId": string(set), "IsActive": true, "SystemModstamp": b.at,
		})
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

// memoTx keeps new records back and remembers what it read of setup, which stays as it is meanwhile: the rules ask the
// same of every user. Of users it finds none by what must be unique: who has the names is asked before, of all at once, and
// the database's own keys refuse what slips in between.
type memoTx struct {
	*sqlstore.ManyTx
	kept   map[string][]org.Values
	locked map[org.ID]org.Values
}

// Find is RecordTx.Find.
func (t *memoTx) Find(o *org.Object, orgID org.ID, match org.Values, limit int) ([]org.Values, error) {
	if _, byID := match["Id"]; o.Name == org.ObjectUser && !byID {
		return nil, nil
	}
	if !steady(o) {
		return t.ManyTx.Find(o, orgID, match, limit)
	}
	key := fmt.Sprint(o.Name, limit, match) // which prints maps in the order of their keys
	if found, ok := t.kept[key]; ok {
		return found, nil
	}
	found, err := t.ManyTx.Find(o, orgID, match, limit)
	if err == nil {
		t.kept[key] = found
	}
	return found, err
}

// Lock is RecordTx.Lock.
func (t *memoTx) Lock(o *org.Object, orgID, id org.ID) (org.Values, error) {
	if v, ok := t.locked[id]; ok {
		return v, nil
	}
	v, err := t.ManyTx.Lock(o, orgID, id)
	if err == nil && steady(o) {
		t.locked[id] = v
	}
	return v, err
}

// steady reports whether records of the object stay as they are while users are added.
func steady(o *org.Object) bool {
	return o.Name == org.ObjectProfile || o.Name == org.ObjectPermissionSet
}
