package org

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// What the org mails from, and where its code may call. Fields are the Object Reference's (OrgWideEmailAddress) and the
// Tooling API's (AuthorizedEmailDomain, RemoteProxy).
const (
	ObjectOrgWideAddress   = "OrgWideEmailAddress"
	ObjectAuthorizedDomain = "AuthorizedEmailDomain"
	ObjectRemoteSite       = "RemoteProxy"

	PrefixOrgWideAddress   = "0D2"
	prefixAuthorizedDomain = "1TB"
	prefixRemoteSite       = "0rp"
)

// Purposes of an address.
const (
	purposeSelection        = "UserSelection"
	purposeNoReply          = "DefaultNoreply"
	purposeSelectionNoReply = "UserSelectionAndDefaultNoReply"
)

// PermEmailAdministration lets its holder say what the org mails from.
const PermEmailAdministration = "EmailAdministration"

func orgWideAddressObject() *Object {
	manage := Need{{PermCustomizeApplication, PermEmailAdministration}}
	return &Object{
		Name: ObjectOrgWideAddress, Label: "Organization-wide From Email Address", Plural: "Organization-wide From Email Addresses",
		KeyPrefix: PrefixOrgWideAddress, Setup: true, View: Need{{PermViewSetup}},
		Createable: true, Updateable: true, Deletable: true, Create: manage, Update: manage, Delete: manage,
		Unique: []UniqueKey{{Fields: []string{"Address"}}},
		Fields: fields(idField(),
			typed("Address", "Email Address", TypeEmail, 255).required(),
			text("DisplayName", "Display Name", 100).required().name(),
			boolean("IsAllowAllProfiles", "Allow All Profiles"),
			boolean("IsVerified", "Is Verified"),
			picklist("Purpose", "Purpose", true, values(purposeSelection, purposeNoReply, purposeSelectionNoReply)...).defaults(purposeSelection),
			text("VerificationHash", "Verification", 64).hidden(),
			typed("VerificationExpires", "Verification Expires", TypeDateTime, 0).hidden(),
			auditFields()),
	}
}

func authorizedDomainObject() *Object {
	manage := Need{{PermEmailAdministration}}
	return &Object{
		Name: ObjectAuthorizedDomain, Label: "Authorized Email Domain", Plural: "Authorized Email Domains", KeyPrefix: prefixAuthorizedDomain, Setup: true,
		View: Need{{PermViewSetup}}, Createable: true, Updateable: true, Deletable: true, Create: manage, Update: manage, Delete: manage,
		Unique: []UniqueKey{{Fields: []string{"DomainName"}}, {Fields: []string{"DeveloperName"}}},
		Fields: fields(idField(),
			text("DeveloperName", "Name", 80).filled(),
			text("DomainName", "Domain Name", 253).required().name(),
			boolean("IsDomainOwnershipVerified", "Domain Ownership Verified"),
			auditFields()),
	}
}

func remoteSiteObject() *Object {
	manage := Need{{PermCustomizeApplication}, {PermModifyAllData}}
	return &Object{
		Name: ObjectRemoteSite, Label: "Remote Site", Plural: "Remote Sites", KeyPrefix: prefixRemoteSite, Setup: true,
		View: Need{{PermViewSetup}}, Createable: true, Updateable: true, Deletable: true, Create: manage, Update: manage, Delete: manage,
		Unique: []UniqueKey{{Fields: []string{"SiteName"}}},
		Fields: fields(idField(),
			text("SiteName", "Remote Site Name", 80).required().name(),
			typed("EndpointUrl", "Remote Site URL", TypeURL, 255).required(),
			text("Description", "Description", 255),
			boolean("IsActive", "Active").defaults(true),
			boolean("ProtocolMismatch", "Disable Protocol Security"),
			auditFields()),
	}
}

// beforeOrgWideAddress: an address is verified by the link that is mailed to it and by nothing else, and a changed one
// is a new one. An org has one default no-reply address.
func beforeOrgWideAddress(c *change) error {
	if c.changes("IsVerified") && c.values["IsVerified"] == true {
		return fault.New(fault.Invalid, CodeInvalidValue, "An address is verified by the link that is mailed to it.").In("IsVerified")
	}
	if c.old != nil && c.changes("Address") {
		if strings.EqualFold(c.text("Address"), c.old.Text("Address")) {
			return nil
		}
		return fault.New(fault.Invalid, CodeInvalidValue, "Add the new address and delete this one: each address is verified by itself.").In("Address")
	}
	if c.text("Purpose") == purposeSelection {
		return nil
	}
	all, err := c.tx.Find(c.object, c.session.Org, Values{}, maxAddresses)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID("Id") != c.id && other.Text("Purpose") != purposeSelection {
			return fault.New(fault.Invalid, CodeInvalidValue, "The default no-reply address is %s already.", other.Text("Address")).In("Purpose")
		}
	}
	return nil
}

// maxAddresses bounds how many addresses, and how many domains, of an org are looked at.
const maxAddresses = 200

// beforeAuthorizedDomain: a domain is somebody's who can write its DNS (Deliverability.Prove).
func beforeAuthorizedDomain(c *change) error {
	if c.old != nil && c.changes("DomainName") && !strings.EqualFold(c.text("DomainName"), c.old.Text("DomainName")) {
		return fault.New(fault.Invalid, CodeInvalidValue, "Add the new domain and delete this one: each domain is verified by itself.").In("DomainName")
	}
	if !validDomain(c.text("DomainName")) {
		return fault.New(fault.Invalid, CodeInvalidValue, "%s is no domain name such as example.com", clip(c.text("DomainName"))).In("DomainName")
	}
	if c.text("DeveloperName") == "" {
		c.values["DeveloperName"] = APIName("Domain " + c.text("DomainName"))
	}
	if !ValidAPIName(c.text("DeveloperName")) {
		return fault.New(fault.Invalid, CodeInvalidValue, "%s is no API name", clip(c.text("DeveloperName"))).In("DeveloperName")
	}
	if c.changes("IsDomainOwnershipVerified") && c.values["IsDomainOwnershipVerified"] == true && c.session.proven != c.id {
		return fault.New(fault.Invalid, CodeInvalidValue,
			"Create the domain unverified, add its TXT record, and set IsDomainOwnershipVerified in a request that changes this record alone.").In("IsDomainOwnershipVerified")
	}
	return nil
}

// validDomain: two labels at least, of letters, digits and hyphens, and no address.
func validDomain(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil || len(name) > 253 {
		return false
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") ||
			strings.Trim(strings.ToLower(l), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(labels) > 1
}

// beforeRemoteSite: a site is a scheme and a host, and plain HTTP only where that is said.
func beforeRemoteSite(c *change) error {
	if !ValidAPIName(c.text("SiteName")) {
		return fault.New(fault.Invalid, CodeInvalidValue, "The Remote Site Name can only contain underscores and alphanumeric characters. It must be unique, "+
			"begin with a letter, not include spaces, not end with an underscore, and not contain two consecutive underscores.").In("SiteName")
	}
	u, err := url.Parse(c.text("EndpointUrl"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return fault.New(fault.Invalid, CodeInvalidValue, "Remote Site URL must be http(s)://host").In("EndpointUrl")
	}
	if relaxed, _ := c.get("ProtocolMismatch").(bool); u.Scheme == "http" && !relaxed {
		return fault.New(fault.Invalid, CodeInvalidValue, "Remote Site URL is not secure: use https, or disable protocol security for this site.").In("EndpointUrl")
	}
	return nil
}
