package soapapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/vault"
)

// userWritten is what the real service says of every change of an AccountUser (engagement-wire 9.3).
const userWritten = "Account User Updated / Created"

// createUser makes an AccountUser, or changes the one that is there.
func (s *Server) createUser(ctx context.Context, c objectCall) (result, error) {
	return s.writeUser(ctx, c, s.o.Users.Create)
}

// updateUser changes an AccountUser.
func (s *Server) updateUser(ctx context.Context, c objectCall) (result, error) {
	return s.writeUser(ctx, c, s.o.Users.Update)
}

func (s *Server) writeUser(ctx context.Context, c objectCall, write func(context.Context, tenant.Principal, tenant.UserChange) (tenant.User, error)) (result, error) {
	change, err := readUser(c.el)
	if err != nil {
		return result{}, err
	}
	u, err := write(ctx, c.p, change)
	if err != nil {
		return result{}, err
	}
	// The new user's number is Object/ID; NewID stays 0 (engagement-wire 9.3).
	return result{message: userWritten, objectID: u.ID, client: c.p.MID}, nil
}

// readUser reads an AccountUser. What is no part of it here is refused where it would change who may do what, and
// otherwise repeated in the answer and not kept.
func readUser(el *soap.Element) (tenant.UserChange, error) {
	c := tenant.UserChange{CustomerKey: strings.TrimSpace(el.Value("CustomerKey")), Username: strings.TrimSpace(el.Value("UserID"))}
	for _, name := range []string{
		"ID", "AccountUserID", "CustomerKey", "UserID", "Name", "Email", "NotificationEmailAddress", "Password", "ActiveFlag", "IsAPIUser",
		"MustChangePassword", "Unlock", "DefaultBusinessUnit", "DefaultBusinessUnitObject", "Locale", "TimeZone", "Roles", "SalesforceUsername",
	} {
		if _, err := el.One(name); err != nil { // twice: two readers could take different ones
			return c, err
		}
	}
	var err error
	for _, name := range []string{"AccountUserID", "ID"} {
		if text := strings.TrimSpace(el.Value(name)); text != "" && text != "0" && c.ID == 0 {
			if c.ID, err = strconv.ParseInt(text, 10, 64); err != nil {
				return c, badUser(name, "%s is not a number.", name)
			}
		}
	}
	c.Password = vault.Secret(el.Value("Password"))
	c.Name, c.Email, c.NotificationEmail = optional(el, "Name"), optional(el, "Email"), optional(el, "NotificationEmailAddress")
	c.SalesforceUsername = optional(el, "SalesforceUsername")
	c.Locale, c.TimeZone = optional(el, "Locale", "LocaleCode"), optional(el, "TimeZone", "Name")
	if id := el.Value("TimeZone", "ID"); id != "" && c.TimeZone == nil {
		for _, z := range tenant.TimeZones() {
			if z.ID == strings.TrimSpace(id) {
				c.TimeZone = &z.Name
			}
		}
		if c.TimeZone == nil {
			return c, badUser("TimeZone", "There is no time zone %q.", id)
		}
	}
	for name, to := range map[string]**bool{"ActiveFlag": &c.Active, "IsAPIUser": &c.APIUser, "MustChangePassword": &c.MustChange} {
		if *to, err = optionalBool(el, name); err != nil {
			return c, err
		}
	}
	unlock, err := optionalBool(el, "Unlock")
	if err != nil {
		return c, err
	}
	c.Unlock = unlock != nil && *unlock
	unit := el.Find("DefaultBusinessUnit")
	if unit == nil || strings.TrimSpace(unit.Text) == "" {
		unit = el.Find("DefaultBusinessUnitObject", "ID")
	}
	if unit != nil && strings.TrimSpace(unit.Text) != "" {
		if c.DefaultMID, err = readMID(unit); err != nil {
			return c, err
		}
	}
	return c, readRights(el, &c)
}

