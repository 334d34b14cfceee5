package crm_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestPeopleSeeTheirOwnLogins: who manages users sees everybody's logins, everybody else his own (crm-wire 5.2).
func TestPeopleSeeTheirOwnLogins(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		admin, user := h.one(t, "SELECT Id FROM User WHERE LastName = 'Admin'"), h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'")
		people := func(token, soql string) (out []string) {
			t.Helper()
			_, rows := h.query(t, token, soql)
			for _, r := range rows {
				id, _ := r["UserId"].(string)
				out = append(out, id)
			}
			return out
		}
		if got := people(h.admin, "SELECT UserId FROM LoginHistory"); len(got) != 2 {
			t.Errorf("the administrator sees %v", got)
		}
		for _, where := range []string{"", " WHERE UserId != null", " GROUP BY UserId", " WHERE UserId = '" + admin + "' OR UserId = '" + user + "'"} {
			if got := people(h.user, "SELECT UserId FROM LoginHistory"+where); len(got) != 1 || got[0] != user {
				t.Errorf("%q shows a user %v", where, got)
			}
		}
		if _, rows := h.query(t, h.user, "SELECT Id FROM User WHERE Id IN (SELECT UserId FROM LoginHistory)"); len(rows) != 1 {
			t.Errorf("by a semi-join: %v", rows)
		}
		for who, want := range map[string]int{admin: http.StatusNotFound, user: http.StatusOK} {
			row := h.one(t, "SELECT Id FROM LoginHistory WHERE UserId = '"+who+"'")
			if code, answer := h.call(t, h.user, "GET", data+"/sobjects/LoginHistory/"+row, nil); code != want || want == http.StatusNotFound && strings.Contains(answer, "LoginTime") {
				t.Errorf("reading a row of %s: %d %s", who, code, answer)
			}
		}
	})
}
