package tenant_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// noonMinus are times so many days before noon.
func noonMinus(days []int) []time.Time {
	var times []time.Time
	for _, d := range days {
		times = append(times, noon.AddDate(0, 0, -d))
	}
	return times
}

// trackedDelivery is one whose message reports back.
func trackedDelivery(page string) tenant.Delivery {
	d := delivery()
	d.Message.ID, d.Message.Tenant = ref.ID, ref.Tenant
	d.Links, d.Definition.TrackLinks = links, true
	d.Email.HTML, d.Email.Text = page, "%%unsub_center_url%%"
	return d
}

func TestLinksOfAMessageLeadThroughTheTenant(t *testing.T) {
	t.Parallel()
	shop := links.URL(tenant.LinkClick, ref, "https://shop.example/a?b=1&c=2")
	pixel := `<img src="` + links.URL(tenant.LinkOpen, ref, "") + `" width="1" height="1" alt="" style="display:block">`
	leave := links.URL(tenant.LinkUnsubscribe, ref, "")
	for name, c := range map[string]struct{ page, want string }{
		"a link":           {`<body><p>Hi<A HREF=" https://shop.example/a?b=1&amp;c=2 " class=x>shop</A></body>`, `<body><p>Hi<a href="` + shop + `" class="x">shop</A>` + pixel + `</body>`},
		"no body":          {`<p>x</p>`, `<p>x</p>` + pixel},
		"mail and script":  {`<a href="mailto:a@b.example">m</a><a href="javascript:x()">j</a><a name=top>`, `<a href="mailto:a@b.example">m</a><a href="javascript:x()">j</a><a name=top>` + pixel},
		"ours stays":       {`<a href="%%unsub_center_url%%">leave</a>`, `<a href="` + leave + `">leave</a>` + pixel},
		"comment, unknown": {`<!-- <a href="https://x.example"> --><b a='1'>&nbsp;<br/>`, `<!-- <a href="https://x.example"> --><b a='1'>&nbsp;<br/>` + pixel},
	} {
		got := trackedDelivery(c.page).Decide(noon).Mail
		if got.HTML != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got.HTML, c.want)
		}
		if got.Text != leave || got.ReturnPath != links.ReturnPath(ref, "trail.example") {
			t.Errorf("%s: text %q, return path %q", name, got.Text, got.ReturnPath)
		}
	}
	d := trackedDelivery(`<a href="https://shop.example/">x</a>`)
	d.Definition.TrackLinks = false
	if got := d.Decide(noon).Mail.HTML; got != `<a href="https://shop.example/">x</a>`+pixel {
		t.Errorf("links that are not tracked: %s", got)
	}
	d = trackedDelivery(`<a href="%%unsub_center_url%%">x</a>`)
	d.Message.Attributes = map[string]string{"unsub_center_url": "https://evil.example", "Unsub Center URL": "https://evil.example"}
	if got := d.Decide(noon).Mail.HTML; strings.Contains(got, "evil") {
		t.Errorf("an attribute says where one unsubscribes: %s", got)
	}
}

func TestCommercialMailHasOneClickUnsubscription(t *testing.T) {
	t.Parallel()
	d := trackedDelivery("<p>x</p>")
	if h := d.Decide(noon).Mail.Headers; len(h) != 0 {
		t.Errorf("transactional: %v", h)
	}
	d.Commercial = true
	h := d.Decide(noon).Mail.Headers
	if h["List-Unsubscribe"] != "<"+links.URL(tenant.LinkUnsubscribe, ref, "")+">" || h["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click" {
		t.Errorf("commercial: %v", h)
	}
}

// Whatever the page, every address in it that was not there before leads to the tenant, and a page without links keeps
// every byte.
func FuzzTrackedPage(f *testing.F) {
	for _, seed := range []string{`<a href="https://x.example/">`, `<a href='https://x'`, "<body>\xff</body>", `<a href=https://a.example href=https://b.example>`, "<", "<script><a href=\"http://x\"></script>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, page string) {
		d := trackedDelivery(page)
		d.Email.HTML = strings.ReplaceAll(page, "%%", "")
		got := d.Decide(noon).Mail.HTML
		if d.Email.HTML != "" && !strings.Contains(got, links.Base+"/t/o/") {
			t.Errorf("no pixel in %q", got)
		}
		for _, part := range strings.Split(got, links.Base+"/t/c/")[1:] {
			token, rest, _ := strings.Cut(part, "?u=")
			target, _, _ := strings.Cut(rest, `"`)
			address, err := url.QueryUnescape(target)
			if _, bad := links.Read(tenant.LinkClick, token, address); err != nil || bad != nil {
				if !strings.Contains(page, "/t/c/") {
					t.Errorf("a link that does not work: %q, %v, %v", part, err, bad)
				}
			}
		}
		if !strings.Contains(strings.ToLower(page), "http") && strings.Contains(got, "/t/c/") && !strings.Contains(page, "/t/c/") {
			t.Errorf("a link out of nothing: %q", got)
		}
	})
}
