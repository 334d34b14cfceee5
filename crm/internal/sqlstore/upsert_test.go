package sqlstore_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestUpsert(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		o := h.MakeOrg(t, "upsert")
		upsert := func(object, field, value string, in map[string]any) (org.Outcome, error) {
			return h.Records.Upsert(ctx, o.Admin, object, field, value, in)
		}
		made, err := upsert("Contact", "email", "Ünal@x.example", map[string]any{"LastName": "New", "Email": "Ünal@x.example"})
		if err != nil || !made.Created || made.ID.Prefix() != org.PrefixContact {
			t.Fatalf("%+v, %v", made, err)
		}
		again, err := upsert("Contact", "Email", "üNAL@X.example", map[string]any{"FirstName": "Nora"})
		if err != nil || again.Created || again.ID != made.ID {
			t.Fatalf("%+v, %v", again, err)
		}
		rec, _, err := h.Records.ReadBy(ctx, o.Admin, "Contact", "Email", "ÜNAL@x.example", []string{"Name", "Email"})
		if err != nil || rec.ID != made.ID || rec.Values.Text("Name") != "Nora New" || rec.Values.Text("Email") != "Ünal@x.example" {
			t.Errorf("%+v, %v", rec, err)
		}
		if out, err := upsert("Contact", "Id", string(made.ID), map[string]any{"Title": "T"}); err != nil || out.Created || out.ID != made.ID {
			t.Errorf("by id: %+v, %v", out, err)
		}
		// A second one makes the address ambiguous; one in the recycle bin does not count.
		other, err := h.Records.Create(ctx, o.Admin, "Contact", map[string]any{"LastName": "Twin", "Email": "ünal@x.example"})
		if err != nil {
			t.Fatal(err)
		}
		out, err := upsert("Contact", "Email", "Ünal@x.example", nil)
		if fault.CodeOf(err) != org.CodeMultipleMatches || len(out.Matches) != 2 || !strings.Contains(fault.Of(err).Message, string(other)) {
			t.Errorf("two match: %+v, %v", out, err)
		}
		if _, ids, err := h.Records.ReadBy(ctx, o.Admin, "Contact", "Email", "Ünal@x.example", nil); fault.CodeOf(err) != org.CodeMultipleMatches || len(ids) != 2 {
			t.Errorf("reading two: %v, %v", ids, err)
		}
		if err := h.Records.Delete(ctx, o.Admin, "Contact", string(other)); err != nil {
			t.Fatal(err)
		}
		if out, err := upsert("Contact", "Email", "Ünal@x.example", nil); err != nil || out.ID != made.ID {
			t.Errorf("after deleting one: %+v, %v", out, err)
		}
		for name, c := range map[string]struct {
			object, field, value string
			in                   map[string]any
			code                 fault.Code
		}{
			"a field that is not there":    {"Contact", "Nope__c", "1", nil, org.CodeNoExternalID},
			"a field that names nobody":    {"Contact", "Title", "1", nil, org.CodeNoExternalID},
			"no value":                     {"Contact", "Email", "", nil, org.CodeMissingArgument},
			"a value of another kind":      {"Contact", "Email", "x", nil, org.CodeInvalidEmail},
			"another value in the body":    {"Contact", "Email", "a@x.example", map[string]any{"Email": "b@x.example"}, org.CodeInvalidField},
			"nothing to make a record of":  {"Contact", "Email", "a@x.example", nil, org.CodeRequiredFieldMissing},
			"an id that is not there":      {"Contact", "Id", string(org.NewID(org.PrefixContact)), nil, org.CodeNotFound},
			"an object that is not there":  {"Nope", "Id", "1", nil, org.CodeInvalidType},
			"an object that nobody makes":  {"ConnectedApplication", "Name", "x", nil, org.CodeNotForOperation},
			"a record that is not to read": {"Contact", "Email", "ünal@x.example", map[string]any{"Nope": 1}, org.CodeInvalidField},
		} {
			if out, err := upsert(c.object, c.field, c.value, c.in); fault.CodeOf(err) != c.code {
				t.Errorf("%s: %+v, %v, want %s", name, out, err, c.code)
			}
		}
		if _, _, err := h.Records.ReadBy(ctx, o.Admin, "Contact", "Email", "none@x.example", nil); fault.CodeOf(err) != org.CodeNotFound {
			t.Errorf("reading nobody: %v", err)
		}
	})
}

// Many who upsert one unique value make one record.
func TestRacesOfUpserts(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "upserts")
		records := &org.Records{Store: h.Store, Clock: h.Clock, Changes: quiet{}}
		in := newUser("one@upserts.example", profileOf(t, h, o, org.StandardUserProfile))
		delete(in, "Username")
		outs, errs := make([]org.Outcome, 6), make([]error, 6)
		var wg sync.WaitGroup
		for i := range outs {
			wg.Go(func() {
				outs[i], errs[i] = records.Upsert(t.Context(), o.Admin, "User", "Username", "one@upserts.example", in)
			})
		}
		wg.Wait()
		made := 0
		for i, out := range outs {
			if errs[i] != nil || out.ID != outs[0].ID {
				t.Errorf("%+v, %v", out, errs[i])
			}
			if out.Created {
				made++
			}
		}
		if made != 1 {
			t.Errorf("%d made", made)
		}
	})
}

// Upserts of a batch are told like its other changes.
func TestUpsertsInABatch(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "upsertbatch")
		upsert := func(mail, first string) org.Op {
			return org.Op{Action: org.ActionUpsert, Object: "Contact", Field: "Email", Value: mail, Values: map[string]any{"FirstName": first, "LastName": "L"}}
		}
		twins := org.Op{Object: "Contact", Values: map[string]any{"LastName": "Twin", "Email": "twin@x.example"}}
		out, err := h.Records.Batch(t.Context(), o.Admin, []org.Op{upsert("a@x.example", "A"), upsert("A@X.example", "B"), twins, twins, upsert("twin@x.example", "C")}, false)
		if err != nil {
			t.Fatal(err)
		}
		if !out[0].Created || out[1].Created || out[0].ID != out[1].ID || out[0].ID == "" {
			t.Errorf("%+v %+v", out[0], out[1])
		}
		if fault.CodeOf(out[4].Err) != org.CodeMultipleMatches || len(out[4].Matches) != 2 {
			t.Errorf("%+v", out[4])
		}
	})
}
