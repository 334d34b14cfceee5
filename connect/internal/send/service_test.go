package send_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

const contact = "003000000000001AAA"

// world is a connected pair and the service that sends.
type world struct {
	org    *linktest.Org
	tenant *linktest.Tenant
	store  *sqlstore.Store
	sends  *send.Service
	links  *link.Service
	ahead  atomic.Int64 // machine time is this much ahead
}

func newWorld(t *testing.T, db *sqldb.DB) *world {
	t.Helper()
	system := linktest.Person{ID: "005000000000001AAA", Username: "system@org.example"}
	api := linktest.Person{ID: "7", Username: "api"}
	w := &world{store: sqlstore.New(db), org: linktest.NewOrg(t, []linktest.Person{system}, system.Username), tenant: linktest.NewTenant(t, []linktest.Person{api})}
	v := linktest.PutKeys(t, w.store)
	machine := func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	w.org.Now, w.tenant.Now = machine, machine
	tr := client.NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	w.links = link.NewService(w.store, link.NewKeyring(w.store, v), &http.Client{Transport: tr, Timeout: time.Minute}, machine)
	w.sends = send.NewService(w.store, w.links, machine)
	ctx := t.Context()
	var err error
	if w.org.Certificate, w.tenant.Certificate, err = w.links.Certificates(ctx, linktest.Pair); err != nil {
		t.Fatal(err)
	}
	w.org.ConsumerKey, w.tenant.ClientID = "key", "package"
	err = w.links.Put(ctx, linktest.Pair, vault.HashToken("t"), link.Params{Standing: link.Embedded, CRMURL: w.org.URL, ConsumerKey: "key", ConsoleClientID: "c", AuthURL: w.tenant.URL, PackageClientID: "package", EID: linktest.EID})
	if err != nil {
		t.Fatal(err)
	}
	w.tenant.Grant(api.Username, true)
	if _, err := w.links.ConnectOrg(ctx, linktest.Pair, system.Username, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.links.ConnectTenant(ctx, linktest.Pair, api.Username, 0, "test"); err != nil {
		t.Fatal(err)
	}
	w.org.PutContact(contact, "ann@customer.example", false)
	return w
}

func (w *world) link(t *testing.T) link.Link {
	t.Helper()
	l, err := w.links.Link(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (w *world) trigger(t *testing.T, key string) (send.Send, error) {
	t.Helper()
	return w.sends.Trigger(t.Context(), w.link(t), send.Request{ContactID: contact, DefinitionKey: "welcome", IdempotencyKey: key})
}

func (w *world) posts(key string) int {
	return w.tenant.Calls("POST /messaging/v1/email/messages/" + key)
}

func each(t *testing.T, test func(*testing.T, *world)) {
	t.Helper()
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) { test(t, newWorld(t, db)) })
}

func isMessage(r *http.Request, method string) bool {
	return r.Method == method && strings.HasPrefix(r.URL.Path, "/messaging/")
}

func drop() { panic(http.ErrAbortHandler) }

// TestAnswerLost: the tenant took the message and its answer was lost; asking shows it, and nothing is sent twice.
func TestAnswerLost(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tenant.Before(func(_ http.ResponseWriter, r *http.Request) bool {
			if !isMessage(r, http.MethodPost) {
				return false
			}
			w.tenant.Accept(r)
			drop()
			return true
		})
		v, err := w.trigger(t, "k")
		if err != nil || v.Status != send.Accepted {
			t.Fatalf("%+v, %v", v, err)
		}
		if again, err := w.trigger(t, "k"); err != nil || again.MessageKey != v.MessageKey || w.posts(v.MessageKey) != 1 {
			t.Fatalf("%+v, %v, %d posts", again, err, w.posts(v.MessageKey))
		}
	})
}

