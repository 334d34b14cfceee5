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

// CodeMyDomainTaken: another org has the name.
const CodeMyDomainTaken fault.Code = "my_domain_taken"

// maxMyDomain is how many characters the name of a My Domain has.
const maxMyDomain = 34

// HasMyDomain reports whether people are to log in at the org's own name: an administrator has set it, or has closed
// the generic address.
func (o Org) HasMyDomain() bool { return o.Settings.MyDomainSet || o.Settings.OnlyMyDomain }

// MyDomainOf is the NAME that a host, with or without port, is called by; ok is false for hosts that are no My Domain.
func MyDomainOf(host string) (name string, ok bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if name, ok = strings.CutSuffix(strings.ToLower(host), myDomainSuffix); !ok {
		return "", false
	}
	return name, name != ""
}

// setMyDomain changes the name; the one before is remembered.
func setMyDomain(s *Settings, name string) error {
	name = strings.ToLower(name)
	bad := name == "" || len(name) > maxMyDomain || strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") || strings.Contains(name, "--")
	for _, c := range name {
		bad = bad || (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
	}
	if bad {
		return fault.New(fault.Invalid, CodeInvalidSetting, "'%s' is no name of a My Domain: letters, digits and single hyphens between them, %d at most", clip(name), maxMyDomain).In("myDomainName")
	}
	if name != s.MyDomain {
		s.MyDomain, s.PreviousMyDomain = name, s.MyDomain
	}
	s.MyDomainSet = true
	return nil
}

// CheckMyDomain decides whether a user of the org may log in at the host that was called, which may carry a port: never
// at another org's My Domain, and nowhere but at the own one where the org's policies say so. The refusal names both.
func CheckMyDomain(o Org, host string, api bool) error {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	name, _ := MyDomainOf(host)
	only := o.Settings.OnlyMyDomain
	if api {
		only = o.Settings.OnlyMyDomainAPI
	}
	switch {
	case strings.EqualFold(host, o.MyDomainHost()):
		return nil
	case name != "" && name == o.Settings.PreviousMyDomain:
		return fault.New(fault.Denied, CodeOtherMyDomain, "The My Domain of %s is %s now. %s is its former name.", o.Name, o.MyDomainHost(), clip(host))
	case name != "":
		return fault.New(fault.Denied, CodeOtherMyDomain, "You are a user of %s, whose My Domain is %s. This is %s, another org: log in there as one of its users.",
			o.Name, o.MyDomainHost(), clip(host))
	case only:
		return fault.New(fault.Denied, CodeOtherMyDomain, "Users of %s log in at its My Domain, %s, and not at %s.", o.Name, o.MyDomainHost(), clip(host))
	}
	return nil
}
