package tenant

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// PeoplePage is how many users a page of the list holds: few, so that a page is about as quick with many users as with ten.
const PeoplePage = 20

// maxSearch bounds the text of a search, in bytes.
const maxSearch = 100

// PeopleQuery asks for users in the order of their folded user names.
type PeopleQuery struct {
	Text  string // part of the user name, the name or the email address, without regard to case; "" is everybody
	In    MID    // who works there, or may; 0 is everywhere
	After string // folded user name to go on after; "" begins
	Limit int
}

// PeopleStore lists users.
type PeopleStore interface {
	// People lists the users of a tenant whom a password opens, with what a list shows of them: names, address, state, last
	// login, and whom in the org they are.
	People(ctx context.Context, eid EID, q PeopleQuery) ([]User, error)
}

// People is the service by which administrators find users and see what they are.
type People struct {
	Registry  *Registry
	Directory Directory
	Store     PeopleStore
}

// List gives a page of the users whom the caller has to do with: part of a name, user name or email address finds them. Of each it tells what a list shows.
// The app users of packages, whom nobody can be, are not among them. more says that others follow the last one.
func (s *People) List(ctx context.Context, p Principal, text, after string) (list []User, more bool, err error) {
	if err := mayRead(p, ScopeUsersRead, ScopeUsersWrite); err != nil {
		return nil, false, err
	}
	q := PeopleQuery{Text: strings.TrimSpace(text), After: FoldUsername(after), Limit: PeoplePage + 1}
	if len(q.Text) > maxSearch || !utf8.ValidString(q.Text) || hasNUL(q.Text) {
		return nil, false, nil // nobody is called so
	}
	if !p.AtTop() {
		q.In = p.MID
	}
	list, err = s.Store.People(ctx, p.Tenant, q)
	if len(list) > PeoplePage {
		return list[:PeoplePage], true, err
	}
	return list, false, err
}

// Get reads one user, fresh; a NotFound fault where there is none that the caller has to do with.
func (s *People) Get(ctx context.Context, p Principal, id int64) (User, error) {
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such user.")
	if err := mayRead(p, ScopeUsersRead, ScopeUsersWrite); err != nil {
		return User{}, err
	}
	u, err := s.Directory.UserByID(ctx, p.Tenant, id)
	if err != nil {
		return User{}, absent(err, none)
	}
	if !p.sees(u) {
		return User{}, none
	}
	return u, nil
}

// Roles lists the roles that there are, by name.
func (s *People) Roles(ctx context.Context, p Principal) ([]Role, error) {
	if err := mayRead(p, ScopeUsersRead, ScopeUsersWrite); err != nil {
		return nil, err
	}
	roles, err := s.Directory.Roles(ctx, p.Tenant)
	slices.SortFunc(roles, func(a, b Role) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return roles, err
}

// HeldRole is a role that a user has.
type HeldRole struct {
	Role   Role
	Unit   MID  // where; 0 is in all business units
	ByUnit bool // everybody in the unit has it
}

// RolesOf lists what the user has been given: in all business units, in single ones, and as one of everybody there.
func (s *People) RolesOf(ctx context.Context, p Principal, u User) ([]HeldRole, error) {
	roles, err := s.Roles(ctx, p)
	if err != nil {
		return nil, err
	}
	given, err := s.Directory.Assignments(ctx, u.Tenant, u.ID)
	if err != nil {
		return nil, err
	}
	var out []HeldRole
	for _, role := range roles {
		for _, a := range given {
			if a.RoleID != role.ID || a.UserID == 0 && !u.MayUse(a.MID) {
				continue
			}
			out = append(out, HeldRole{Role: role, Unit: a.MID, ByUnit: a.UserID == 0})
		}
	}
	return out, nil
}
