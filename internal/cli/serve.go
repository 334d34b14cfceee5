package cli

import (
	"cmp"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan"
)

// defaultData is the folder that up uses where none is named.
const defaultData = "twinspan-data"

// serveFlags are the flags of the commands that start the parts (DESIGN 6).
type serveFlags struct {
	Data         string `help:"Folder of databases, keys and secrets." placeholder:"DIR" group:"Data"`
	Ephemeral    bool   `help:"Use a temporary folder, fast and gone at the end." group:"Data"`
	DB           string `help:"Keep the houses' rows in PostgreSQL, at this postgres:// URL. TWINSPAN_DB or twinspan.yaml keep a password in it out of the process list." placeholder:"DSN" group:"Data"`
	KeyFile      string `help:"Key set that seals the secrets in the databases; DIR/keys.json where not given." placeholder:"FILE" group:"Data"`
	KeyCommand   string `help:"Program that wraps and unwraps keys with a key management service, run as PROGRAM wrap and PROGRAM unwrap with base64 lines (data, then what it is bound to) on standard input; instead of a key file. So is TWINSPAN_KEY, 32 bytes in base64." placeholder:"PROGRAM" group:"Data"`
	Fixture      string `help:"What a new folder is filled with: demo, a connected pair with mapped users; new-org, a new org and a new tenant, the managed package installed and nothing connected; or legacy, a pair of May 2016 by its own clock, connected by stored passwords, which documents 002 and 003 upgrade." placeholder:"NAME" group:"Data"`
	FixtureUsers int    `help:"Users that the fixture has beside its three persons, mapped as those are. A folder that has fewer gets the missing ones." placeholder:"N" group:"Data"`
	AccountType  string `help:"Edition of a new folder's tenant: enterprise-2, core or lock-publish; only the first has business units." placeholder:"TYPE" group:"Data"`
	Package      string `help:"Release of the managed package that the org of a new folder has: 5.400, 5.493, 5.494, 219 or 220, the newest." placeholder:"VERSION" group:"Data"`

	CRMAddr        string `name:"crm-addr" help:"Address of the org; port 0 picks a free one." placeholder:"HOST:PORT" group:"Addresses"`
	EngagementAddr string `help:"Address of the tenant." placeholder:"HOST:PORT" group:"Addresses"`
	ConnectAddr    string `help:"Address of Connect." placeholder:"HOST:PORT" group:"Addresses"`
	ControlAddr    string `help:"Address of the control API." placeholder:"HOST:PORT" group:"Addresses"`
	CRMURL         string `name:"crm-url" help:"Base URL of the org, where it is not http://HOST:PORT." placeholder:"URL" group:"Addresses"`
	EngagementURL  string `name:"engagement-url" help:"Base URL of the tenant." placeholder:"URL" group:"Addresses"`
	ConnectURL     string `name:"connect-url" help:"Base URL of Connect." placeholder:"URL" group:"Addresses"`

	TLSCert           string `name:"tls-cert" help:"Certificate, PEM, for the TLS addresses." placeholder:"FILE" group:"Addresses"`
	TLSKey            string `name:"tls-key" help:"Key of the certificate, PEM." placeholder:"FILE" group:"Addresses"`
	CRMTLSAddr        string `name:"crm-tls-addr" help:"Second address of the org, https." placeholder:"HOST:PORT" group:"Addresses"`
	EngagementTLSAddr string `name:"engagement-tls-addr" help:"Second address of the tenant, https." placeholder:"HOST:PORT" group:"Addresses"`
	ConnectTLSAddr    string `name:"connect-tls-addr" help:"Second address of Connect, https." placeholder:"HOST:PORT" group:"Addresses"`
	InsecureHTTP      bool   `name:"insecure-http" help:"Allow plain HTTP on addresses that other machines reach: a proxy in front does TLS." group:"Addresses"`
	TrustedProxies    string `help:"Proxies in front, which say by X-Forwarded-For where a caller comes from; other peers are not believed." placeholder:"CIDR,..." group:"Addresses"`

	ReadyFile    string   `help:"Write addresses and credentials here when every listener answers; DIR/ready.json where not given." placeholder:"PATH" group:"Running"`
	Clouds       string   `help:"Whose clouds: embedded, an org and a tenant of its own; or none, Connect alone, which 'twinspan connect --standing' tells where the clouds are." default:"embedded" placeholder:"WHOSE" group:"Running"`
	SMTP         string   `name:"smtp" help:"Deliver the tenant's mail to this smtp:// URL instead of the built-in inbox." placeholder:"URL" group:"Running"`
	BounceAddr   string   `help:"With --smtp: speak SMTP here for delivery reports." placeholder:"HOST:PORT" group:"Running"`
	BounceDomain string   `help:"With --bounce-addr: the domain whose mail comes there; envelope senders are in it." placeholder:"DOMAIN" group:"Running"`
	Record       string   `help:"How many requests are kept for the control API, or off." placeholder:"N" group:"Running"`
	LogLevel     string   `help:"Least level of what is logged to standard error: debug, info, warn or error." placeholder:"LEVEL" group:"Running"`
	CloudsAt     []string `help:"With --clouds none: address with a port, in a network of your own, at which a cloud may be; otherwise clouds are at public addresses by https at port 443, or on this machine while --connect-url is on it." placeholder:"ADDRESS:PORT" group:"Running"`
	WebhookTo    []string `help:"Address with a port, in a network of your own, that webhooks may go to; otherwise they go to public addresses at port 443 alone." placeholder:"ADDRESS:PORT" group:"Running"`
}

