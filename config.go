package twinspan

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/egress"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/web"
	"github.com/twinspan/twinspan/internal/webhook"
)

// Addresses that an empty address in a Config stands for (DESIGN 6).
const (
	DefaultCRMAddr        = "127.0.0.1:8080"
	DefaultEngagementAddr = "127.0.0.1:8081"
	DefaultConnectAddr    = "127.0.0.1:8082"
	DefaultControlAddr    = "127.0.0.1:8083"
)

// DefaultRecord is how many recorded requests are kept where Config.Record is 0.
const DefaultRecord = 1000

// The fixtures that are built in.
const (
	// FixtureDemo is a connected, healthy pair with mapped users, contacts and a triggered send definition.
	FixtureDemo = "demo"
	// FixtureNewOrg is an org and a tenant as new ones are, the managed package installed, nothing connected.
	FixtureNewOrg = "new-org"
	// FixtureLegacy is a pair of May 2016, by its own clock, as documents 002 and 003 upgrade it: managed package 219, both
	// spans connected by stored passwords, three users mapped under them, nothing of Connected App authentication set up. With
	// package 220 the span into Engagement has tenant-specific OAuth already.
	FixtureLegacy = "legacy"
)

// LegacyPackage is the release of the managed package that FixtureLegacy has where none is named: the newest without
// tenant-specific OAuth.
const LegacyPackage = "219"

// tenantOAuthPackage is the release that has tenant-specific OAuth (document 002).
const tenantOAuthPackage = "220"

// LegacyStart is the domain time at which a pair of FixtureLegacy begins: a month before new password connections are
// refused.
var LegacyStart = time.Date(2016, time.May, 2, 8, 0, 0, 0, time.UTC)

// The editions of a tenant.
const (
	// AccountEnterprise2 is Enterprise 2.0: business units with MIDs under one EID.
	AccountEnterprise2 = "enterprise-2"
	// AccountCore is a single account.
	AccountCore = "core"
	// AccountLockPublish is Lock & Publish, without business units of its own.
	AccountLockPublish = "lock-publish"
)

// Whose clouds a program runs with.
const (
	// CloudsEmbedded runs an org and a tenant of its own.
	CloudsEmbedded = "embedded"
	// CloudsNone runs Connect alone, beside clouds that are elsewhere: real ones, or another program's.
	CloudsNone = "none"
)

// Config says how a Program runs. Its zero value with a DataDir, or with Ephemeral set, is a good one. It is read
// once, by New; a wrong field is a *ConfigError that names the flag of the same meaning.
type Config struct {
	// DataDir is the folder of databases, keys and secrets; made with mode 0700 where it is absent. One process at a
	// time may use it.
	DataDir string
	// Ephemeral uses a temporary folder instead, without waiting for the disk, and removes it on Close.
	Ephemeral bool
	// DB is a postgres:// URL; the houses keep their rows in its schemas crm, engagement and connect. "" is SQLite in
	// the data folder.
	DB string

	// The three houses. Addr "" is the default above.
	CRM, Engagement, Connect HouseConfig
	// ControlAddr is the control API's listen address.
	ControlAddr string

	// TLSCert and TLSKey are PEM files for the TLS addresses; both or neither.
	TLSCert, TLSKey string
	// InsecureHTTP allows plain HTTP on addresses that other machines reach, because a proxy in front does TLS.
	InsecureHTTP bool
	// TrustedProxies are addresses and networks (CIDR) of proxies in front: a caller's address is then the rightmost one of
	// X-Forwarded-For that is none of theirs. It decides login IP ranges, throttling and what histories show. From other
	// peers the header is not believed; none trusts nobody.
	TrustedProxies []string

	// Clouds is CloudsEmbedded, which "" means too, or CloudsNone, which fills nothing in: Fixture and what belongs to it are
	// empty then. A folder keeps whose clouds it was made with.
	Clouds string
	// Fixture is what a new data folder is filled with: FixtureDemo, which "" means too, FixtureNewOrg or FixtureLegacy. A folder
	// keeps the fixture it was made with; naming another one is refused.
	Fixture string
	// FixtureUsers is how many users the fixture has beside its three persons, mapped as those are: at most MaxFixtureUsers,
	// and none in FixtureNewOrg. They are called user-000001 and so on, and share one password. A folder that has fewer gets
	// the missing ones.
	FixtureUsers int
	// AccountType is the edition of a new folder's tenant: AccountEnterprise2, which "" means too, AccountCore or
	// AccountLockPublish. Only the first has business units.
	AccountType string
	// Package is the release of the managed package that the org of a new folder has: "5.400", "5.493", "5.494", "219" or
	// "220"; "" is the newest. A folder is told by the release that it was made with, whatever was installed since.
	Package string
	// ReadyFile is written, mode 0600, when every listener answers, and removed on Close. "" writes none.
	ReadyFile string
	// KeyFile holds the key set that seals secrets in the databases; made with mode 0600 where it is absent. "" is the
	// file keys.json of the data folder.
	KeyFile string
	// Master is the outer key where it lies in no file; KeyFile is "" then.
	Master KMS
	// WebhookTo are addresses with a port, "10.1.2.3:8443", that webhooks of Connect may go to although they are not public.
	WebhookTo []string
	// CloudsAt are addresses with a port, "10.1.2.3:8443", at which the clouds of a Connect that runs alone may be although they
	// are not public, also by plain HTTP. On this machine they may be while ConnectURL is on it, too.
	CloudsAt []string
	// SMTP is an smtp:// or smtps:// URL that takes the mails of the tenant. "" is the built-in inbox.
	SMTP string
	// BounceAddr is a host:port on which SMTP is spoken for mail to BounceDomain, so that delivery reports of what SMTP took
	// come back: the addresses that the tenant's mail gives for them are in that domain. Both or neither, and only with SMTP.
	BounceAddr, BounceDomain string
	// Record is how many requests the recorder keeps: 0 means DefaultRecord, less than 0 none.
	Record int

	// Log gets the program's log; nil discards it.
	Log *slog.Logger
	// Machine is machine time; nil is time.Now.
	Machine clock.Machine

	proxies []netip.Prefix // of TrustedProxies
}

