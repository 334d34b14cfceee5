package bulk

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"
)

// firstError is an error of Bulk API 1.0, as XML or JSON (crm-wire 4.3).
type firstError struct {
	XMLName xml.Name `xml:"http://www.force.com/2009/06/asyncapi/dataload error" json:"-"`
	Code    string   `xml:"exceptionCode" json:"exceptionCode"`
	Message string   `xml:"exceptionMessage" json:"exceptionMessage"`
}

// refuseFirst answers the addresses of Bulk API 1.0, which is not served, in that API's own shape: clients come to them
// unasked, as jsforce does to delete more records of a query than a collection holds.
func refuseFirst(w http.ResponseWriter, r *http.Request) {
	e := firstError{Code: "FeatureNotEnabled", Message: "Bulk API 1.0 is not served here. Use Bulk API 2.0, at /services/data/v65.0/jobs."}
	body, err, kind := []byte(nil), error(nil), "application/xml"
	if strings.Contains(r.Header.Get("Accept"), "json") || strings.Contains(r.Header.Get("Content-Type"), "json") {
		kind = "application/json"
		body, err = json.Marshal(e)
	} else {
		body, err = xml.Marshal(e)
	}
	if err != nil {
		panic(err) // texts of our own
	}
	w.Header().Set("Content-Type", kind+";charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusBadRequest)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // a client that is gone wants none
}