// config is the program's configuration. addr and level stand in for an address and a log level that were not given;
// addr "" leaves the program's default.
func (f *serveFlags) config(a *app, addr, level string) (twinspan.Config, error) {
	var none twinspan.Config
	record, err := parseRecord(f.Record)
	if err != nil {
		return none, err
	}
	if _, err := os.Stat(f.Fixture); f.Fixture != "" && f.Fixture != twinspan.FixtureDemo && f.Fixture != twinspan.FixtureNewOrg && f.Fixture != twinspan.FixtureLegacy && err == nil {
		return none, usagef("--fixture: fixtures from a file are not read by this version; use %s, %s or %s", twinspan.FixtureDemo, twinspan.FixtureNewOrg, twinspan.FixtureLegacy)
	}
	a.warnPassword("--db", f.DB, "TWINSPAN_DB")
	a.warnPassword("--smtp", f.SMTP, "TWINSPAN_SMTP")
	var least slog.Level
	if err := least.UnmarshalText([]byte(cmp.Or(f.LogLevel, level))); err != nil {
		return none, usagef("--log-level: %q is none of debug, info, warn, error", f.LogLevel)
	}
	master, err := f.masterKey(a)
	if err != nil {
		return none, err
	}
	return twinspan.Config{
		DataDir: f.Data, Ephemeral: f.Ephemeral, DB: f.DB, KeyFile: f.KeyFile, Master: master, Clouds: f.Clouds, Fixture: f.Fixture, FixtureUsers: f.FixtureUsers, AccountType: f.AccountType, Package: f.Package,
		CRM:         twinspan.HouseConfig{Addr: cmp.Or(f.CRMAddr, addr), URL: f.CRMURL, TLSAddr: f.CRMTLSAddr},
		Engagement:  twinspan.HouseConfig{Addr: cmp.Or(f.EngagementAddr, addr), URL: f.EngagementURL, TLSAddr: f.EngagementTLSAddr},
		Connect:     twinspan.HouseConfig{Addr: cmp.Or(f.ConnectAddr, addr), URL: f.ConnectURL, TLSAddr: f.ConnectTLSAddr},
		ControlAddr: cmp.Or(f.ControlAddr, addr),
		TLSCert:     f.TLSCert, TLSKey: f.TLSKey, InsecureHTTP: f.InsecureHTTP, TrustedProxies: listOf(f.TrustedProxies),
		ReadyFile: f.ReadyFile, SMTP: f.SMTP, WebhookTo: f.WebhookTo, CloudsAt: f.CloudsAt, BounceAddr: f.BounceAddr, BounceDomain: f.BounceDomain, Record: record, Log: a.logger(least),
	}, nil
}

// listOf splits a flag's value at its commas; "" is none.
func listOf(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

// parseRecord reads --record: a count, "off", or "" for the default.
func parseRecord(s string) (int, error) {
	switch s {
	case "":
		return 0, nil
	case "off":
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, usagef("--record: %q is neither a number from 1 to 1000000 nor off", s)
	}
	return n, nil
}

// warnPassword warns of a URL with a password that stands in the process list. A variable or twinspan.yaml that gave
// the same value is fine.
func (a *app) warnPassword(flag, raw, variable string) {
	u, err := url.Parse(raw)
	if err != nil || u.User == nil {
		return
	}
	if _, has := u.User.Password(); !has {
		return
	}
	for _, arg := range a.args {
		if arg == raw || strings.HasPrefix(arg, flag+"=") {
			a.errorf("the password in %s is visible to everybody on this machine; %s or twinspan.yaml keep it out of the process list", flag, variable)
			return
		}
	}
}
