package linktest

import (
	"html"
	"io"
	"net/http"
	"strings"
	"time"
)

// logins is what a test org remembers of logins by password: it says one thing for all that is wrong, as a real one, and
// more in its records.
type logins struct {
	tokens  map[string]string    // security tokens by user name
	expired map[string]bool      // passwords
	locked  map[string]bool      // users
	changed map[string]time.Time // when the password was changed last
	reset   map[string]time.Time // when the security token was reset last
	status  map[string]string    // of the last login by password
	fault   string               // code with which every login is refused; "" for none
}

func put[V any](m *map[string]V, name string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[name] = v
}

// SetPassword changes a user's password, and when that was is kept. Sessions go on.
func (o *Org) SetPassword(username, password string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.people[username]
	p.Password = password
	o.people[username] = p
	put(&o.logins.changed, username, o.now())
	put(&o.logins.expired, username, false)
}

// SetSecurityToken resets a user's security token.
func (o *Org) SetSecurityToken(username, token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	put(&o.logins.tokens, username, token)
	put(&o.logins.reset, username, o.now())
}

// ExpirePassword lets a user's password be out of date.
func (o *Org) ExpirePassword(username string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	put(&o.logins.expired, username, true)
}

// Lock locks a user out of logins by password, or no longer.
func (o *Org) Lock(username string, yes bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	put(&o.logins.locked, username, yes)
}

// RefuseLogins has every login by password refused with a fault's code; "" undoes it.
func (o *Org) RefuseLogins(code string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.logins.fault = code
}

// login answers SOAP login (crm-wire 2).
func (o *Org) login(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	value := func(name string) string {
		_, rest, _ := strings.Cut(string(text), "<"+name+">")
		v, _, _ := strings.Cut(rest, "</")
		return html.UnescapeString(v)
	}
	username, given := value("username"), value("password")
	o.mu.Lock()
	p, known := o.people[username]
	l := &o.logins
	code, status := l.fault, "Success"
	switch right := known && given == p.Password+l.tokens[username]; {
	case code != "":
		status = map[string]string{"LOGIN_DURING_RESTRICTED_DOMAIN": "Restricted IP"}[code]
	case l.locked[username]:
		code, status = "INVALID_LOGIN", "Password Lockout"
	case known && given == p.Password && !right:
		code, status = "INVALID_LOGIN", "Failed: API security token required"
	case !right:
		code, status = "INVALID_LOGIN", "Invalid Password"
	}
	put(&l.status, username, status)
	expired := l.expired[username]
	o.mu.Unlock()
	w.Header().Set("Content-Type", "text/xml; charset=UTF-8")
	const open, end = `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body>`, `</soapenv:Body></soapenv:Envelope>`
	if code != "" {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, open+`<soapenv:Fault><faultcode>`+code+`</faultcode><faultstring>`+code+`: Invalid username, password, security token; or user locked out.</faultstring><detail><sf:LoginFault><sf:exceptionCode>`+code+
			`</sf:exceptionCode><sf:exceptionMessage>Invalid username, password, security token; or user locked out.</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>`+end)
		return
	}
	_, _ = io.WriteString(w, open+`<loginResponse><result><passwordExpired>`+map[bool]string{true: "true", false: "false"}[expired]+`</passwordExpired><serverUrl>`+o.URL+`/services/Soap/u/65.0/x</serverUrl><sessionId>`+
		o.issue(grant{username: username}, "session-")+`</sessionId><userId>`+p.ID+`</userId><userInfo><organizationId>`+o.orgOf(p)+`</organizationId></userInfo></result></loginResponse>`+end)
}

// query answers the questions for what became of a user's credentials; the org's lock is held.
func (l *logins) query(query string, people map[string]Person) ([]map[string]any, bool) {
	stamp := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UTC().Format("2006-01-02T15:04:05.000+0000")
	}
	records := []map[string]any{}
	switch {
	case strings.Contains(query, "LastPasswordChangeDate"):
		for _, p := range people {
			if strings.Contains(query, "'"+p.Username+"'") {
				records = append(records, map[string]any{"Id": p.ID, "LastPasswordChangeDate": stamp(l.changed[p.Username])})
			}
		}
	case strings.Contains(query, "FROM LoginHistory"):
		for _, p := range people {
			if strings.Contains(query, "'"+p.ID+"'") && l.status[p.Username] != "" {
				records = append(records, map[string]any{"Status": l.status[p.Username], "LoginSubType": nil})
			}
		}
	case strings.Contains(query, "FROM SetupAuditTrail"):
		for name, at := range l.reset {
			records = append(records, map[string]any{"Action": "resetsecuritytoken", "Display": "Reset security token of " + name, "CreatedDate": stamp(at)})
		}
	default:
		return nil, false
	}
	return records, true
}