// TestInDoubt: what nobody can tell is in doubt, is never repeated unasked, and is settled by asking.
func TestInDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		took  bool // the tenant had taken the message
		posts int  // in the end
	}{"taken": {true, 1}, "not taken": {false, 2}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.tenant.Before(func(_ http.ResponseWriter, r *http.Request) bool {
					if strings.HasPrefix(r.URL.Path, "/messaging/") {
						if c.took && r.Method == http.MethodPost {
							w.tenant.Accept(r)
						}
						drop()
					}
					return false
				})
				v, err := w.trigger(t, "k")
				if err != nil || v.Status != send.InDoubt || v.ReasonCode != string(client.CodeNoAnswer) {
					t.Fatalf("%+v, %v", v, err)
				}
				// While the tenant says nothing, asking again changes nothing and sends nothing.
				if again, err := w.trigger(t, "k"); err == nil || again.Status != send.InDoubt || w.posts(v.MessageKey) != 1 {
					t.Fatalf("%+v, %v, %d posts", again, err, w.posts(v.MessageKey))
				}
				stale, err := w.sends.Status(t.Context(), w.link(t), v.MessageKey)
				if err == nil || stale.Status != send.InDoubt {
					t.Fatalf("%+v, %v", stale, err)
				}
				w.tenant.Before(nil)
				settled, err := w.trigger(t, "k")
				if err != nil || settled.Status != send.Accepted || settled.ReasonCode != "" || w.posts(v.MessageKey) != c.posts || len(w.tenant.Messages()) != 1 {
					t.Fatalf("%+v, %v, %d posts", settled, err, w.posts(v.MessageKey))
				}
			})
		})
	}
}

// TestRefusedAndNotAsked: a refusal may be that of a key which is used already. While the tenant cannot be asked, nobody says that the
// message was not sent.
func TestRefusedAndNotAsked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/messaging/") {
				return false
			}
			if r.Method != http.MethodPost {
				drop()
			}
			w.tenant.Accept(r) // of a process that was killed, a moment ago
			linktest.Answer(rw, 400, map[string]any{"errorcode": 30003, "message": "the key is used"})
			return true
		})
		v, err := w.trigger(t, "k")
		if err == nil || v.Status != send.Queueing {
			t.Fatalf("%+v, %v", v, err)
		}
		w.tenant.Before(nil)
		if v, err = w.trigger(t, "k"); err != nil || v.Status != send.Accepted || len(w.tenant.Messages()) != 1 {
			t.Fatalf("asked again: %+v, %v, %d messages", v, err, len(w.tenant.Messages()))
		}
	})
}

// TestRefusedAndMayNotAsk: a user who may neither send nor read what became of a message was refused for that.
func TestRefusedAndMayNotAsk(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/messaging/") {
				return false
			}
			linktest.Answer(rw, 403, map[string]any{"errorcode": 20002, "message": "Insufficient privileges"})
			return true
		})
		if v, err := w.trigger(t, "k"); err != nil || v.Status != send.NotSent || v.ReasonCode != "20002" {
			t.Fatalf("%+v, %v", v, err)
		}
	})
}

// TestTenantFails: what each way of failing makes of a send.
func TestTenantFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			answer func(http.ResponseWriter)
			status send.Status
			code   fault.Code // of the error; "" for none
			reason string
		}{
			"refuses": {func(rw http.ResponseWriter) {
				linktest.Answer(rw, 400, map[string]any{"errorcode": 10005, "message": "bad value"})
			}, send.NotSent, "", "10005"},
			"fails": {func(rw http.ResponseWriter) {
				linktest.Answer(rw, 500, map[string]any{"errorcode": 30000, "message": "x"})
			}, send.InDoubt, "", "cloud_failed"},
			"speaks HTML": {func(rw http.ResponseWriter) { rw.Header().Set("Content-Type", "text/html"); rw.WriteHeader(200) }, send.InDoubt, "", "cloud_protocol"},
			"asks to wait": {func(rw http.ResponseWriter) {
				linktest.Answer(rw, 429, map[string]any{"errorcode": 50100, "message": "Rate limit exceeded"})
			}, send.Queueing, client.CodeLimited, ""},
			"denies tokens": {func(rw http.ResponseWriter) {
				linktest.Answer(rw, 401, map[string]any{"errorcode": 0, "message": "Not Authorized"})
			}, send.Queueing, client.CodeUnauthorized, ""},
		} {
			w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
				if isMessage(r, http.MethodPost) {
					c.answer(rw)
					return true
				}
				return false
			})
			v, err := w.trigger(t, name)
			if fault.CodeOf(err) != c.code || v.Status != c.status || v.ReasonCode != c.reason {
				t.Errorf("%s: %+v, %v", name, v, err)
			}
			w.tenant.Before(nil)
			after, err := w.trigger(t, name)
			want := send.Accepted
			if c.status.Final() {
				want = c.status
			}
			if err != nil || after.Status != want {
				t.Errorf("%s, then well: %+v, %v", name, after, err)
			}
		}
	})
}