// HouseConfig says where one house answers.
type HouseConfig struct {
	// Addr is the host:port to listen on in plain HTTP; port 0 picks a free one.
	Addr string
	// URL is the base URL that the house gives itself in links and tokens, where it is not http://Addr.
	URL string
	// TLSAddr is a second address that answers https; "" is none.
	TLSAddr string
}

// ConfigError is a setting that cannot be used.
type ConfigError struct {
	// Flag is the command line's name of the setting, with its dashes.
	Flag string
	// Err says what is wrong with it.
	Err error
}

// Error names the flag and what is wrong with it.
func (e *ConfigError) Error() string { return e.Flag + ": " + e.Err.Error() }

// Unwrap gives the reason.
func (e *ConfigError) Unwrap() error { return e.Err }

func configError(flag, format string, args ...any) *ConfigError {
	return &ConfigError{Flag: flag, Err: fmt.Errorf(format, args...)}
}

// house is one house's resolved place, with the flags that an error names.
type house struct {
	name string // "crm", "engagement", "connect"
	HouseConfig
}

func (h house) addrFlag() string    { return "--" + h.name + "-addr" }
func (h house) urlFlag() string     { return "--" + h.name + "-url" }
func (h house) tlsAddrFlag() string { return "--" + h.name + "-tls-addr" }

// resolve checks the whole configuration and fills in the defaults that need no look at the disk.
func (c Config) resolve() (Config, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Ephemeral && c.DataDir != "" {
		return c, configError("--ephemeral", "it makes a folder of its own, so --data cannot be given with it")
	}
	if !c.Ephemeral && c.DataDir == "" {
		return c, configError("--data", "a folder is needed (or --ephemeral)")
	}
	if c.DB != "" {
		if err := checkURL(c.DB, "postgres", "postgresql"); err != nil {
			return c, &ConfigError{Flag: "--db", Err: err}
		}
	}
	if c.Master != nil && c.KeyFile != "" {
		return c, configError("--key-file", "the key comes from elsewhere already: from TWINSPAN_KEY or --key-command")
	}
	if c.SMTP != "" {
		if _, err := mail.NewSender(c.SMTP); err != nil { // one that connects to nothing yet
			return c, &ConfigError{Flag: "--smtp", Err: err}
		}
	}
	if _, err := webhook.New(webhook.Options{Allowed: c.WebhookTo}); err != nil {
		return c, &ConfigError{Flag: "--webhook-to", Err: err}
	}
	if _, err := egress.New(egress.Options{Allowed: c.CloudsAt}); err != nil {
		return c, &ConfigError{Flag: "--clouds-at", Err: err}
	}
	switch {
	case (c.BounceAddr == "") != (c.BounceDomain == ""):
		return c, configError("--bounce-addr", "--bounce-addr and --bounce-domain go together")
	case c.BounceAddr != "" && c.SMTP == "":
		return c, configError("--bounce-addr", "the built-in inbox takes bounces already; this is for --smtp")
	case c.BounceDomain != "" && (strings.ContainsAny(c.BounceDomain, "@ \t\r\n<>") || !strings.Contains(strings.Trim(c.BounceDomain, "."), ".")):
		return c, configError("--bounce-domain", "%q is no domain", c.BounceDomain)
	}
	if err := c.checkClouds(); err != nil {
		return c, err
	}
	switch c.Fixture {
	case "", FixtureDemo, FixtureNewOrg, FixtureLegacy:
	default:
		return c, configError("--fixture", "%q is no built-in fixture (%s, %s, %s)", c.Fixture, FixtureDemo, FixtureNewOrg, FixtureLegacy)
	}
	if err := checkUsers(c.Fixture, c.FixtureUsers); err != nil {
		return c, &ConfigError{Flag: "--fixture-users", Err: err}
	}
	switch c.AccountType {
	case "", AccountEnterprise2, AccountCore, AccountLockPublish:
	default:
		return c, configError("--account-type", "%q is no account type (%s, %s, %s)", c.AccountType, AccountEnterprise2, AccountCore, AccountLockPublish)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return c, configError("--tls-cert", "--tls-cert and --tls-key go together")
	}
	for _, h := range []struct {
		name string
		conf *HouseConfig
		addr string
	}{{"connect", &c.Connect, DefaultConnectAddr}, {"crm", &c.CRM, DefaultCRMAddr}, {"engagement", &c.Engagement, DefaultEngagementAddr}} {
		if c.Clouds == CloudsNone && h.name != "connect" { // what is said of them is of another program
			*h.conf = HouseConfig{}
			continue
		}
		if h.conf.Addr == "" {
			h.conf.Addr = h.addr
		}
		if err := c.checkHouse(house{h.name, *h.conf}); err != nil {
			return c, err
		}
		h.conf.URL = strings.TrimRight(h.conf.URL, "/")
	}
	if c.ControlAddr == "" {
		c.ControlAddr = DefaultControlAddr
	}
	if err := c.checkPlain("--control-addr", c.ControlAddr); err != nil {
		return c, err
	}
	var err error
	if c.proxies, err = web.ParseProxies(c.TrustedProxies); err != nil {
		return c, &ConfigError{Flag: "--trusted-proxies", Err: err}
	}
	if c.Record == 0 {
		c.Record = DefaultRecord
	}
	return c, nil
}

