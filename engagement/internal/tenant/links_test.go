package tenant_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

var (
	links = tenant.Links{Base: "https://mail.trail.example", Key: bytes.Repeat([]byte{7}, 32), Returns: true}
	ref   = tenant.MessageRef{Tenant: 510000001, ID: "0f8fad5b-d9cb-469f-a165-70867728950e"}
)

// tokenOf cuts a link into token and target.
func tokenOf(t *testing.T, link string) (token, target string) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || !strings.HasPrefix(link, links.Base+"/t/") {
		t.Fatalf("%q, %v", link, err)
	}
	return u.Path[len("/t/o/"):], u.Query().Get("u")
}

func TestALinkIsGoodForWhatItWasMadeFor(t *testing.T) {
	t.Parallel()
	const shop = "https://shop.example/?a=b&c=d%20e#f"
	for _, made := range []tenant.LinkKind{tenant.LinkOpen, tenant.LinkClick, tenant.LinkUnsubscribe} {
		target := ""
		if made == tenant.LinkClick {
			target = shop
		}
		token, read := tokenOf(t, links.URL(made, ref, target))
		if read != target {
			t.Errorf("%c: target %q", made, read)
		}
		for _, kind := range []tenant.LinkKind{tenant.LinkOpen, tenant.LinkClick, tenant.LinkUnsubscribe} {
			got, err := links.Read(kind, strings.ToUpper(token), target)
			if kind == made && (err != nil || got != ref) {
				t.Errorf("%c: %+v, %v", kind, got, err)
			}
			if kind != made && fault.CodeOf(err) != tenant.CodeBadLink {
				t.Errorf("a link %c is taken as %c: %v", made, kind, err)
			}
		}
		other := links
		other.Key = bytes.Repeat([]byte{8}, 32)
		if _, err := other.Read(made, token, target); fault.CodeOf(err) != tenant.CodeBadLink {
			t.Errorf("another house takes it: %v", err)
		}
		for i := range token {
			forged := []byte(token)
			forged[i] = 'a' + (forged[i]-'a'+1)%26
			if got, err := links.Read(made, string(forged), target); err == nil && got == ref && string(forged) != token {
				// The last character of base32 may hold bits that say nothing; none other may change.
				if i != len(token)-1 {
					t.Errorf("changed at %d it is still good", i)
				}
			} else if err == nil {
				t.Errorf("changed at %d it names %+v", i, got)
			}
		}
	}
	token, _ := tokenOf(t, links.URL(tenant.LinkClick, ref, shop))
	if _, err := links.Read(tenant.LinkClick, token, "https://evil.example/"); fault.CodeOf(err) != tenant.CodeBadLink {
		t.Errorf("a click leads elsewhere: %v", err)
	}
}

func TestBouncesHaveAnAddressOfTheirOwn(t *testing.T) {
	t.Parallel()
	address := links.ReturnPath(ref, "trail.example")
	local, _, _ := strings.Cut(address, "@")
	if len(local) > 64 || !tenant.ValidAddress(address) {
		t.Errorf("%q is no mail address", address)
	}
	if got, ok := links.ReadReturn(strings.ToUpper(address)); !ok || got != ref {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, other := range []string{"hello@trail.example", "b-@trail.example", "b-aaaa@x", "", "@", address[:20] + "x" + address[20:]} {
		if _, ok := links.ReadReturn(other); ok {
			t.Errorf("%q names a message", other)
		}
	}
	if got := (tenant.Links{Base: links.Base, Key: links.Key}).ReturnPath(ref, "trail.example"); got != "" {
		t.Errorf("bounces do not come back here, and go to %q", got)
	}
	if got := links.URL(tenant.LinkOpen, tenant.MessageRef{Tenant: 1, ID: "no guid"}, ""); got != "" {
		t.Errorf("a link of no message: %q", got)
	}
}

func FuzzReadLink(f *testing.F) {
	f.Add("aaaa", "https://x.example")
	f.Add(strings.Repeat("a", 64), "")
	f.Fuzz(func(t *testing.T, token, target string) {
		if m, err := links.Read(tenant.LinkClick, token, target); err == nil {
			t.Errorf("%q is good for %+v", token, m)
		}
		links.ReadReturn(token + "@" + target)
	})
}

func TestABounceTellsWhatItIsAbout(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]tenant.BounceKind{
		"5.1.1": tenant.BounceHard, "550": tenant.BounceHard, "5.2.1": tenant.BounceHard, "5.0.0": tenant.BounceHard,
		"5.2.2": tenant.BounceSoft, "4.2.2": tenant.BounceSoft, "451": tenant.BounceSoft, "5.4.4": tenant.BounceSoft,
		"5.7.1": tenant.BounceBlock, "5.6.0": tenant.BounceBlock,
	} {
		if b := tenant.BounceOf(code, "no\r\nthanks"); b.Kind != want || b.Code != code || b.Reason != "no  thanks" {
			t.Errorf("%s: %+v, want %s", code, b, want)
		}
	}
	if b := tenant.BounceOf("550", strings.Repeat("é", 1000)); len(b.Reason) > 500 {
		t.Errorf("%d bytes of reason", len(b.Reason))
	}
}

func TestStandingAfterABounce(t *testing.T) {
	t.Parallel()
	days := func(n ...int) (times []int) { return n }
	for name, c := range map[string]struct {
		status  tenant.SubscriberStatus
		earlier []int // days ago
		want    tenant.SubscriberStatus
	}{
		"first":                  {tenant.SubscriberActive, nil, tenant.SubscriberBounced},
		"second, after a month":  {tenant.SubscriberBounced, days(30), tenant.SubscriberBounced},
		"third within two weeks": {tenant.SubscriberBounced, days(14, 7), tenant.SubscriberBounced},
		"third after 15 days":    {tenant.SubscriberBounced, days(15, 7), tenant.SubscriberHeld},
		"sixth":                  {tenant.SubscriberBounced, days(16, 4, 3, 2, 1), tenant.SubscriberHeld},
		"held stays":             {tenant.SubscriberHeld, days(1), tenant.SubscriberHeld},
		"unsubscribed stays":     {tenant.SubscriberUnsubscribed, days(30, 20), tenant.SubscriberUnsubscribed},
	} {
		earlier := noonMinus(c.earlier)
		if got := tenant.StatusAfterBounce(c.status, earlier, noon); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