// TestFollow: the tenant's later word is taken over and is the last.
func TestFollow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		v, err := w.trigger(t, "k")
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			event  string
			want   send.Status
			reason string
		}{{"EmailQueued", send.Accepted, ""}, {"InDoubt", send.InDoubt, "delivery_in_doubt"}, {"EmailNotSent", send.NotSent, "24"}, {"EmailSent", send.NotSent, "24"}} {
			w.tenant.SetEvent(v.MessageKey, step.event)
			got, err := w.sends.Status(t.Context(), w.link(t), v.MessageKey)
			if err != nil || got.Status != step.want || got.ReasonCode != step.reason {
				t.Fatalf("%s: %+v, %v", step.event, got, err)
			}
			if _, err := w.trigger(t, "k"); err != nil || w.posts(v.MessageKey) != 1 {
				t.Fatalf("%s: asked for again: %v, %d messages", step.event, err, w.posts(v.MessageKey))
			}
		}
	})
}

// TestTakenOver: a send whose sender died is left alone while he might live, then asked for and continued.
func TestTakenOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		died := send.Send{
			Pair: linktest.Pair, MessageKey: send.MessageKey(linktest.Pair, "welcome", contact[:15], "key:k"), DefinitionKey: "welcome", ContactID: contact, Recipient: "ann@customer.example",
			Status: send.Queueing, CreatedAt: time.Now(), UpdatedAt: time.Now(), Lease: time.Now().Add(time.Minute),
		}
		if _, _, err := w.store.AddSend(ctx, died); err != nil {
			t.Fatal(err)
		}
		if _, err := w.trigger(t, "k"); fault.CodeOf(err) != send.CodeInProgress {
			t.Fatalf("within the lease: %v", err)
		}
		w.ahead.Store(int64(2 * time.Minute))
		v, err := w.trigger(t, "k")
		if err != nil || v.Status != send.Accepted || w.tenant.Calls("GET /messaging/v1/email/messages/"+v.MessageKey) != 1 || w.posts(v.MessageKey) != 1 {
			t.Fatalf("%+v, %v", v, err)
		}
	})
}

// TestLyingOrg: another record than the one asked for is not mailed.
func TestLyingOrg(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, body := range map[string]map[string]any{
			"another contact": {"Id": "003000000000002AAA", "Email": "eve@evil.example", "SystemModstamp": "2026-01-02T03:04:05.000+0000"},
			"no id":           {"Email": "eve@evil.example", "SystemModstamp": "2026-01-02T03:04:05.000+0000"},
			"no modstamp":     {"Id": contact, "Email": "eve@evil.example"},
			"other types":     {"Id": 7, "Email": []string{"eve@evil.example"}},
		} {
			w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/sobjects/") {
					linktest.Answer(rw, 200, body)
					return true
				}
				return false
			})
			if _, err := w.trigger(t, name); fault.CodeOf(err) != client.CodeProtocol {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := len(w.tenant.Messages()); n != 0 {
			t.Errorf("%d messages went out", n)
		}
	})
}

