package engagement

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/soap"
)

const (
	apiSpace  = "http://exacttarget.com/wsdl/partnerAPI"
	fuelSpace = "http://exacttarget.com"
	// WS-Security 1.0.
	securitySpace = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
)

// Filter is a condition of a Retrieve: a Property with an Operator and Values, or Left and Right joined by Logic.
type Filter struct {
	Property string
	Operator string // "equals", "IN" …; "" with Logic
	Values   []string

	Logic       string // "AND", "OR"; "" for a simple filter
	Left, Right *Filter
}

// Equals is the filter property = value.
func Equals(property, value string) *Filter {
	return &Filter{Property: property, Operator: "equals", Values: []string{value}}
}

// RetrieveRequest asks for objects over SOAP (engagement-wire 3).
type RetrieveRequest struct {
	ObjectType  string // "AccountUser", "BusinessUnit"
	Properties  []string
	Filter      *Filter // nil for all
	MIDs        []int64 // business units to look in; nil for the token's
	AllAccounts bool    // look in every business unit that the user reaches
}

// Retrieve returns all matching objects, page after page.
func (s *Session) Retrieve(ctx context.Context, r RetrieveRequest) ([]*soap.Element, error) {
	var all []*soap.Element
	err := s.retrieveEach(ctx, r, func(page []*soap.Element) error {
		all = append(all, page...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// retrieveEach gives matching objects to each, page after page.
func (s *Session) retrieveEach(ctx context.Context, r RetrieveRequest, each func([]*soap.Element) error) error {
	const maxPages = 400 // of 2,500 objects
	next := ""
	for range maxPages {
		op, err := s.retrievePage(ctx, r, next)
		if err != nil {
			return err
		}
		status := op.Value("OverallStatus")
		if strings.HasPrefix(status, "Error") {
			_, text, _ := strings.Cut(status, ":")
			return s.c.call.Refusal(http.StatusBadRequest, "Error", strings.TrimSpace(text))
		}
		if err := each(op.All("Results")); err != nil {
			return err
		}
		switch {
		case status == "OK":
			return nil
		case status == "MoreDataAvailable" && op.Value("RequestID") != "":
			next = op.Value("RequestID")
		default:
			return s.c.call.Protocol(http.StatusOK, "its OverallStatus is %q", client.Clip(status, 80))
		}
	}
	return s.c.call.Protocol(http.StatusOK, "the result has more than %d pages", maxPages)
}

// operation begins an envelope with the session's token and the operation's element; what is left open is closed by Bytes.
func (s *Session) operation(name string) *soap.Writer {
	w := soap.NewWriter(soap.Style{Prefix: "soapenv", Attrs: []string{"xmlns:xsi", soap.NamespaceXSI}})
	w.OpenHeader()
	if s.username == "" {
		w.Text("fueloauth", s.token.Reveal(), "xmlns", fuelSpace)
	} else {
		w.Open("wsse:Security", "xmlns:wsse", securitySpace)
		w.Open("wsse:UsernameToken")
		w.Text("wsse:Username", s.username)
		w.Text("wsse:Password", s.password.Reveal())
		w.Close()
		w.Close()
	}
	w.Close()
	w.OpenBody()
	w.Open(name, "xmlns", apiSpace)
	return w
}

// post makes one SOAP call; what proves the caller is kept out of errors.
func (s *Session) post(ctx context.Context, action string, envelope []byte) (*soap.Element, error) {
	secret, dead := s.token, deadToken
	if s.username != "" {
		secret = s.password
	}
	if s.token == "" { // nothing that signing in anew could mend
		dead = func(string, string) bool { return false }
	}
	return s.c.call.SOAP(ctx, s.soap+"/Service.asmx", action, envelope, secret.Reveal(), dead)
}

func (s *Session) retrievePage(ctx context.Context, r RetrieveRequest, continued string) (*soap.Element, error) {
	w := s.operation("RetrieveRequestMsg")
	w.Open("RetrieveRequest")
	if len(r.MIDs) > 0 {
		w.Open("ClientIDs")
		for _, mid := range r.MIDs {
			w.Text("ID", strconv.FormatInt(mid, 10))
		}
		w.Close()
	}
	w.Text("ObjectType", r.ObjectType)
	for _, p := range r.Properties {
		w.Text("Properties", p)
	}
	if r.Filter != nil {
		writeFilter(w, "Filter", r.Filter)
	}
	if r.AllAccounts {
		w.Text("QueryAllAccounts", "true")
	}
	if continued != "" {
		w.Text("ContinueRequest", continued)
	}
	envelope, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	op, err := s.post(ctx, "Retrieve", envelope)
	if err == nil && op.Local != "RetrieveResponseMsg" {
		return nil, s.c.call.Protocol(http.StatusOK, "it is no retrieve response")
	}
	return op, err
}

// deadToken recognises the faults of an expired or unknown token, and of a name and password that open no web services:
// AuthorizationFailure, 11, where others say Login Failed (engagement-wire 3).
func deadToken(code, text string) bool {
	return code == "11" || code == "Security" && (text == "Token Expired" || strings.EqualFold(text, "Login Failed"))
}

func writeFilter(w *soap.Writer, name string, f *Filter) {
	if f.Logic != "" && f.Left != nil && f.Right != nil {
		w.Open(name, "xsi:type", "ComplexFilterPart")
		writeFilter(w, "LeftOperand", f.Left)
		w.Text("LogicalOperator", f.Logic)
		writeFilter(w, "RightOperand", f.Right)
		w.Close()
		return
	}
	w.Open(name, "xsi:type", "SimpleFilterPart")
	w.Text("Property", f.Property)
	w.Text("SimpleOperator", f.Operator)
	for _, v := range f.Values {
		w.Text("Value", v)
	}
	w.Close()
}

// AccountUser is a user of the tenant as SOAP gives him (engagement-wire 3, objects).
type AccountUser struct {
	ID         int64 // AccountUserID
	Username   string
	Name       string
	Email      string
	Active     bool
	APIUser    bool
	DefaultMID int64
	// SalesforceUsername is the CRM user whom Salesforce.com Status names; "" where the user is not integrated.
	SalesforceUsername string
}

// AccountUsers lists users; filter nil means all that the token's user reaches. SalesforceUsername stays empty.
func (s *Session) AccountUsers(ctx context.Context, filter *Filter) ([]AccountUser, error) {
	return s.accountUsers(ctx, filter)
}

// IntegratedUsers lists users with their SalesforceUsername, which is Twinspan's own property (DESIGN 5.10): another
// tenant refuses it.
func (s *Session) IntegratedUsers(ctx context.Context, filter *Filter) ([]AccountUser, error) {
	return s.accountUsers(ctx, filter, "SalesforceUsername")
}

func (s *Session) accountUsers(ctx context.Context, filter *Filter, more ...string) ([]AccountUser, error) {
	found, err := s.Retrieve(ctx, RetrieveRequest{
		ObjectType: "AccountUser", Filter: filter, AllAccounts: true,
		Properties: append([]string{"ID", "AccountUserID", "UserID", "Name", "Email", "ActiveFlag", "IsAPIUser", "DefaultBusinessUnit"}, more...),
	})
	if err != nil {
		return nil, err
	}
	users := make([]AccountUser, 0, len(found))
	for _, e := range found {
		u := AccountUser{
			Username: e.Value("UserID"), Name: e.Value("Name"), Email: e.Value("Email"), SalesforceUsername: e.Value("SalesforceUsername"),
			Active: e.Value("ActiveFlag") == "true", APIUser: e.Value("IsAPIUser") == "true",
		}
		u.ID, u.DefaultMID = number(e.Value("AccountUserID")), number(e.Value("DefaultBusinessUnit"))
		if u.ID == 0 {
			u.ID = number(e.Value("ID"))
		}
		users = append(users, u)
	}
	return users, nil
}

// BusinessUnit is a business unit of the tenant.
type BusinessUnit struct {
	MID       int64
	ParentMID int64 // 0 for the top one
	Name      string
	Active    bool
}

// BusinessUnits lists the business units that the token's user reaches.
func (s *Session) BusinessUnits(ctx context.Context) ([]BusinessUnit, error) {
	found, err := s.Retrieve(ctx, RetrieveRequest{
		ObjectType: "BusinessUnit", AllAccounts: true,
		Properties: []string{"ID", "Name", "ParentID", "IsActive"},
	})
	if err != nil {
		return nil, err
	}
	units := make([]BusinessUnit, 0, len(found))
	for _, e := range found {
		units = append(units, BusinessUnit{MID: number(e.Value("ID")), ParentMID: number(e.Value("ParentID")), Name: e.Value("Name"), Active: e.Value("IsActive") == "true"})
	}
	return units, nil
}

// number is the decimal number in s; 0 where there is none, which no id is.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
