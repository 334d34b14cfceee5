package orgtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
)

// RecordStore is what every org.RecordStore must do. The house has the tables and no org yet.
func RecordStore(t *testing.T, h *House) {
	t.Run("reads back every kind of value", func(t *testing.T) { readsBack(t, h) })
	t.Run("changes what matches and nothing else", func(t *testing.T) { changesMatches(t, h) })
	t.Run("undoes all where one write fails", func(t *testing.T) { undoesAll(t, h) })
	t.Run("refuses taken keys", func(t *testing.T) { refusesTaken(t, h) })
	t.Run("keeps orgs apart", func(t *testing.T) { keepsApart(t, h) })
	t.Run("keeps locators", func(t *testing.T) { keepsLocators(t, h) })
}

func object(name string) *org.Object {
	all := org.Permissions{}
	for _, p := range org.AllPermissions() {
		all[p] = true
	}
	return org.WholeSchema().Object(name, all)
}

// write runs fn in a transaction that must be kept.
func (h *House) write(t *testing.T, fn func(org.RecordTx) error) {
	t.Helper()
	if err := h.Store.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// contact is a whole record, as the rules hand it to the store.
func contact(by org.ID, at time.Time, more org.Values) org.Values {
	v := org.Values{
		"Id": string(org.NewID(org.PrefixContact)), "LastName": "x", "Name": "x", "OwnerId": string(by), "CreatedDate": at, "CreatedById": string(by),
		"LastModifiedDate": at, "LastModifiedById": string(by), "SystemModstamp": at,
	}
	for name, value := range more {
		v[name] = value
	}
	return v
}

func readsBack(t *testing.T, h *House) {
	o := h.MakeOrg(t, "reads")
	users, contacts := object(org.ObjectUser), object(org.ObjectContact)
	at := time.Date(2030, 12, 31, 23, 59, 59, 999e6, time.UTC)
	in := contact(o.Admin.User, at, org.Values{
		"LastName": "Zoë O'Hara \\ %_", "Description": strings.Repeat("ä\n", 16000), "Birthdate": "1900-01-01", "HasOptedOutOfEmail": true, "Title": nil,
	})
	h.write(t, func(tx org.RecordTx) error { return tx.Insert(contacts, o.ID, in) })
	var names []*org.Field
	for name := range in {
		names = append(names, contacts.Stored(name))
	}
	out, err := h.Store.Read(t.Context(), contacts, o.ID, in.ID("Id"), names)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range in {
		if out[name] != want {
			t.Errorf("%s = %.60v, want %.60v", name, out[name], want)
		}
	}
	// Package fields and system permissions share a column with others and leave those alone.
	h.write(t, func(tx org.RecordTx) error {
		n, err := tx.Update(users, o.ID, org.Values{"Id": string(o.Normal.User)}, org.Values{
			"et4ae5__ExactTarget_OAuth_Token__c": `quote " and \`, "LastLoginDate": at, "Title": "t",
		})
		if n != 1 {
			t.Errorf("%d users changed", n)
		}
		return err
	})
	var user org.Values
	h.write(t, func(tx org.RecordTx) (err error) {
		user, err = tx.Lock(users, o.ID, o.Normal.User)
		return err
	})
	if user.Text("et4ae5__ExactTarget_OAuth_Token__c") != `quote " and \` || !user.Flag("et4ae5__ExactTargetForAppExchangeUser__c") ||
		user["LastLoginDate"] != at || user.Text("Title") != "t" || user["LastPasswordChangeDate"] != nil {
		t.Errorf("user: %v", user)
	}
}

func changesMatches(t *testing.T, h *House) {
	o := h.MakeOrg(t, "matches")
	contacts, sets := object(org.ObjectContact), object(org.ObjectPermissionSet)
	h.write(t, func(tx org.RecordTx) error {
		for _, title := range []any{"A", "a", "B", nil} {
			if err := tx.Insert(contacts, o.ID, contact(o.Admin.User, Start, org.Values{"Department": "m", "Title": title})); err != nil {
				return err
			}
		}
		return nil
	})
	h.write(t, func(tx org.RecordTx) error {
		for _, c := range []struct {
			match org.Values
			want  int
		}{
			{org.Values{"Department": "M"}, 4},
			{org.Values{"Department": "m", "Title": "A"}, 2}, // texts without case
			{org.Values{"Department": "m", "Title": nil}, 1},
			{org.Values{"Department": "m", "HasOptedOutOfEmail": false}, 4},
			{org.Values{"Department": "m", "HasOptedOutOfEmail": true}, 0},
			{org.Values{"Department": "m", "CreatedDate": Start}, 4},
			{org.Values{"Department": "m", "OwnerId": strings.ToLower(string(o.Admin.User))}, 0}, // ids with case
		} {
			if n, err := tx.Count(contacts, o.ID, c.match); err != nil || n != c.want {
				t.Errorf("%v: %d, %v, want %d", c.match, n, err, c.want)
			}
		}
		found, err := tx.Find(contacts, o.ID, org.Values{"Department": "m"}, 3)
		if err != nil || len(found) != 3 {
			t.Errorf("%d found of at most 3, %v", len(found), err)
		}
		if n, err := tx.Update(contacts, o.ID, org.Values{"Department": "m", "Title": "a"}, org.Values{"Phone": "1"}); n != 2 || err != nil {
			t.Errorf("%d changed, %v", n, err)
		}
		if n, err := tx.Remove(contacts, o.ID, org.Values{"Department": "m", "Phone": "1"}); n != 2 || err != nil {
			t.Errorf("%d removed, %v", n, err)
		}
		if n, err := tx.Update(contacts, o.ID, org.Values{"Department": "m"}, org.Values{}); n != 0 || err != nil {
			t.Errorf("an update of nothing: %d, %v", n, err)
		}
		if _, err := tx.Remove(contacts, "", org.Values{}); err == nil {
			t.Error("a match that names nothing removes everything")
		}
		n, err := tx.Update(sets, o.ID, org.Values{"IsOwnedByProfile": true}, org.Values{"PermissionsDataExport": true, "PermissionsApiEnabled": false})
		if n != 3 || err != nil { // one for each profile
			t.Errorf("%d sets changed, %v", n, err)
		}
		return err
	})
	u := h.SessionOf(t, "user@matches.example").Permissions
	if !u["DataExport"] || u[org.PermAPIEnabled] || !u["RunReports"] {
		t.Errorf("permissions: %v", u)
	}
}

func undoesAll(t *testing.T, h *House) {
	o := h.MakeOrg(t, "undo")
	contacts := object(org.ObjectContact)
	stop := errors.New("stop")
	err := h.Store.Write(t.Context(), func(tx org.RecordTx) error {
		if err := tx.Insert(contacts, o.ID, contact(o.Admin.User, Start, org.Values{"Department": "u"})); err != nil {
			return err
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	h.write(t, func(tx org.RecordTx) error {
		n, err := tx.Count(contacts, o.ID, org.Values{"Department": "u"})
		if n != 0 {
			t.Errorf("%d left of what was undone", n)
		}
		if _, err := tx.Lock(contacts, o.ID, org.NewID(org.PrefixContact)); fault.KindOf(err) != fault.NotFound {
			t.Errorf("locking nothing: %v", err)
		}
		return err
	})
	if _, err := h.Store.Read(t.Context(), contacts, o.ID, org.NewID(org.PrefixContact), contacts.Fields); fault.KindOf(err) != fault.NotFound {
		t.Errorf("reading nothing: %v", err)
	}
}

func refusesTaken(t *testing.T, h *House) {
	o := h.MakeOrg(t, "taken")
	other := h.MakeOrg(t, "taken2")
	users := object(org.ObjectUser)
	for name, write := range map[string]func(org.RecordTx) error{
		"the user name of another org's user": func(tx org.RecordTx) error {
			_, err := tx.Update(users, other.ID, org.Values{"Id": string(other.Normal.User)}, org.Values{"Username": "USER@taken.example"})
			return err
		},
		"a nickname": func(tx org.RecordTx) error {
			_, err := tx.Update(users, o.ID, org.Values{}, org.Values{"CommunityNickname": "same"})
			return err
		},
		"an assignment": func(tx org.RecordTx) error {
			a := object(org.ObjectPermissionSetAssignment)
			found, err := tx.Find(a, o.ID, org.Values{"AssigneeId": string(o.Normal.User)}, 1)
			if err != nil {
				return err
			}
			found[0]["Id"] = string(org.NewID(org.PrefixPermissionSetAssignment))
			return tx.Insert(a, o.ID, found[0])
		},
		"a primary key": func(tx org.RecordTx) error {
			c := contact(o.Admin.User, Start, nil)
			if err := tx.Insert(object(org.ObjectContact), o.ID, c); err != nil {
				return err
			}
			return tx.Insert(object(org.ObjectContact), o.ID, c)
		},
	} {
		if err := h.Store.Write(t.Context(), write); !errors.Is(err, org.ErrTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func keepsApart(t *testing.T, h *House) {
	mine, theirs := h.MakeOrg(t, "mine"), h.MakeOrg(t, "theirs")
	for _, o := range org.WholeSchema().Objects {
		if o.Common {
			continue
		}
		h.write(t, func(tx org.RecordTx) error {
			var any1, any2 []org.Values
			var err error
			if any1, err = tx.Find(o, mine.ID, org.Values{}, 1000); err != nil {
				return err
			}
			if any2, err = tx.Find(o, theirs.ID, org.Values{}, 1000); err != nil {
				return err
			}
			for _, v := range any1 {
				if slices.ContainsFunc(any2, func(w org.Values) bool { return w["Id"] == v["Id"] }) {
					t.Errorf("%s %s is in both orgs", o.Name, v["Id"])
				}
			}
			for _, v := range any2 {
				if _, err := tx.Lock(o, mine.ID, v.ID("Id")); fault.KindOf(err) != fault.NotFound {
					t.Errorf("%s of the other org is locked: %v", o.Name, err)
				}
				if o.Name == org.ObjectUserLogin || o.Name == org.ObjectAuthSession || o.Name == org.ObjectCustomField || o.Name == org.ObjectCustomObject {
					continue // views
				}
				same := org.Values{"Id": v.Text("Id")}
				if n, err := tx.Update(o, mine.ID, same, same); n != 0 || err != nil {
					t.Errorf("%s of the other org is changed: %d, %v", o.Name, n, err)
				}
			}
			return nil
		})
	}
}

func keepsLocators(t *testing.T, h *House) {
	o := h.MakeOrg(t, "locators")
	other := h.MakeOrg(t, "locators2")
	var kept []soql.Locator
	for i := range 12 {
		l := soql.Locator{
			Org: o.ID, ID: org.NewID(soql.PrefixLocator), User: o.Admin.User, Query: "SELECT Id FROM User", Deleted: i%2 == 0,
			Created: Start.Add(time.Duration(i) * time.Second), Total: 3000 + i,
		}
		kept = append(kept, l)
		if err := h.Store.AddLocator(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range kept {
		got, err := h.Store.Locator(t.Context(), o.ID, l.ID)
		if i < 2 && fault.KindOf(err) != fault.NotFound {
			t.Errorf("locator %d of 12 is kept: %v", i, err)
		}
		if i >= 2 && (err != nil || got != l) {
			t.Errorf("locator %d: %+v, %v, want %+v", i, got, err, l)
		}
	}
	if _, err := h.Store.Locator(t.Context(), other.ID, kept[11].ID); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a locator of another org: %v", err)
	}
	if _, err := h.Store.Locator(context.WithoutCancel(t.Context()), o.ID, "01g"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no locator: %v", err)
	}
}