// TestAnotherOrgAnswers: tokens of another org or user than the ones connected are not used.
func TestAnotherOrgAnswers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.ahead.Store(int64(time.Hour)) // the token of connecting is over
		w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/services/oauth2/token" {
				return false
			}
			linktest.Answer(rw, 200, map[string]any{"access_token": "x!y", "instance_url": w.org.URL, "id": w.org.URL + "/id/00D000000000009AAA/005000000000001AAA", "token_type": "Bearer"})
			return true
		})
		if _, err := w.trigger(t, "k"); fault.CodeOf(err) != link.CodeCopied {
			t.Fatalf("another org: %v", err)
		}
		if l := w.link(t); l.Org.State != link.SpanBroken || l.Org.Cause.Code != string(link.CodeCopied) {
			t.Fatalf("the span is %+v", l.Org)
		}
	})
}

// TestOptedOutWhileHeld: a send that was held, tried, and held again is not sent to who opted out in between.
func TestOptedOutWhileHeld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l, err := w.links.Interrupt(t.Context(), w.link(t), link.Outage{Mode: link.Hold, Until: w.links.Now(w.link(t)).Add(time.Hour), Reason: "upgrade", Actor: "test"})
		if err != nil {
			t.Fatal(err)
		}
		v, err := w.trigger(t, "k")
		if err != nil || v.Status != send.Held {
			t.Fatalf("%+v, %v", v, err)
		}
		if _, err := w.links.Resume(t.Context(), l, "test"); err != nil {
			t.Fatal(err)
		}
		w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if !isMessage(r, http.MethodGet) {
				return false
			}
			linktest.Answer(rw, http.StatusServiceUnavailable, map[string]any{"errorcode": 1, "message": "x"})
			return true
		})
		if err := w.sends.Release(t.Context()); err == nil {
			t.Error("a tenant that fails is no error")
		}
		if v, err = w.store.Send(t.Context(), linktest.Pair, v.MessageKey); err != nil || v.Status != send.Held || v.Recipient == "" {
			t.Fatalf("tried once: %+v, %v", v, err)
		}
		w.tenant.Before(nil)
		w.ahead.Add(int64(time.Minute))
		w.org.PutContact(contact, "ann@customer.example", true)
		if err := w.sends.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if v, err = w.store.Send(t.Context(), linktest.Pair, v.MessageKey); err != nil || v.Status != send.Refused || v.ReasonCode != string(send.CodeOptedOut) || w.posts(v.MessageKey) != 0 {
			t.Errorf("after opting out: %+v, %v", v, err)
		}
	})
}

