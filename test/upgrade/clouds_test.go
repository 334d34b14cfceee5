package upgrade_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/vault"
)

// ledger is the judge's own record of what the clouds did. It outlives both of them and every process of Connect's.
type ledger struct {
	mu       sync.Mutex
	signedIn map[string]int // how often a cloud let a user in by key, by "org NAME" or "tenant NAME"
	messages map[string]int // how often the tenant said that it took a message of this key
	unheard  map[string]int // messages whose sender was killed before the tenant had answered: it may have taken them
	mails    map[string]int // mails that left the tenant, by recipient
	silent   map[string]int // messages of which it was kept from their sender what the tenant did with them
	faults   map[string]int // what went wrong on purpose, by kind
}

func newLedger() *ledger {
	return &ledger{signedIn: map[string]int{}, messages: map[string]int{}, unheard: map[string]int{}, silent: map[string]int{}, mails: map[string]int{}, faults: map[string]int{}}
}

func (l *ledger) count(in map[string]int, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in[key]++
}

// of reads one of the ledger's books.
func (l *ledger) of(book map[string]int) map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(book)
}

// Send is the mail server of both clouds: it takes everything, once, and keeps count.
func (l *ledger) Send(_ context.Context, m mail.Message) error {
	l.count(l.mails, m.To.Email)
	return nil
}

// cloud is an org or a tenant behind a front that spoils calls and keeps the ledger.
type cloud struct {
	name   string // "org" or "tenant"
	ledger *ledger
	open   func() (http.Handler, func() error, error)

	mu      sync.RWMutex
	handler http.Handler // nil while the cloud is down
	close   func() error
	calm    bool // nothing is spoilt
}

// clouds are an org and a tenant on a data folder, in this process, which nobody kills; they are restarted now and then.
func openClouds(t *testing.T, s *stage, l *ledger) (org, tenant *cloud) {
	t.Helper()
	v, err := vault.Open(filepath.Join(s.data, "keys.json"))
	noError(t, err)
	org = &cloud{name: "org", ledger: l, calm: true, open: func() (http.Handler, func() error, error) {
		c, err := crm.New(context.WithoutCancel(t.Context()), crm.Options{DSN: s.dsn("crm"), Relaxed: true, BaseURL: s.ready.CRM.URL, Vault: v, Mail: l})
		if err != nil {
			return nil, nil, err
		}
		return c.Handler(), c.Close, nil
	}}
	tenant = &cloud{name: "tenant", ledger: l, calm: true, open: func() (http.Handler, func() error, error) {
		c, err := engagement.New(context.WithoutCancel(t.Context()), engagement.Options{DSN: s.dsn("engagement"), Relaxed: true, BaseURL: strings.TrimSuffix(s.ready.Engagement.AuthURL, "/"), Vault: v, Mail: l})
		if err != nil {
			return nil, nil, err
		}
		return c.Handler(), c.Close, nil
	}}
	for c, address := range map[*cloud]string{org: s.ready.CRM.URL, tenant: s.ready.Engagement.AuthURL} {
		noError(t, c.up())
		u, err := url.Parse(address)
		noError(t, err)
		listener, err := net.Listen("tcp", u.Host)
		noError(t, err)
		srv := httptest.NewUnstartedServer(c)
		noError(t, srv.Listener.Close())
		srv.Listener = listener
		srv.Config.ErrorLog = nil
		srv.Start()
		t.Cleanup(func() {
			srv.CloseClientConnections()
			srv.Close()
			noError(t, c.down())
		})
	}
	return org, tenant
}

func (c *cloud) up() error {
	handler, closing, err := c.open()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handler, c.close = handler, closing
	return nil
}

func (c *cloud) down() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	closing := c.close
	c.handler, c.close = nil, nil
	if closing == nil {
		return nil
	}
	return closing()
}

// restart closes the cloud, with everything that it has in memory, and opens it again on its database.
func (c *cloud) restart() error {
	c.ledger.count(c.ledger.faults, c.name+" restarted")
	return errors.Join(c.down(), c.up())
}

// still has nothing spoilt any more, or again.
func (c *cloud) still(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calm = yes
}

// ServeHTTP answers slowly, and one call in fifteen not as it should: 5xx, 429, not at all, or not after it was done.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.handler == nil {
		c.spoil(r)
		panic(http.ErrAbortHandler) // it is being restarted
	}
	fate := 100
	if !c.calm {
		fate = rand.IntN(90)
		slow := time.NewTimer(time.Duration(rand.IntN(4)) * time.Millisecond)
		<-slow.C
	}
	if fate <= 5 {
		c.spoil(r)
	}
	switch fate {
	case 0:
		c.ledger.count(c.ledger.faults, "503")
		http.Error(w, "no", http.StatusServiceUnavailable)
	case 1:
		c.ledger.count(c.ledger.faults, "500")
		http.Error(w, "no", http.StatusInternalServerError)
	case 2:
		c.ledger.count(c.ledger.faults, "429")
		http.Error(w, "later", http.StatusTooManyRequests)
	case 3:
		c.ledger.count(c.ledger.faults, "not answered")
		panic(http.ErrAbortHandler)
	case 4, 5:
		c.ledger.count(c.ledger.faults, "done and not answered")
		c.serve(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		c.serve(w, r)
	}
}

// messageKey is the key of the message that a call to the tenant is about; "" where it is about none.
func messageKey(r *http.Request) string {
	if !strings.HasPrefix(strings.ToLower(r.URL.Path), "/messaging/v1/email/messages/") {
		return ""
	}
	return r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
}

// spoil writes down whose answer does not come, where it is to a message.
func (c *cloud) spoil(r *http.Request) {
	if key := messageKey(r); key != "" && r.Method == http.MethodPost {
		c.ledger.count(c.ledger.silent, key)
	}
}

// answered is an answer whose status is known afterwards.
type answered struct {
	http.ResponseWriter
	status int
}

// WriteHeader keeps the status.
func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// serve has the cloud answer, and writes down what it did.
func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil {
		panic(http.ErrAbortHandler) // the caller was killed
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a := &answered{ResponseWriter: w, status: http.StatusOK}
	c.handler.ServeHTTP(a, r)
	path := strings.ToLower(r.URL.Path)
	key := messageKey(r)
	switch {
	case key != "" && r.Method == http.MethodPost && a.status/100 != 2 && r.Context().Err() != nil:
		c.ledger.count(c.ledger.unheard, key)
	case r.Method != http.MethodPost || a.status/100 != 2:
	case strings.HasSuffix(path, "/token"):
		if name := subject(body); name != "" {
			c.ledger.count(c.ledger.signedIn, c.name+" "+name)
		}
	case key != "":
		c.ledger.count(c.ledger.messages, key)
	}
}

// subject is whom a token request asserts; "" where it asserts nobody.
func subject(body []byte) string {
	var in struct {
		Assertion string `json:"assertion"`
	}
	if json.Unmarshal(body, &in) != nil {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return ""
		}
		in.Assertion = form.Get("assertion")
	}
	parts := strings.Split(in.Assertion, ".")
	if len(parts) != 3 {
		return ""
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var c struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(claims, &c) != nil {
		return ""
	}
	return c.Subject
}
