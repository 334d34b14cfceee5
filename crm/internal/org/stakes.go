package org

import "strings"

// stake is an app to which a change in Setup may take access away: from one user, or from any.
type stake struct {
	app    ID
	name   string
	user   ID // "" for all
	before []AppUser
}

// maxCarried bounds how many apps of one permission set are looked at.
const maxCarried = 200

// stakes are the apps whose admin-approved users the change may bereave.
func (c *change) stakes(deleting bool) ([]stake, error) {
	switch c.object.Name {
	case ObjectSetupEntityAccess:
		if deleting && c.old.Text("SetupEntityType") == ObjectConnectedApplication {
			return c.stakesIn([]ID{c.old.ID("SetupEntityId")}, "")
		}
	case ObjectPermissionSetAssignment:
		if deleting {
			return c.carried(c.old.ID("PermissionSetId"), c.old.ID("AssigneeId"))
		}
	case ObjectPermissionSet:
		if !deleting && c.changes("HasActivationRequired") && !c.old.Flag("HasActivationRequired") {
			return c.carried(c.id, "")
		}
	case ObjectUser:
		if deleting || c.old == nil || !c.changes("ProfileId") {
			return nil, nil
		}
		sets, err := c.tx.Find(c.schema.must(ObjectPermissionSet), c.session.Org, Values{"ProfileId": c.old.Text("ProfileId")}, 1)
		if err != nil || len(sets) == 0 {
			return nil, err
		}
		return c.carried(sets[0].ID("Id"), c.id)
	}
	return nil, nil
}

// carried are the stakes in the apps that a permission set carries.
func (c *change) carried(set, user ID) ([]stake, error) {
	rows, err := c.tx.Find(c.schema.must(ObjectSetupEntityAccess), c.session.Org, Values{"ParentId": string(set), "SetupEntityType": ObjectConnectedApplication}, maxCarried)
	if err != nil {
		return nil, err
	}
	apps := make([]ID, len(rows))
	for i, r := range rows {
		apps[i] = r.ID("SetupEntityId")
	}
	return c.stakesIn(apps, user)
}

// stakesIn looks at who may use the apps before the change. Apps that all users may authorize themselves are at no stake.
func (c *change) stakesIn(apps []ID, user ID) ([]stake, error) {
	var out []stake
	for _, app := range apps {
		found, err := c.tx.Find(c.schema.must(ObjectConnectedApplication), c.session.Org, Values{"Id": string(app)}, 1)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 || !found[0].Flag("OptionsAllowAdminApprovedUsersOnly") {
			continue
		}
		before, err := c.tx.AppUsers(c.session.Org, app, user)
		if err != nil {
			return nil, err
		}
		out = append(out, stake{app, found[0].Text("Name"), user, before})
	}
	return out, nil
}

// telling writes a change and tells who has lost access to an app by it: the caller by name, the trail by number.
func (c *change) telling(deleting bool, write func() error) error {
	stakes, err := c.stakes(deleting)
	if err != nil {
		return err
	}
	if c.session.staked != nil {
		for _, s := range stakes {
			c.session.staked(s)
		}
	}
	if err := write(); err != nil {
		return err
	}
	var notes []string
	for _, s := range stakes {
		after, err := c.tx.AppUsers(c.session.Org, s.app, s.user)
		if err != nil {
			return err
		}
		l := Loss{s.app, s.name, accessChange(s.before, after, true, true)}
		if s.user != "" {
			l.Allowed = max(l.Allowed, 1) // nobody has asked for the others
		}
		if len(l.Losing) == 0 {
			continue
		}
		c.session.warn(l.Warning())
		notes = append(notes, l.count())
	}
	c.note += strings.Join(notes, "")
	return nil
}