// TestOutageInTheMiddle: a send whose program died in the middle is not sent in an outage: it is held, or refused by name.
// When it is released, the tenant is asked first: what it has is not sent again, what it does not have goes out once.
func TestOutageInTheMiddle(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		t.Run(map[bool]string{true: "arrived", false: "not arrived"}[arrived], func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				v, err := w.trigger(t, "k")
				if err != nil || v.Status != send.Accepted || w.posts(v.MessageKey) != 1 {
					t.Fatalf("%+v, %v", v, err)
				}
				if !arrived { // as if the program had died before its request was written
					v, err = w.trigger(t, "other")
					if err != nil {
						t.Fatal(err)
					}
					w.tenant.Forget(v.MessageKey)
				}
				key := map[bool]string{true: "k", false: "other"}[arrived]
				v.Status = send.Queueing // as the program left it that died
				if v, _, err = w.store.UpdateSend(t.Context(), v); err != nil {
					t.Fatal(err)
				}
				posts := w.posts(v.MessageKey)
				outage := link.Outage{Mode: link.Fail, Until: w.links.Now(w.link(t)).Add(time.Hour), Reason: "upgrade in progress", Actor: "test"}
				if _, err := w.links.Interrupt(t.Context(), w.link(t), outage); err != nil {
					t.Fatal(err)
				}
				if _, err := w.trigger(t, key); fault.CodeOf(err) != link.CodeUnavailable {
					t.Errorf("in mode fail: %v", err)
				}
				outage.Mode = link.Hold
				if _, err := w.links.Interrupt(t.Context(), w.link(t), outage); err != nil {
					t.Fatal(err)
				}
				if v, err = w.trigger(t, key); err != nil || v.Status != send.Held || w.posts(v.MessageKey) != posts {
					t.Fatalf("in mode hold: %+v, %v", v, err)
				}
				if err := w.sends.Release(t.Context()); err != nil {
					t.Fatal(err)
				}
				if now, err := w.sends.Status(t.Context(), w.link(t), v.MessageKey); err != nil || now.Status != send.Held {
					t.Errorf("released in the outage: %+v, %v", now, err)
				}
				if _, err := w.links.Resume(t.Context(), w.link(t), "test"); err != nil {
					t.Fatal(err)
				}
				for range 2 { // and once more: nothing is left to do
					if err := w.sends.Release(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				want := posts
				if !arrived {
					want++
				}
				if v, err = w.store.Send(t.Context(), linktest.Pair, v.MessageKey); err != nil || v.Status != send.Accepted || w.posts(v.MessageKey) != want {
					t.Errorf("after the outage: %+v, %v; posted %d times, want %d", v, err, w.posts(v.MessageKey), want)
				}
			})
		})
	}
}

// TestHeldAndNotAnswered: a send that was held, and of which nobody can tell whether the tenant has it, stays held and is handed over
// again by its key: it arrives once, whether the tenant had it or not. In doubt it is only where the tenant goes on saying nothing.
func TestHeldAndNotAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		took  bool // the tenant had taken the message
		posts int  // in the end
	}{"taken": {true, 1}, "not taken": {false, 2}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				v := w.released(t, "k")[0]
				w.mute(c.took)
				if err := w.sends.Release(t.Context()); err == nil {
					t.Error("a tenant that does not answer is no error")
				}
				held, err := w.store.Send(t.Context(), linktest.Pair, v.MessageKey)
				if err != nil || held.Status != send.Held || held.ReasonCode != string(client.CodeNoAnswer) || w.posts(v.MessageKey) != 1 {
					t.Fatalf("%+v, %v, %d posts", held, err, w.posts(v.MessageKey))
				}
				w.tenant.Before(nil)
				w.ahead.Add(int64(time.Hour))
				if err := w.sends.Release(t.Context()); err != nil {
					t.Fatal(err)
				}
				v, err = w.store.Send(t.Context(), linktest.Pair, v.MessageKey)
				if err != nil || v.Status != send.Accepted || v.ReasonCode != "" || v.Reason != "" || w.posts(v.MessageKey) != c.posts || len(w.tenant.Messages()) != 1 {
					t.Fatalf("%+v, %v, %d posts, %d messages", v, err, w.posts(v.MessageKey), len(w.tenant.Messages()))
				}
			})
		})
	}
	t.Run("never answered", func(t *testing.T) {
		each(t, func(t *testing.T, w *world) {
			v := w.released(t, "k")[0]
			w.mute(false)
			var err error
			tries := 0
			for ; v.Status == send.Held && tries < 100; tries++ {
				_ = w.sends.Release(t.Context()) // what came of it is below
				w.ahead.Add(int64(time.Hour))
				if v, err = w.store.Send(t.Context(), linktest.Pair, v.MessageKey); err != nil {
					t.Fatal(err)
				}
			}
			if v.Status != send.InDoubt || v.ReasonCode != string(client.CodeNoAnswer) || tries != 8 || w.posts(v.MessageKey) != 8 {
				t.Errorf("after %d tries and %d posts: %+v", tries, w.posts(v.MessageKey), v)
			}
			if err := w.sends.Release(t.Context()); err != nil || w.posts(v.MessageKey) != 8 {
				t.Errorf("in doubt it is left alone: %v, %d posts", err, w.posts(v.MessageKey))
			}
		})
	})
}

