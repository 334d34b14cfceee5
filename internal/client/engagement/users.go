package engagement

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/vault"
)

// UserDetails is a user with what administrators look at.
type UserDetails struct {
	AccountUser
	// Locked: too many wrong passwords; MustChange: the password is temporary.
	Locked, MustChange bool
	// SalesforceUsername is what Salesforce.com Status names; "" where the user is not integrated. Only Twinspan's own
	// tenants tell it.
	SalesforceUsername string
	// Roles are names; of a role in one business unit alone with its MID: "Analyst (in 1234567)".
	Roles []string
}

// detailProperties are what details are made of.
func detailProperties() []string {
	return []string{
		"AccountUserID", "UserID", "Name", "Email", "ActiveFlag", "IsAPIUser", "DefaultBusinessUnit", "IsLocked", "MustChangePassword", "SalesforceUsername", "Roles",
	}
}

// UserDetails finds a user by name; a NotFound fault where there is none.
func (s *Session) UserDetails(ctx context.Context, username string) (UserDetails, error) {
	found, err := s.Retrieve(ctx, RetrieveRequest{ObjectType: "AccountUser", Filter: Equals("UserID", username), AllAccounts: true, Properties: detailProperties()})
	if err != nil {
		return UserDetails{}, err
	}
	if len(found) != 1 {
		return UserDetails{}, s.c.call.Refusal(http.StatusNotFound, "not_found", "there is no user "+client.Clip(username, 80))
	}
	return details(found[0]), nil
}

// IntegratedDetails lists the users whose Salesforce.com Status is set, as [Session.IntegratedUsers] does, with their details.
func (s *Session) IntegratedDetails(ctx context.Context) ([]UserDetails, error) {
	found, err := s.Retrieve(ctx, RetrieveRequest{
		ObjectType: "AccountUser", Filter: &Filter{Property: "SalesforceUsername", Operator: "isNotNull"}, AllAccounts: true, Properties: detailProperties(),
	})
	if err != nil {
		return nil, err
	}
	out := make([]UserDetails, len(found))
	for i, e := range found {
		out[i] = details(e)
	}
	return out, nil
}

// DetailsOf reads those users of the names that there are, in one call: name few.
func (s *Session) DetailsOf(ctx context.Context, usernames []string) ([]UserDetails, error) {
	filter := &Filter{Property: "UserID", Operator: "IN", Values: usernames}
	switch len(usernames) {
	case 0:
		return nil, nil
	case 1: // which IN does not take
		filter = Equals("UserID", usernames[0])
	}
	found, err := s.Retrieve(ctx, RetrieveRequest{ObjectType: "AccountUser", Filter: filter, AllAccounts: true, Properties: detailProperties()})
	out := make([]UserDetails, len(found))
	for i, e := range found {
		out[i] = details(e)
	}
	return out, err
}

// maxAdministrators bounds how many users are looked at for administrators.
const maxAdministrators = 5000

