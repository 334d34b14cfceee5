package sqlstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// ManyTx is a transaction that keeps new records and credentials back until Flush, which stores them with few statements.
// What it has kept back it does not find itself: it is for adding many records that know nothing of one another.
type ManyTx struct {
	recordTx
	parts       []insertPart
	flex        []flexValues
	credentials [][]any
}

// insertPart are rows of one table with the same columns.
type insertPart struct {
	table   string
	columns []string
	rows    [][]any
}

// flexValues are the custom values of one record.
type flexValues struct {
	object *org.Object
	org    org.ID
	values org.Values
}

// Many begins one in the caller's transaction.
func (s *Store) Many(tx *sqldb.Tx) *ManyTx { return &ManyTx{recordTx: s.recordTx(tx)} }

// Insert keeps a record back.
func (t *ManyTx) Insert(o *org.Object, orgID org.ID, values org.Values) error {
	a, err := newRow(o, orgID, values)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(t.parts, func(p insertPart) bool { return p.table == tableOf(o) && slices.Equal(p.columns, a.columns) })
	if i < 0 {
		i, t.parts = len(t.parts), append(t.parts, insertPart{table: tableOf(o), columns: a.columns})
	}
	t.parts[i].rows = append(t.parts[i].rows, a.args)
	if len(flexFields(o, values)) > 0 {
		t.flex = append(t.flex, flexValues{o, orgID, values})
	}
	return nil
}

// NamedUser is whose a user name is.
type NamedUser struct{ Org, User org.ID }

// UsersNamed finds the users of all orgs who have the user names, by folded name.
func (t *ManyTx) UsersNamed(usernames []string) (map[string]NamedUser, error) {
	out := map[string]NamedUser{}
	if len(usernames) == 0 {
		return out, nil
	}
	args, marks := make([]any, len(usernames)), make([]string, len(usernames))
	for i, name := range usernames {
		args[i], marks[i] = org.Fold(name), "$"+strconv.Itoa(i+1)
	}
	rows, err := t.tx.Query(`SELECT username_key, org_id, id FROM user_account WHERE username_key IN (`+strings.Join(marks, ", ")+`)`, args...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var key string
		var u NamedUser
		if err := rows.Scan(&key, &u.Org, &u.User); err != nil {
			return nil, err
		}
		out[key] = u
	}
	return out, rows.Err()
}

// PutNewCredential keeps the credential of a new user back.
func (t *ManyTx) PutNewCredential(c org.Credential) error {
	row, err := credentialRow(c)
	if err != nil {
		return err
	}
	t.credentials = append(t.credentials, row)
	return nil
}

var insertCredentials = sqldb.NewAppend("user_login", credentialColumns()...)

// Flush stores what was kept back.
func (t *ManyTx) Flush() error {
	for _, p := range t.parts {
		if err := t.tx.Insert(sqldb.NewAppend(p.table, p.columns...).Of(p.rows...)); err != nil {
			return fmt.Errorf("adding to %s: %w", p.table, err)
		}
	}
	for _, f := range t.flex {
		if err := t.putFlex(f.object, f.org, f.values.Text("Id"), flexFields(f.object, f.values), f.values, f.values.Flag("IsDeleted")); err != nil {
			return err
		}
	}
	return t.tx.Insert(insertCredentials.Of(t.credentials...))
}
