package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/egress"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// codeLentTo: no token and no password of an administrator goes to that address.
const codeLentTo fault.Code = "cloud_address"

// cloudsAt is the variable of `up --clouds-at`, which the commands read as well.
const cloudsAt = "TWINSPAN_CLOUDS_AT"

// lentOrg is the org at --org-url, to which an administrator's token or password is lent: no byte goes to an address that package
// egress does not allow, neither as it is written nor as its name is resolved when it is connected to.
type lentOrg struct {
	*crm.Client
	url     string
	refused atomic.Pointer[string] // address at a dial
}

// lend judges the address at --org-url. It is the way of everything that signs in there with a lent token or a password.
func (a *app) lend(orgURL string) (*lentOrg, error) {
	base, err := client.ParseBase(orgURL)
	if err != nil {
		return nil, usageError{forPeople(err)}
	}
	listed, err := a.listedClouds()
	if err != nil {
		return nil, err
	}
	guard, err := egress.New(egress.Options{What: "The org", Code: codeLentTo, Allowed: listed, Local: true, Timeout: client.DialTimeout})
	if err != nil {
		return nil, usagef("%s: %w", cloudsAt, forPeople(err))
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" && !egress.Local(u.Hostname()) || guard.Check(base) != nil {
		return nil, usageError{notLent(base, "")}
	}
	o := &lentOrg{url: base}
	transport := client.NewTransport()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := guard.DialContext(ctx, network, address)
		if fault.CodeOf(err) == codeLentTo {
			o.refused.Store(&address)
		}
		return conn, err
	}
	o.Client, err = crm.New(crm.Options{BaseURL: base, HTTP: &http.Client{Transport: transport}})
	return o, err
}

// listedClouds are the addresses in a network of one's own at which an org may be. What is link-local is nobody's org, whoever
// lists it: credentials of a machine are given out there.
func (a *app) listedClouds() (listed []string, err error) {
	text, _ := a.Lookup(cloudsAt)
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		at, err := netip.ParseAddrPort(one)
		if err != nil {
			return nil, usagef("%s: %q is no address with a port, such as 10.1.2.3:8443", cloudsAt, one)
		}
		if ip := at.Addr().Unmap(); ip.IsGlobalUnicast() {
			listed = append(listed, netip.AddrPortFrom(ip, at.Port()).String())
		}
	}
	return listed, nil
}

// notLent is the refusal of an address.
func notLent(base, resolved string) error {
	if resolved != "" {
		resolved = ", whose name leads to " + resolved
	}
	return fmt.Errorf("--org-url: %s is no address to which a token or password is sent%s. Allowed are an https address of the open internet at port 443; "+
		"one on this machine, by http too; and by https one in a network of your own that %s lists, as 'up --clouds-at' does, such as 10.1.2.3:8443, never at a link-local one", oneLine(base), resolved, cloudsAt)
}

// as runs do in a session by a token that somebody gave in the place that from names.
func (o *lentOrg) as(token vault.Secret, from string, do func(*crm.Session) error) error {
	err := do(o.Session(crm.Token{AccessToken: token, InstanceURL: o.BaseURL()}))
	if r := client.Remote(err); r != nil && r.Code == "INVALID_SESSION_ID" {
		return fmt.Errorf("%w (%s)", err, staleToken(from))
	}
	return o.told(err)
}

// staleToken is what to do when the org does not take the token that was given in the place that from names.
func staleToken(from string) string {
	return "the org does not take the access token in " + from + ": it has expired, was revoked, or is another org's. Put a fresh one of an administrator there"
}

// told says of an org that was not reached, because its name leads where nothing is lent to, that this is why.
func (o *lentOrg) told(err error) error {
	if at := o.refused.Load(); err != nil && at != nil {
		return notLent(o.url, *at)
	}
	return err
}
