package twinspan

import (
	"errors"
	"strings"
	"testing"
)

func TestZeroValuesAreGood(t *testing.T) {
	t.Parallel()
	c, err := Config{Ephemeral: true}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	if c.CRM.Addr != "127.0.0.1:8080" || c.Engagement.Addr != "127.0.0.1:8081" || c.Connect.Addr != "127.0.0.1:8082" || c.ControlAddr != "127.0.0.1:8083" {
		t.Errorf("default addresses: %+v", c)
	}
	if c.Record != DefaultRecord || c.Log == nil {
		t.Errorf("defaults: record %d, log %v", c.Record, c.Log)
	}
}

func TestWrongSettingsNameTheirFlag(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		conf Config
		flag string
		says string
	}{
		"no folder":          {Config{}, "--data", "--ephemeral"},
		"two folders":        {Config{DataDir: "x", Ephemeral: true}, "--ephemeral", "--data"},
		"all interfaces":     {Config{Ephemeral: true, CRM: HouseConfig{Addr: "0.0.0.0:8080"}}, "--crm-addr", "--insecure-http"},
		"empty host":         {Config{Ephemeral: true, Engagement: HouseConfig{Addr: ":8081"}}, "--engagement-addr", "--insecure-http"},
		"control outside":    {Config{Ephemeral: true, ControlAddr: "192.0.2.1:1"}, "--control-addr", "--insecure-http"},
		"no port":            {Config{Ephemeral: true, Connect: HouseConfig{Addr: "127.0.0.1"}}, "--connect-addr", "host:port"},
		"url without scheme": {Config{Ephemeral: true, CRM: HouseConfig{URL: "org.example"}}, "--crm-url", "http://"},
		"url without host":   {Config{Ephemeral: true, CRM: HouseConfig{URL: "https:///x"}}, "--crm-url", "host"},
		"other database":     {Config{Ephemeral: true, DB: "mysql://u:s3cret@h/d"}, "--db", "postgres://"},
		"broken database":    {Config{Ephemeral: true, DB: "postgres://u:s3cret@h:x y/d"}, "--db", "URL"},
		"other mail":         {Config{Ephemeral: true, SMTP: "http://h"}, "--smtp", "smtp://"},
		"mail to no port":    {Config{Ephemeral: true, SMTP: "smtp://h:99999"}, "--smtp", "port"},
		"mail to a path":     {Config{Ephemeral: true, SMTP: "smtp://h:25/path"}, "--smtp", "smtp://"},
		"half of bounces":    {Config{Ephemeral: true, SMTP: "smtp://h", BounceAddr: "127.0.0.1:0"}, "--bounce-addr", "--bounce-domain"},
		"bounces and inbox":  {Config{Ephemeral: true, BounceAddr: "127.0.0.1:0", BounceDomain: "b.example"}, "--bounce-addr", "--smtp"},
		"bounces nowhere":    {Config{Ephemeral: true, SMTP: "smtp://h", BounceAddr: "127.0.0.1:0", BounceDomain: "a@b"}, "--bounce-domain", "no domain"},
		"unknown fixture":    {Config{Ephemeral: true, Fixture: "prod"}, "--fixture", "new-org"},
		"half of TLS":        {Config{Ephemeral: true, TLSCert: "c.pem"}, "--tls-cert", "--tls-key"},
		"TLS without cert":   {Config{Ephemeral: true, CRM: HouseConfig{TLSAddr: "127.0.0.1:0"}}, "--crm-tls-addr", "--tls-cert"},
		"proxy by name":      {Config{Ephemeral: true, TrustedProxies: []string{"10.0.0.1", "proxy"}}, "--trusted-proxies", `"proxy" is no IP address`},
		"proxies everywhere": {Config{Ephemeral: true, TrustedProxies: []string{"0.0.0.0/0"}}, "--trusted-proxies", "everybody"},
		"TLS address":        {Config{Ephemeral: true, TLSCert: "c", TLSKey: "k", Connect: HouseConfig{TLSAddr: "x"}}, "--connect-tls-addr", "host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.conf.resolve()
			var ce *ConfigError
			if !errors.As(err, &ce) || ce.Flag != c.flag || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want a mistake of %s that says %q", err, c.flag, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

func TestOutsideAddressesAreAllowedBehindAProxy(t *testing.T) {
	t.Parallel()
	c, err := Config{Ephemeral: true, InsecureHTTP: true, CRM: HouseConfig{Addr: "0.0.0.0:8080", URL: "https://org.example/"}}.resolve()
	if err != nil {
		t.Fatal(err)
	}
	if c.CRM.URL != "https://org.example" {
		t.Errorf("URL %q keeps its slash", c.CRM.URL)
	}
}

// What is allowed and hardly meant is said at the start.
func TestDoubtsAboutProxies(t *testing.T) {
	t.Parallel()
	outside, https := HouseConfig{Addr: "0.0.0.0:8080"}, "https://org.example"
	for name, c := range map[string]struct {
		conf Config
		says []string
	}{
		"loopback":             {Config{}, nil},
		"proxy beside it":      {Config{CRM: HouseConfig{URL: https}}, []string{"--trusted-proxies"}},
		"our own TLS":          {Config{TLSCert: "c", TLSKey: "k", CRM: HouseConfig{URL: https, TLSAddr: "0.0.0.0:443"}}, nil},
		"proxy elsewhere":      {Config{InsecureHTTP: true, CRM: outside}, []string{"--trusted-proxies", "--crm-url"}},
		"proxy that is named":  {Config{InsecureHTTP: true, TrustedProxies: []string{"10.0.0.1"}, CRM: HouseConfig{Addr: outside.Addr, URL: https}}, nil},
		"proxy and plain URLs": {Config{InsecureHTTP: true, TrustedProxies: []string{"10.0.0.1"}, CRM: outside}, []string{"--crm-url"}},
	} {
		c.conf.Ephemeral = true
		resolved, err := c.conf.resolve()
		if err != nil {
			t.Fatal(err)
		}
		got := resolved.doubts()
		if len(got) != len(c.says) {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for i, want := range c.says {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: %q does not say %s", name, got[i], want)
			}
		}
	}
}
