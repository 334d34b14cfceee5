package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// options are the request headers that change what a call does (crm-wire 3.2); the rest of the family is for features
// that no record of this org has.
type options struct {
	batch int // Sforce-Query-Options: batchSize=; 0 for none
}

func parseOptions(h http.Header) (options, error) {
	var o options
	for _, part := range strings.Split(h.Get("Sforce-Query-Options"), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !strings.EqualFold(key, "batchSize") {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			return o, fault.New(fault.Invalid, codeBadParameter, "Sforce-Query-Options: batchSize is not a number")
		}
		o.batch = n
	}
	return o, nil
}
