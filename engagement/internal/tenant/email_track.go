package tenant

import (
	"strings"

	"golang.org/x/net/html"
)

// wrapLinks replaces the http and https targets of the page's <a> and <area> elements by what link returns for them;
// "" leaves one as it is. All else of the page stays byte for byte as it was written.
func wrapLinks(page string, link func(target string) string) string {
	var b strings.Builder
	b.Grow(len(page) + len(page)/4)
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			b.Write(z.Raw()) // an unfinished tag at the end
			return b.String()
		}
		raw := string(z.Raw()) // before the tag's name is asked for, which overwrites it
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			b.WriteString(raw)
			continue
		}
		t := z.Token()
		if (t.Data != "a" && t.Data != "area") || !replaceTarget(t.Attr, link) {
			b.WriteString(raw)
			continue
		}
		b.WriteString(t.String())
	}
}

// replaceTarget changes the first href, the one that browsers take.
func replaceTarget(attributes []html.Attribute, link func(string) string) bool {
	for i, a := range attributes {
		if a.Key != "href" || a.Namespace != "" {
			continue
		}
		target := strings.TrimSpace(a.Val)
		if !webAddress(target) {
			return false
		}
		wrapped := link(target)
		if wrapped == "" {
			return false
		}
		attributes[i].Val = wrapped
		return true
	}
	return false
}

// webAddress reports an absolute http or https address without control characters.
func webAddress(s string) bool {
	lower := strings.ToLower(s)
	return (strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")) && len(s) <= 2000 && oneLine(s) == s
}

// withPixel puts a picture of one transparent point at the end of the page's body.
func withPixel(page, source string) string {
	if source == "" || page == "" {
		return page
	}
	pixel := `<img src="` + html.EscapeString(source) + `" width="1" height="1" alt="" style="display:block">`
	lower := strings.ToLower(page)
	if i := strings.LastIndex(lower, "</body"); i >= 0 && len(lower) == len(page) {
		return page[:i] + pixel + page[i:]
	}
	return page + pixel
}
