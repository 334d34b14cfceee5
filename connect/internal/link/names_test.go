package link_test

import (
	"testing"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// What is set is kept and read again, what is not has the vendor's name, and nothing that could stand for more than a name
// comes into a query.
func TestNames(t *testing.T) {
	t.Parallel()
	l := link.Link{Params: link.Params{ConnectedApp: "Own App"}}
	if n := l.Names(); n.App != "Own App" || n.TokenFieldName() != "et4ae5__ExactTarget_OAuth_Token__c" || n.UnitObject() != "et4ae5__Business_Unit__c" || l.Called.Text() != "" {
		t.Errorf("untouched: %+v %q", n, l.Called.Text())
	}
	var err error
	if l.Called, err = l.Called.With(map[string]string{"namespace": "acme_1", "system_user_set": "Bridge", "user_box_label": "Marketing Cloud for AppExchange User"}); err != nil {
		t.Fatal(err)
	}
	again, err := link.ParseNames(l.Called.Text())
	if err != nil || again != l.Called || l.Called.Text() != `{"namespace":"acme_1","system_user_set":"Bridge"}` {
		t.Errorf("kept as %s: %+v, %v", l.Called.Text(), again, err)
	}
	if got := l.Names().PackageSets(); got[2] != "Bridge" || got[0] != "Marketing Cloud Connector" {
		t.Errorf("permission sets: %v", got)
	}
	for key, value := range map[string]string{
		"namespace": "a__b", "token_field": "Field", "user_box": "x y__c", "admin_box": "a'__c", "configuration_object": "1__c", "token_label": " padded", "other": "x",
	} {
		if n, err := l.Called.With(map[string]string{key: value}); fault.CodeOf(err) != link.CodeInvalidLink || n != l.Called {
			t.Errorf("%s=%q: %+v, %v", key, value, n, err)
		}
	}
}