// pairKind is what the configuration says of a pair.
func (c Config) pairKind() pairKind {
	return pairKind{clouds: c.Clouds, fixture: c.Fixture, accountType: c.AccountType, release: c.Package, users: c.FixtureUsers}
}

func (c Config) checkHouse(h house) error {
	if err := c.checkPlain(h.addrFlag(), h.Addr); err != nil {
		return err
	}
	if h.URL != "" {
		if err := checkURL(h.URL, "http", "https"); err != nil {
			return &ConfigError{Flag: h.urlFlag(), Err: err}
		}
	}
	if h.TLSAddr != "" {
		if _, _, err := splitAddr(h.TLSAddr); err != nil {
			return &ConfigError{Flag: h.tlsAddrFlag(), Err: err}
		}
		if c.TLSCert == "" {
			return configError(h.tlsAddrFlag(), "--tls-cert and --tls-key are needed with it")
		}
	}
	return nil
}

// checkPlain refuses an address that other machines reach without TLS: passwords and tokens would cross the network
// readable.
func (c Config) checkPlain(flag, addr string) error {
	host, _, err := splitAddr(addr)
	if err != nil {
		return &ConfigError{Flag: flag, Err: err}
	}
	if !isLoopback(host) && !c.InsecureHTTP {
		return configError(flag, "%s is reached by other machines, in plain HTTP; use a loopback address, or --insecure-http where a proxy in front does TLS", addr)
	}
	return nil
}

// doubts are sentences about settings that can be right and mostly are not, for the log.
func (c Config) doubts() []string {
	var plain, secure []string // flags of houses that other machines reach in plain HTTP; of URLs that a proxy must serve
	for _, h := range []house{{"crm", c.CRM}, {"engagement", c.Engagement}, {"connect", c.Connect}} {
		if h.Addr == "" { // not there
			continue
		}
		host, _, err := splitAddr(h.Addr)
		https := strings.HasPrefix(h.URL, "https:")
		if err == nil && !isLoopback(host) && !https {
			plain = append(plain, h.urlFlag())
		}
		if https && h.TLSAddr == "" {
			secure = append(secure, h.urlFlag())
		}
	}
	var all []string
	if len(c.proxies) == 0 && (c.InsecureHTTP || len(secure) > 0) {
		all = append(all, "a proxy seems to be in front, and --trusted-proxies does not name it: everybody has its address, for login IP ranges, for throttling and in histories")
	}
	if len(plain) > 0 {
		all = append(all, "links and cookies are made for plain HTTP, whatever a proxy in front speaks: name the https:// address by "+strings.Join(plain, ", "))
	}
	return all
}

func splitAddr(addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil || port == "" {
		return "", "", fmt.Errorf("%q is no address of the form host:port", addr)
	}
	return host, port, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// checkURL accepts an absolute URL of one of the schemes. Its errors never repeat the URL, which may hold a password.
func checkURL(raw string, schemes ...string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("it is no URL")
	}
	for _, s := range schemes {
		if u.Scheme == s {
			if u.Host == "" {
				return fmt.Errorf("the %s URL names no host", s)
			}
			return nil
		}
	}
	return fmt.Errorf("it must begin with %s://", strings.Join(schemes, ":// or "))
}