// Administrators lists active users with the role Administrator who are people, at most limit, of the first 5,000 users that
// the tenant names.
func (s *Session) Administrators(ctx context.Context, limit int) ([]UserDetails, error) {
	var out []UserDetails
	looked := 0
	enough := errors.New("enough")
	err := s.retrieveEach(ctx, RetrieveRequest{ObjectType: "AccountUser", AllAccounts: true, Properties: detailProperties()}, func(page []*soap.Element) error {
		for _, e := range page {
			d := details(e)
			if d.Active && !d.APIUser && slices.Contains(d.Roles, "Administrator") && len(out) < limit {
				out = append(out, d)
			}
		}
		if looked += len(page); len(out) == limit || looked >= maxAdministrators {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return out, err
}

func details(e *soap.Element) UserDetails {
	d := UserDetails{
		AccountUser: AccountUser{
			ID: number(e.Value("AccountUserID")), Username: e.Value("UserID"), Name: e.Value("Name"), Email: e.Value("Email"),
			Active: e.Value("ActiveFlag") == "true", APIUser: e.Value("IsAPIUser") == "true", DefaultMID: number(e.Value("DefaultBusinessUnit")),
		},
		Locked: e.Value("IsLocked") == "true", MustChange: e.Value("MustChangePassword") == "true", SalesforceUsername: e.Value("SalesforceUsername"),
	}
	for _, r := range e.Find("Roles").All("Role") {
		name, unit := r.Value("Name"), r.Value("Client", "ID")
		if strings.HasPrefix(name, "Individual role for ") {
			continue
		}
		if unit != "" && unit != r.Value("Client", "EnterpriseID") {
			name += " (in " + unit + ")"
		}
		d.Roles = append(d.Roles, name)
	}
	return d
}

// Role is a role of the tenant.
type Role struct {
	ID, Key, Name, Description string
}

// Roles lists the roles that can be given.
func (s *Session) Roles(ctx context.Context) ([]Role, error) {
	found, err := s.Retrieve(ctx, RetrieveRequest{ObjectType: "Role", Filter: Equals("IsPrivate", "false"), Properties: []string{"ObjectID", "CustomerKey", "Name", "Description"}})
	if err != nil {
		return nil, err
	}
	roles := make([]Role, len(found))
	for i, e := range found {
		roles[i] = Role{ID: e.Value("ObjectID"), Key: e.Value("CustomerKey"), Name: e.Value("Name"), Description: e.Value("Description")}
	}
	return roles, nil
}

// UserWrite makes or changes a user. Nil and empty fields are left as they are.
type UserWrite struct {
	Username           string // required
	Name, Email        string
	Password           vault.Secret
	APIUser, Active    *bool
	Unlock             bool
	SalesforceUsername *string // "" clears Salesforce.com Status
	DefaultMID         int64
	AddRoles           []string // customer keys
	RemoveRoles        []string
}

// CreateUser makes a user; name, email and password are required (error 11003).
func (s *Session) CreateUser(ctx context.Context, u UserWrite) error {
	return s.writeUser(ctx, "Create", u)
}

// UpdateUser changes a user.
func (s *Session) UpdateUser(ctx context.Context, u UserWrite) error {
	return s.writeUser(ctx, "Update", u)
}

func (s *Session) writeUser(ctx context.Context, action string, u UserWrite) error {
	return s.writeObject(ctx, action, "AccountUser", u.write)
}

// writeObject makes or changes one object by SOAP; action is "Create" or "Update".
func (s *Session) writeObject(ctx context.Context, action, kind string, write func(*soap.Writer)) error {
	w := s.operation(action + "Request")
	w.Open("Objects", "xsi:type", kind)
	write(w)
	envelope, err := w.Bytes()
	if err != nil {
		return err
	}
	op, err := s.post(ctx, action, envelope)
	if err != nil {
		return err
	}
	results := op.All("Results")
	if op.Local != action+"Response" || len(results) != 1 {
		return s.c.call.Protocol(http.StatusOK, "it is no %s response with one result", strings.ToLower(action))
	}
	if results[0].Value("StatusCode") != "OK" {
		return s.c.call.Refusal(http.StatusBadRequest, results[0].Value("ErrorCode"), results[0].Value("StatusMessage"))
	}
	return nil
}

// write writes the members in the order of the WSDL.
func (u UserWrite) write(w *soap.Writer) {
	optional := func(name, value string) {
		if value != "" {
			w.Text(name, value)
		}
	}
	flag := func(name string, value *bool) {
		if value != nil {
			w.Text(name, strconv.FormatBool(*value))
		}
	}
	w.Text("UserID", u.Username)
	optional("Password", u.Password.Reveal())
	optional("Name", u.Name)
	optional("Email", u.Email)
	flag("ActiveFlag", u.Active)
	flag("IsAPIUser", u.APIUser)
	if u.Unlock {
		w.Text("Unlock", "true")
	}
	if u.DefaultMID != 0 {
		w.Text("DefaultBusinessUnit", strconv.FormatInt(u.DefaultMID, 10))
	}
	if len(u.AddRoles)+len(u.RemoveRoles) > 0 {
		w.Open("Roles")
		for _, key := range u.AddRoles {
			w.Open("Role")
			w.Text("CustomerKey", key)
			w.Close()
		}
		for _, key := range u.RemoveRoles {
			w.Open("Role")
			w.Text("CustomerKey", key)
			w.Open("AssignmentConfigurations")
			w.Open("AssignmentConfiguration")
			w.Text("AssignmentConfigureType", "RoleUser")
			w.Text("IsDelete", "true")
			w.Close()
			w.Close()
			w.Close()
		}
		w.Close()
	}
	if u.SalesforceUsername != nil {
		w.Text("SalesforceUsername", *u.SalesforceUsername)
	}
}
