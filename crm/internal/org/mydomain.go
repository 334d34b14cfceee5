package org

import (
	"net"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeOtherMyDomain: the login came through another org's My Domain, or not through the org's own where that is asked.
const CodeOtherMyDomain fault.Code = "other_my_domain"

// MyDomainSettings is the Metadata type of the policies of Setup > Company Settings > My Domain.
const MyDomainSettings = "MyDomainSettings"

// myDomainSuffix is what all My Domains of a server end in (DESIGN 5.6).
const myDomainSuffix = ".my.localhost"

// MyDomainHost is the org's own name on this server, without a port.
func (o Org) MyDomainHost() string { return o.MyDomain + myDomainSuffix }

// CheckMyDomain decides whether a user of the org may log in at the host that was called, which may carry a port: never
// at another org's My Domain, and nowhere but at the own one where the org's policies say so. The refusal names both.
func CheckMyDomain(o Org, host string, api bool) error {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	only := o.Settings.OnlyMyDomain
	if api {
		only = o.Settings.OnlyMyDomainAPI
	}
	switch {
	case strings.EqualFold(host, o.MyDomainHost()):
		return nil
	case strings.HasSuffix(host, myDomainSuffix):
		return fault.New(fault.Denied, CodeOtherMyDomain, "You are a user of %s, whose My Domain is %s. This is %s, another org: log in there as one of its users.",
			o.Name, o.MyDomainHost(), clip(host))
	case only:
		return fault.New(fault.Denied, CodeOtherMyDomain, "Users of %s log in at its My Domain, %s, and not at %s.", o.Name, o.MyDomainHost(), clip(host))
	}
	return nil
}