// TestHeldAndNotAsked: a held send of which a cloud cannot be asked is tried again later each time, and says so; those behind it wait.
// After a day it is in doubt, and so is at once who waited behind it and cannot be asked about either. Asked for again, it arrives once.
func TestHeldAndNotAsked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		failing := func(isIt func(*http.Request) bool, status int) func(http.ResponseWriter, *http.Request) bool {
			return func(rw http.ResponseWriter, r *http.Request) bool {
				if !isIt(r) {
					return false
				}
				linktest.Answer(rw, status, map[string]any{"errorcode": 1, "message": "x"})
				return true
			}
		}
		question := func(r *http.Request) bool { return isMessage(r, http.MethodGet) }
		release := func(fails bool) {
			t.Helper()
			if err := w.sends.Release(t.Context()); (err != nil) != fails {
				t.Errorf("released: %v", err)
			}
		}
		stored := func(v send.Send) send.Send {
			t.Helper()
			v, err := w.store.Send(t.Context(), linktest.Pair, v.MessageKey)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		for name, c := range map[string]struct {
			org    bool
			fails  func(first string) func(*http.Request) bool
			status int
			code   fault.Code
			second send.Status // in the end
		}{
			"the tenant fails":   {false, func(string) func(*http.Request) bool { return question }, 503, client.CodeFailed, send.InDoubt},
			"the tenant refuses": {false, func(string) func(*http.Request) bool { return question }, 403, client.CodeRefused, send.InDoubt},
			"it fails for one alone": {false, func(first string) func(*http.Request) bool {
				return func(r *http.Request) bool { return question(r) && strings.HasSuffix(r.URL.Path, first) }
			}, 500, client.CodeFailed, send.Accepted},
			"the org cannot be asked": {true, func(string) func(*http.Request) bool {
				return func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/sobjects/") }
			}, 503, client.CodeFailed, send.InDoubt},
		} {
			all := w.released(t, name+" 1", name+" 2")
			first, second := all[0], all[1]
			fail := failing(c.fails(first.MessageKey), c.status)
			if c.org {
				w.org.Before(fail)
			} else {
				w.tenant.Before(fail)
			}
			for n := range 12 {
				now := time.Now().Add(time.Duration(w.ahead.Load()))
				release(true)
				first = stored(first)
				pause, want := first.NextTry.Add(time.Millisecond).Sub(now), min(10*time.Minute, time.Second<<n) // a store keeps milliseconds
				if first.Status != send.Held || first.ReasonCode != string(c.code) || pause < want || pause > want+time.Minute {
					t.Fatalf("%s: after try %d: %v later, %+v", name, n+1, pause, first)
				}
				if n > 8 { // it takes minutes
					release(false)
					if v, err := w.trigger(t, name+" 1"); err != nil || v != first || stored(first) != first {
						t.Fatalf("%s: before its time: %+v, %v", name, v, err)
					}
				}
				w.ahead.Add(int64(pause + 2*time.Second))
			}
			if now := stored(second); now.Status != send.Held || now.Tries != 0 {
				t.Errorf("%s: who is behind does not wait: %+v", name, now)
			}
			first.Tries, first.NextTry = 148, time.Time{} // as after nearly a day
			if _, won, err := w.store.UpdateSend(t.Context(), first); err != nil || !won {
				t.Fatalf("%v, %v", won, err)
			}
			release(true)
			w.ahead.Add(int64(time.Hour))
			release(false)
			if first, second = stored(first), stored(second); first.Status != send.InDoubt || first.ReasonCode != string(c.code) || !first.NextTry.IsZero() || second.Status != c.second {
				t.Errorf("%s: in the end: %+v and %+v", name, first, second)
			}
			w.org.Before(nil)
			w.tenant.Before(nil)
			release(false)
			for i, v := range []send.Send{first, second} {
				again, err := w.trigger(t, name+map[int]string{0: " 1", 1: " 2"}[i])
				if err != nil || again.Status != send.Accepted || w.posts(v.MessageKey) != 1 {
					t.Errorf("%s: asked for again: %+v, %v, %d posts", name, again, err, w.posts(v.MessageKey))
				}
			}
		}
	})
}

