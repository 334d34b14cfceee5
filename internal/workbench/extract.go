package workbench

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/ui"
)

// maxLinks bounds the links that are taken out of a letter.
const maxLinks = 50

var (
	addressInText = regexp.MustCompile(`https?://[^\s<>"]+`)
	// codeInText is a code that stands on a line with the word for it: "Verification Code: 12345", "Your code is 123456".
	codeInText = regexp.MustCompile(`(?i)\bcode\b[^\n0-9]{0,40}\b([0-9]{4,10})\b`)
)

// codes are the verification codes in a text, each once.
func codes(text string) []string {
	var out []string
	for _, found := range codeInText.FindAllStringSubmatch(text, 10) {
		if !slices.Contains(out, found[1]) {
			out = append(out, found[1])
		}
	}
	return out
}

// links are the addresses in a letter's text, and those behind the words of its HTML, each once, in order.
func links(m mail.Mail) ui.Links {
	var out ui.Links
	add := func(text, address string) {
		u, err := url.Parse(address)
		known := slices.ContainsFunc(out, func(l ui.Link) bool { return l.Href == address })
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || known || len(out) == maxLinks {
			return
		}
		if text == "" || text == address {
			text = address
		} else {
			text += " (" + u.Host + ")"
		}
		out = append(out, ui.Link{Text: text, Href: address})
	}
	for _, address := range addressInText.FindAllString(m.Text, maxLinks) {
		add("", strings.TrimRight(address, ".,;:!?)]}'>"))
	}
	page := html.NewTokenizer(strings.NewReader(m.HTML))
	href, words := "", ""
	for {
		switch page.Next() {
		case html.ErrorToken: // the end: it reads from memory
			return out
		case html.StartTagToken:
			if t := page.Token(); t.Data == "a" {
				href, words = "", ""
				for _, a := range t.Attr {
					if a.Key == "href" {
						href = strings.TrimSpace(a.Val)
					}
				}
			}
		case html.TextToken:
			if href != "" && len(words) < 200 {
				words += string(page.Text())
			}
		case html.EndTagToken:
			if name, _ := page.TagName(); string(name) == "a" && href != "" {
				add(strings.Join(strings.Fields(words), " "), href)
				href = ""
			}
		}
	}
}
