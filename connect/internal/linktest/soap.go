package linktest

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
)

// Integrate sets Salesforce.com Status of a user to a CRM user name.
func (v *Tenant) Integrate(username, crmUsername string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.integrated[username] = crmUsername
}

// retrieve answers a SOAP Retrieve of users whose names stand in the filter.
func (v *Tenant) retrieve(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.soapUser(string(text)) == "" {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Security</faultcode><faultstring>Login Failed</faultstring></s:Fault></s:Body></s:Envelope>`)
		return
	}
	_, asked, _ := strings.Cut(string(text), "Body>")
	var out strings.Builder
	for _, p := range v.people {
		if strings.Contains(asked, ">"+p.Username+"</") {
			fmt.Fprintf(&out, `<Results><AccountUserID>%s</AccountUserID><UserID>%s</UserID><Name>%s</Name><ActiveFlag>true</ActiveFlag><IsAPIUser>%t</IsAPIUser><IsLocked>%t</IsLocked><DefaultBusinessUnit>%d</DefaultBusinessUnit><SalesforceUsername>%s</SalesforceUsername>%s</Results>`,
				p.ID, p.Username, html.EscapeString(p.Name), p.Username == v.APIUser && !v.passwords.plain[p.Username], v.passwords.locked[p.Username], EID, v.integrated[p.Username], v.rolesOf(p.Username))
		}
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = io.WriteString(w, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>OK</OverallStatus>`+
		out.String()+`</RetrieveResponseMsg></s:Body></s:Envelope>`)
}

// makeGrant lets the API user vouch for an integrated user; a grant that is there stays.
func (v *Tenant) makeGrant(w http.ResponseWriter, r *http.Request) {
	p, live := v.bearer(r)
	if !live {
		v.dead(w)
		return
	}
	var in struct{ Username string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || p.Username != v.APIUser {
		Answer(w, http.StatusForbidden, map[string]any{"errorcode": 20002, "message": "Insufficient Privileges"})
		return
	}
	v.mu.Lock()
	if !v.grants[in.Username] {
		v.grants[in.Username], v.made[in.Username] = true, v.now()
	}
	v.mu.Unlock()
	Answer(w, http.StatusCreated, map[string]any{"id": "1", "username": in.Username, "client_id": v.ClientID, "made_by": p.Username, "made_at": "2026-01-02T03:04:05Z", "stale": false})
}