// released are sends that were held in an outage which is over.
func (w *world) released(t *testing.T, keys ...string) []send.Send {
	t.Helper()
	l, err := w.links.Interrupt(t.Context(), w.link(t), link.Outage{Mode: link.Hold, Until: w.links.Now(w.link(t)).Add(time.Hour), Reason: "upgrade", Actor: "test"})
	if err != nil {
		t.Fatal(err)
	}
	all := make([]send.Send, len(keys))
	for i, key := range keys {
		if i > 0 {
			w.ahead.Add(int64(time.Second)) // they are released in this order
		}
		if all[i], err = w.trigger(t, key); err != nil || all[i].Status != send.Held {
			t.Fatalf("%+v, %v", all[i], err)
		}
	}
	if _, err := w.links.Resume(t.Context(), l, "test"); err != nil {
		t.Fatal(err)
	}
	return all
}

// mute lets the tenant answer nothing from each post of a message on, to the question after it included.
func (w *world) mute(took bool) {
	var posted atomic.Bool
	w.tenant.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case isMessage(r, http.MethodPost):
			if took {
				w.tenant.Accept(r)
			}
			posted.Store(true)
			drop()
		case isMessage(r, http.MethodGet) && posted.Swap(false):
			drop()
		}
		return false
	})
}

// TestReleaseIsKilled: a program that dies while it sends what was held leaves it held: the next one goes on, in their order, once it
// is sure that nobody else does.
func TestReleaseIsKilled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l, err := w.links.Interrupt(t.Context(), w.link(t), link.Outage{Mode: link.Hold, Until: w.links.Now(w.link(t)).Add(time.Hour), Reason: "upgrade", Actor: "test"})
		if err != nil {
			t.Fatal(err)
		}
		first, err := w.trigger(t, "first")
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.trigger(t, "second")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.links.Resume(t.Context(), l, "test"); err != nil {
			t.Fatal(err)
		}
		var left send.Send // as it stands while the tenant is asked for it
		w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if !isMessage(r, http.MethodGet) {
				return false
			}
			left, err = w.store.Send(t.Context(), linktest.Pair, first.MessageKey)
			linktest.Answer(rw, http.StatusServiceUnavailable, map[string]any{"errorcode": 1, "message": "x"})
			return true
		})
		if w.sends.Release(t.Context()) == nil || err != nil {
			t.Fatalf("a tenant that fails: %v", err)
		}
		w.tenant.Before(nil)
		now, err := w.store.Send(t.Context(), linktest.Pair, first.MessageKey)
		if err != nil {
			t.Fatal(err)
		}
		left.Revision = now.Revision
		if _, won, err := w.store.UpdateSend(t.Context(), left); err != nil || !won {
			t.Fatalf("%v, %v", won, err)
		}
		if err := w.sends.Release(t.Context()); err != nil || w.posts(first.MessageKey) != 0 || w.posts(second.MessageKey) != 0 {
			t.Errorf("somebody else may be at it: %v; posted %d and %d times", err, w.posts(first.MessageKey), w.posts(second.MessageKey))
		}
		w.ahead.Add(int64(2 * time.Minute))
		if err := w.sends.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, one := range []send.Send{first, second} {
			if v, err := w.store.Send(t.Context(), linktest.Pair, one.MessageKey); err != nil || v.Status != send.Accepted || v.ReasonCode != "" || w.posts(v.MessageKey) != 1 {
				t.Errorf("after the death: %+v, %v; posted %d times", v, err, w.posts(v.MessageKey))
			}
		}
	})
}
