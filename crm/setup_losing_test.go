package crm_test

import "testing"

// TestLosingAccessIsAskedFirst takes access to an app from users on each page that can, and looks at what is kept before and
// after OK. What takes nothing from anybody is saved at once.
func TestLosingAccessIsAskedFirst(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const label = "Salesforce Marketing Cloud"
		app := h.one(t, "SELECT Id FROM ConnectedApplication WHERE Name = '"+label+"'")
		user, who := h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'"), h.spec.Users[1].Username
		loses := who + " loses access to the app " + label + "."
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Approved"})
		other := h.create(t, "PermissionSet", map[string]any{"Label": "Also Approved"})
		h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
		for _, id := range []string{set, other, h.one(t, "SELECT Id FROM PermissionSet WHERE Profile.Name = 'System Administrator'")} {
			h.create(t, "SetupEntityAccess", map[string]any{"ParentId": id, "SetupEntityId": app})
		}
		at := func(object, id string) string { return data + "/sobjects/" + object + "/" + id }
		if status, _, answer := h.send(t, h.admin, "PATCH", at("ConnectedApplication", app), `{"OptionsAllowAdminApprovedUsersOnly":true}`); status != 204 {
			t.Fatal(status, answer)
		}
		// may reports whether the user may use the app.
		may := func() bool {
			n, _ := h.query(t, h.admin, "SELECT Id FROM SetupEntityAccess WHERE SetupEntityId = '"+app+"' AND Parent.HasActivationRequired = false AND "+
				"ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '"+user+"')")
			return n > 0
		}
		p := h.adminAt(t)
		for name, c := range map[string]struct {
			path  string
			press string
			do    func()
			undo  func()
		}{
			"removing assignments": {
				"/setup/permission-sets/" + set + "/assignments", "Remove Assignments", func() { p.tick("Uwe Normal", true) },
				func() {
					h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
				},
			},
			"taking the app off the set": {
				"/setup/permission-sets/" + set + "/assigned-connected-apps", "Save", func() { p.tick(label, false) },
				func() { h.create(t, "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": app}) },
			},
			"taking the set from the user": {
				"/setup/users/" + user + "/permission-sets", "Save", func() { p.tick("Approved", false) },
				func() {
					h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
				},
			},
			"letting the set wait for activation": {
				"/setup/permission-sets/" + set + "/edit", "Save", func() { p.tick("Session Activation Required", true) },
				func() { h.send(t, h.admin, "PATCH", at("PermissionSet", set), `{"HasActivationRequired":false}`) },
			},
		} {
			p.open(c.path)
			c.do()
			p.press(c.press)
			p.wants(loses, "Nothing is saved yet.", "Users who lose access")
			if !may() {
				t.Errorf("%s: done without being asked", name)
			}
			p.press("OK")
			p.lacks("Nothing is saved yet.")
			if may() {
				t.Errorf("%s: not done", name)
			}
			c.undo()
		}

		// One set for another that carries the app too.
		p.open("/setup/users/" + user + "/permission-sets")
		p.tick("Approved", false)
		p.tick("Also Approved", true)
		p.press("Save")
		p.wants("The permission sets are assigned.")
		// An assigned set is not deleted; one that is not, when it was asked.
		p.open("/setup/permission-sets/" + other)
		p.press("Delete")
		p.wants("The permission set was not deleted", "is assigned to users")
		p.open("/setup/permission-sets/" + set)
		p.press("Delete")
		p.wants("The permission set Approved is deleted for good")
		p.click("Cancel")
		p.wants("Approved")
		p.press("Delete")
		p.press("Delete")
		p.wants("The permission set is deleted.")

		// A profile carries the app too: nothing else of the form is saved before OK.
		h.send(t, h.admin, "DELETE", at("PermissionSetAssignment", h.one(t, "SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = '"+other+"'")), "")
		profile := `{"ProfileId":"` + h.one(t, "SELECT Id FROM Profile WHERE Name = 'System Administrator'") + `"}`
		if status, _, answer := h.send(t, h.admin, "PATCH", at("User", user), profile); status != 204 {
			t.Fatal(status, answer)
		}
		p.open("/setup/users/" + user + "/edit")
		p.choose("Profile", "Standard User")
		p.fill("Title", "Retired")
		p.press("Save")
		p.wants(loses, "Nothing is saved yet.")
		changed := func() int {
			n, _ := h.query(t, h.admin, "SELECT Id FROM User WHERE Id = '"+user+"' AND Profile.Name = 'Standard User' AND Title = 'Retired'")
			return n
		}
		if changed() != 0 {
			t.Error("the profile is saved without being asked")
		}
		p.press("OK")
		p.wants("Your changes are saved.")
		if changed() != 1 {
			t.Error("the profile is not saved")
		}
	})
}
