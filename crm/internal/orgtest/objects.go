package orgtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// EveryObject makes, reads, changes and deletes a record of each object of the schema whose records people keep, with a
// value in each field that takes one. The house has no org yet.
func EveryObject(t *testing.T, h *House) {
	Populate(t, h, h.MakeOrg(t, "objects"))
}

// Populate is EveryObject in an org that there is.
func Populate(t *testing.T, h *House, o Org) {
	s := h.allMighty(t, o)
	p := &populator{house: h, session: s, made: map[string]string{"User": string(o.Admin.User)}}
	for _, object := range h.Records.Schema(s).Visible(s.Permissions) {
		if object.Createable && !object.Setup {
			t.Run(object.Name, func(t *testing.T) { p.live(t, object) })
		}
	}
}

// allMighty is the administrator with everything that permission sets of packages give too.
func (h *House) allMighty(t *testing.T, o Org) org.Session {
	t.Helper()
	s := o.Admin
	s.Permissions = org.Permissions{}
	for _, f := range h.Records.Schema(o.Admin).Object(org.ObjectPermissionSet, nil).Fields {
		if f.Place == org.PlacePermission {
			s.Permissions[f.Column] = true
		}
	}
	return s
}

// populator makes records that satisfy the schema alone.
type populator struct {
	house   *House
	session org.Session
	made    map[string]string // an id of each object
	n       int
}

// id is a record of the object, made with what it needs and no more.
func (p *populator) id(t *testing.T, name string) string {
	t.Helper()
	if id := p.made[name]; id != "" {
		return id
	}
	object := p.house.Records.Schema(p.session).Object(name, p.session.Permissions)
	in := map[string]any{}
	for _, f := range object.Fields {
		if f.Required() {
			in[f.Name] = p.value(t, object, f)
		}
	}
	id, err := p.house.Records.Create(t.Context(), p.session, name, in)
	if err != nil {
		t.Fatalf("the least %s: %v", name, err)
	}
	p.made[name] = string(id)
	return string(id)
}

// exclusive fields are left out: another one is given in their place, or a rule decides.
var exclusive = map[string]bool{"CampaignMember.LeadId": true, "CampaignMember.Status": true}

func (p *populator) value(t *testing.T, o *org.Object, f *org.Field) any {
	t.Helper()
	p.n++
	switch f.Type {
	case org.TypeReference:
		return p.id(t, f.ReferenceTo[0])
	case org.TypeBoolean:
		return true
	case org.TypeInt:
		return float64(7)
	case org.TypeDouble, org.TypeCurrency, org.TypePercent:
		return 12 + min(float64(f.Scale), 1)/2
	case org.TypeDate:
		return "2024-02-29"
	case org.TypeDateTime:
		return "2024-02-29T23:59:59.999Z"
	case org.TypeEmail:
		return fmt.Sprintf("ÜNI%d@x.example", p.n)
	case org.TypePicklist, org.TypeMultipicklist:
		return f.Picklist[len(f.Picklist)-1].Value
	}
	if f.Name == "DeveloperName" {
		return fmt.Sprintf("Name_%d", p.n)
	}
	text := fmt.Sprintf("%s ä'\\%%_ %d ", f.Name, p.n)
	return strings.TrimSpace(string([]rune(text + strings.Repeat("ß", f.Length))[:f.Length]))
}

func (p *populator) live(t *testing.T, o *org.Object) {
	ctx, records := t.Context(), p.house.Records
	in := map[string]any{}
	for _, f := range o.Fields {
		if f.Createable && !exclusive[o.Name+"."+f.Name] {
			in[f.Name] = p.value(t, o, f)
		}
	}
	id, err := records.Create(ctx, p.session, o.Name, in)
	if err != nil {
		t.Fatalf("creating: %v", err)
	}
	p.same(t, o, id, in)
	change := map[string]any{}
	for _, f := range o.Fields {
		switch {
		case !f.Updateable || exclusive[o.Name+"."+f.Name] || f.Type == org.TypeReference && f.Name != "OwnerId":
		case f.Nillable && (f.Place == org.PlaceColumn || f.Place == org.PlaceFlex):
			change[f.Name] = nil
		case f.Type == org.TypeBoolean:
			change[f.Name] = false
		default:
			change[f.Name] = p.value(t, o, f)
		}
	}
	if len(change) > 0 {
		if err := records.Update(ctx, p.session, o.Name, string(id), change); err != nil {
			t.Fatalf("changing: %v", err)
		}
		p.same(t, o, id, change)
	}
	if !o.Deletable {
		return
	}
	if err := records.Delete(ctx, p.session, o.Name, string(id)); err != nil {
		t.Fatalf("deleting: %v", err)
	}
	want := org.CodeNotFound
	if o.SoftDelete {
		want = org.CodeEntityDeleted
	}
	if _, err := records.Read(ctx, p.session, o.Name, string(id), nil); fault.CodeOf(err) != want {
		t.Errorf("reading what is deleted: %v, want %s", err, want)
	}
	if err := records.Delete(ctx, p.session, o.Name, string(id)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("deleting twice: %v", err)
	}
}

func (p *populator) same(t *testing.T, o *org.Object, id org.ID, want map[string]any) {
	t.Helper()
	rec, err := p.house.Records.Read(t.Context(), p.session, o.Name, string(id), nil)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	for name, v := range want {
		got := rec.Values[name]
		switch x := got.(type) {
		case time.Time:
			got = x.Format("2006-01-02T15:04:05.000Z")
		case int64:
			got = float64(x)
		}
		if got != v {
			t.Errorf("%s is %.60v, want %.60v", name, got, v)
		}
	}
	for _, f := range rec.Fields {
		if v := rec.Values[f.Name]; v == nil && !f.Nillable && f.Place != org.PlaceComputed {
			t.Errorf("%s is null", f.Name)
		}
	}
	for _, stamp := range []string{"LastModifiedDate", "SystemModstamp"} {
		if at, ok := rec.Values[stamp].(time.Time); ok && !at.Equal(p.house.Clock.Now(string(p.session.Org))) {
			t.Errorf("%s is %v", stamp, at)
		}
	}
}
