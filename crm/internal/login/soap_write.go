package login

import (
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/soap"
)

// respond writes a response: the envelope with its prefix, everything else without one, since clients look for the bare
// tags (crm-wire 0.9). A nil result is an empty response.
func (h soapAPI) respond(operation string, result func(x *soap.Writer)) ([]byte, error) {
	x := soap.NewWriter(soap.Style{Prefix: "soapenv", Attrs: []string{"xmlns", h.namespace(), "xmlns:xsi", soap.NamespaceXSI}})
	h.writeReading(x)
	x.OpenBody()
	name := operation + "Response"
	if result == nil {
		x.Empty(name)
		return x.Bytes()
	}
	x.Open(name)
	x.Open("result")
	result(x)
	return x.Bytes()
}

// respondMany writes a response of n results.
func (h soapAPI) respondMany(operation string, n int, result func(x *soap.Writer, i int)) ([]byte, error) {
	x := soap.NewWriter(soap.Style{Prefix: "soapenv", Attrs: []string{"xmlns", h.namespace(), "xmlns:xsi", soap.NamespaceXSI}})
	h.writeReading(x)
	x.OpenBody()
	x.Open(operation + "Response")
	for i := range n {
		x.Open("result")
		result(x, i)
		x.Close()
	}
	return x.Bytes()
}

// writeReading writes the header that goes with every answer to a call that was counted, faults too (crm-wire 2.1). attrs are its
// attributes: the namespace, where the envelope has another.
func (h soapAPI) writeReading(x *soap.Writer, attrs ...string) {
	if h.reading == nil || h.reading.Max == 0 {
		return
	}
	x.OpenHeader()
	x.Open("LimitInfoHeader", attrs...)
	x.Open("limitInfo")
	x.Text("current", strconv.FormatInt(h.reading.Used, 10))
	x.Text("limit", strconv.FormatInt(h.reading.Max, 10))
	x.Text("type", "API REQUESTS")
	x.Close()
	x.Close()
	x.Close()
}

// writeFault writes a fault. Its details have the prefix sf, which one client looks for literally (crm-wire 2.4).
func (h soapAPI) writeFault(f *soapFault) ([]byte, error) {
	x := soap.NewWriter(soap.Style{Prefix: "soapenv", Attrs: []string{"xmlns:sf", h.faultNamespace(), "xmlns:xsi", soap.NamespaceXSI}})
	h.writeReading(x, "xmlns", h.namespace())
	x.OpenBody()
	code, text := f.code, f.message
	switch {
	case f.client:
		code = "soapenv:Client"
	case f.prefix:
		code = "sf:" + f.code
	default:
		text = f.code + ": " + f.message
	}
	x.Fault(code, nil, text, "", func() {
		x.Open("sf:"+f.element, "xsi:type", "sf:"+f.element)
		x.Text("sf:exceptionCode", f.code)
		x.Text("sf:exceptionMessage", detailText(f))
		x.Close()
	})
	return x.Bytes()
}

// detailText is the message without the code that faultstring begins with.
func detailText(f *soapFault) string {
	if p := f.code + ": "; len(f.message) > len(p) && f.message[:len(p)] == p {
		return f.message[len(p):]
	}
	return f.message
}

// The currency of every org here.
const (
	currencyCode   = "USD"
	currencySymbol = "$"
)

// writeUserInfo writes what login and getUserInfo tell, in the order of the WSDL (crm-wire 2.3).
func writeUserInfo(x *soap.Writer, o org.Org, u org.User, secondsValid int) {
	x.Text("accessibilityMode", "false")
	x.Text("chatterExternal", "false")
	x.Text("currencySymbol", currencySymbol)
	x.Text("orgAttachmentFileSizeLimit", "5242880")
	x.Text("orgDefaultCurrencyIsoCode", currencyCode)
	x.Text("orgDefaultCurrencyLocale", "en_US")
	x.Text("orgDisallowHtmlAttachments", "false")
	x.Text("orgHasPersonAccounts", "false")
	x.Text("organizationId", string(o.ID))
	x.Text("organizationMultiCurrency", "false")
	x.Text("organizationName", o.Name)
	x.Text("profileId", string(u.Profile))
	x.Nil("roleId")
	x.Text("sessionSecondsValid", strconv.Itoa(secondsValid))
	x.Nil("userDefaultCurrencyIsoCode")
	x.Text("userEmail", u.Email)
	x.Text("userFullName", u.Name)
	x.Text("userId", string(u.ID))
	x.Text("userLanguage", u.Language)
	x.Text("userLocale", u.Locale)
	x.Text("userName", u.Username)
	x.Text("userTimeZone", u.TimeZone)
	x.Text("userType", u.UserType)
	x.Text("userUiSkin", "Theme3")
}
