package fake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const apiSpace = `xmlns="http://exacttarget.com/wsdl/partnerAPI"`

// soap is Service.asmx: Retrieve of users and business units, Update of users (engagement-wire 3).
func (t *Tenant) soap(w http.ResponseWriter, r *http.Request) {
	header, op, ok := envelope(r)
	if !ok {
		soapFault(w, "Client", "no envelope")
		return
	}
	if name := header.at("Security", "UsernameToken"); name != nil { // web services by name and password
		if u := t.user(name.text("Username")); u == nil || !u.APIUser || u.Password != name.text("Password") {
			soapFault(w, "Security", "Login Failed")
			return
		}
	} else if _, live := t.live(header.text("fueloauth")); !live {
		soapFault(w, "Security", "Token Expired")
		return
	}
	t.data.Lock()
	defer t.data.Unlock()
	switch op.XMLName.Local {
	case "RetrieveRequestMsg":
		t.retrieve(w, op.at("RetrieveRequest"))
	case "UpdateRequest":
		t.update(w, op.at("Objects"))
	default:
		soapFault(w, "Client", "no such operation")
	}
}

func (t *Tenant) retrieve(w http.ResponseWriter, q *node) {
	var rows []map[string]string
	status := "OK"
	switch {
	case q != nil && q.text("ObjectType") == "AccountUser":
		for _, u := range t.users {
			rows = append(rows, map[string]string{
				"ID": strconv.FormatInt(u.id, 10), "AccountUserID": strconv.FormatInt(u.id, 10), "UserID": u.Username, "Name": "Mx " + u.Username, "Email": "x@y.example",
				"ActiveFlag": "true", "IsAPIUser": strconv.FormatBool(u.APIUser), "DefaultBusinessUnit": strconv.FormatInt(t.EID, 10), "SalesforceUsername": u.SalesforceUser,
			})
		}
	case q != nil && q.text("ObjectType") == "BusinessUnit":
		rows = append(rows, map[string]string{"ID": strconv.FormatInt(t.EID, 10), "Name": "Top", "ParentID": "0", "IsActive": "true"})
	default:
		status = "Error: Object 'Nothing' is not retrievable."
	}
	if f := q.at("Filter"); f != nil {
		rows = slices.DeleteFunc(rows, func(row map[string]string) bool { return !matches(f, row) })
	}
	var b strings.Builder
	b.WriteString("<RetrieveResponseMsg " + apiSpace + "><OverallStatus>" + status + "</OverallStatus><RequestID>" + guid() + "</RequestID>")
	for _, row := range rows {
		b.WriteString(`<Results i:type="` + q.text("ObjectType") + `"><PartnerKey i:nil="true"/>`)
		for _, name := range q.texts("Properties") {
			if v, known := row[name]; known && v != "" {
				b.WriteString("<" + name + ">" + xmlText(v) + "</" + name + ">")
			}
		}
		b.WriteString("</Results>")
	}
	writeSOAP(w, http.StatusOK, b.String()+"</RetrieveResponseMsg>")
}

func matches(f *node, row map[string]string) bool {
	have := strings.ToLower(row[f.text("Property")])
	is := func(v string) bool { return have == strings.ToLower(v) }
	switch f.text("SimpleOperator") {
	case "isNotNull":
		return have != ""
	case "equals", "IN":
		return slices.ContainsFunc(f.texts("Value"), is)
	}
	return false
}

// update changes a user: roles, API User, password, Salesforce.com Status.
func (t *Tenant) update(w http.ResponseWriter, o *node) {
	answer := func(status, code, text string) {
		writeSOAP(w, http.StatusOK, "<UpdateResponse "+apiSpace+"><Results><StatusCode>"+status+"</StatusCode><StatusMessage>"+text+"</StatusMessage><OrdinalID>0</OrdinalID><ErrorCode>"+code+
			"</ErrorCode></Results><RequestID>"+guid()+"</RequestID><OverallStatus>"+status+"</OverallStatus></UpdateResponse>")
	}
	u := t.find(o.text("UserID"))
	if u == nil {
		answer("Error", "11004", "no such user")
		return
	}
	if o.at("Roles") != nil {
		u.MaySend = u.MaySend || o.text("Roles", "Role", "CustomerKey") == "SYS_DEF_IMHPUBLISHER"
		u.changed()
	}
	if v := o.text("IsAPIUser"); v != "" {
		u.APIUser = v == "true"
	}
	if p := o.text("Password"); p != "" {
		u.Password = p
		if u.APIUser {
			t.endGrantsOf(u)
		}
	}
	if e := o.at("SalesforceUsername"); e != nil {
		u.SalesforceUser = strings.TrimSpace(e.Text)
	}
	answer("OK", "0", "User updated")
}
