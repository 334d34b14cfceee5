package login

import "strings"

// Login History's words for what a client is (crm-wire 5.2: Browser, Platform).

// browsers are families by the product that tells them in a User-Agent, the more particular first: each names those after it.
var browsers = []struct{ product, family string }{
	{"Edg/", "Edge"},
	{"OPR/", "Opera"},
	{"Firefox/", "Firefox"},
	{"Chrome/", "Chrome"},
	{"CriOS/", "Chrome"},
	{"Version/", "Safari"},
}

// agentName is the family and main version of a browser, and of a program the first product of its User-Agent, cut to what a
// column holds.
func agentName(agent string) string {
	if strings.HasPrefix(agent, "Mozilla/") {
		for _, b := range browsers {
			if _, rest, ok := strings.Cut(agent, b.product); ok {
				version, _, _ := strings.Cut(rest, " ")
				major, _, _ := strings.Cut(version, ".")
				return printable(b.family + " " + major)
			}
		}
	}
	name, _, _ := strings.Cut(agent, " ")
	return printable(name)
}

// platforms are what a User-Agent says of the machine, the more particular first.
var platforms = []struct{ word, name string }{
	{"iPhone", "iPhone"},
	{"iPad", "iPad"},
	{"Android", "Android"},
	{"Windows NT 10", "Windows 10"},
	{"Windows", "Windows"},
	{"Mac OS X", "Mac OSX"},
	{"CrOS", "Chrome OS"},
	{"Linux", "Linux"},
}

// unknownPlatform is that of programs, which do not tell.
const unknownPlatform = "Unknown"

func platformOf(agent string) string {
	if strings.HasPrefix(agent, "Mozilla/") {
		for _, p := range platforms {
			if strings.Contains(agent, p.word) {
				return p.name
			}
		}
	}
	return unknownPlatform
}