// readRights reads roles and numbered permissions.
func readRights(el *soap.Element, c *tenant.UserChange) error {
	for _, r := range el.Find("Roles").All("Role") {
		change := tenant.RoleChange{ID: strings.TrimSpace(r.Value("ObjectID")), CustomerKey: strings.TrimSpace(r.Value("CustomerKey"))}
		if change.ID == "" && change.CustomerKey == "" {
			return badUser("Roles", "A role is named by its ObjectID or its CustomerKey.")
		}
		configurations := r.Find("AssignmentConfigurations").All("AssignmentConfiguration")
		if len(configurations) == 0 {
			c.Roles = append(c.Roles, change)
		}
		for _, a := range configurations {
			change := change // each is an assignment of its own
			if kind := a.Value("AssignmentConfigureType"); kind != "" && kind != "RoleUser" {
				return badUser("Roles", "The assignment type %q is not supported; RoleUser is.", kind)
			}
			unit, err := a.One("BusinessUnitId")
			if err != nil {
				return err
			}
			if unit != nil {
				if change.Unit, err = readMID(unit); err != nil {
					return err
				}
			}
			remove, err := optionalBool(a, "IsDelete")
			if err != nil {
				return err
			}
			change.Remove = remove != nil && *remove
			c.Roles = append(c.Roles, change)
		}
	}
	for _, p := range el.All("UserPermissions") {
		id, err := strconv.Atoi(strings.TrimSpace(p.Value("ID")))
		if err != nil {
			return badUser("UserPermissions", "A user permission is named by its ID.")
		}
		if gone := strings.TrimSpace(p.Value("Delete")); gone != "" && gone != "0" && !strings.EqualFold(gone, "false") {
			c.NoPermissions = append(c.NoPermissions, id)
		} else {
			c.Permissions = append(c.Permissions, id)
		}
	}
	return nil
}

// optional is the text at the path; nil where there is none, or it is nil by xsi:nil.
func optional(el *soap.Element, path ...string) *string {
	found := el.Find(path...)
	if found == nil || found.Nil() {
		return nil
	}
	return &found.Text
}

// optionalBool is the boolean member; nil where it is missing or empty.
func optionalBool(el *soap.Element, name string) (*bool, error) {
	text := optional(el, name)
	if text == nil || strings.TrimSpace(*text) == "" {
		return nil, nil
	}
	v, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(*text)))
	if err != nil {
		return nil, badUser(name, "%s is neither true nor false.", name)
	}
	return &v, nil
}

func badUser(field, format string, args ...any) error {
	return fault.New(fault.Invalid, tenant.CodeInvalidUser, format, args...).In(field)
}

// unitsWritten is what the real service says of changed business units (engagement-wire 9.3).
const unitsWritten = "User Business Unit assignments successfully updated"

// configure answers ConfigureRequestMsg: the business units that users may work in.
func (s *Server) configure(ctx context.Context, p tenant.Principal, op *soap.Element) (func(*soap.Writer), error) {
	configurations := op.Find("Configurations").All("Configuration")
	if len(configurations) == 0 || len(configurations) > maxObjects {
		return nil, fault.New(fault.Invalid, "invalid_objects", "A request holds 1 to %d configurations.", maxObjects)
	}
	results, failed, err := s.results(ctx, "ConfigureResponseMsg", configurations, func(i int, el *soap.Element) (result, error) {
		return s.configureOne(ctx, objectCall{p: p, el: el, ordinal: i}, op)
	})
	if err != nil {
		return nil, err
	}
	request := s.conclude(ctx, p, op, configurations, results)
	return func(x *soap.Writer) {
		writeNestedResults(x, "ConfigureResponseMsg", request, configurations, results, failed)
	}, nil
}

func (s *Server) configureOne(ctx context.Context, c objectCall, op *soap.Element) (result, error) {
	if kind := c.el.XSIType(); kind != "AccountUser" {
		return result{}, fault.New(fault.Invalid, codeUnknownObject, "Unable to find a handler for object type: %s. Object types are case-sensitive, check spelling.", kind)
	}
	if action := strings.TrimSpace(op.Value("Action")); !strings.EqualFold(action, "assign") && action != "" {
		return result{}, badUser("Action", "The action %q is not supported; assign is.", action)
	}
	if err := s.inUnit(ctx, &c, op); err != nil {
		return result{}, err
	}
	change, err := readUser(c.el)
	if err != nil {
		return result{}, err
	}
	config, err := c.el.One("BusinessUnitAssignmentConfiguration")
	if err != nil {
		return result{}, err
	}
	if config == nil {
		return result{}, badUser("BusinessUnitAssignmentConfiguration", "There is no BusinessUnitAssignmentConfiguration.")
	}
	remove, err := optionalBool(config, "IsDelete")
	if err != nil {
		return result{}, err
	}
	var mids []tenant.MID
	for _, ids := range config.All("BusinessUnitIds") {
		for _, id := range ids.All("BusinessUnitId") {
			mid, err := readMID(id)
			if err != nil {
				return result{}, err
			}
			mids = append(mids, mid)
		}
	}
	u, err := s.o.Users.SetUnits(ctx, c.p, change, mids, remove != nil && *remove)
	if err != nil {
		return result{}, err
	}
	return result{message: unitsWritten, objectID: u.ID, client: c.p.MID}, nil
}
