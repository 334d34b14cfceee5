package client

import "net/url"

// maxNames is how many bytes of names one address carries: a cloud refuses more than 16,384 of address and headers together,
// and a name may grow where it is quoted.
const maxNames = 6 << 10

// Parts parts names for calls that carry them in an address: at most so many in each, and no more than an address takes.
func Parts(names []string, most int) [][]string {
	var parts [][]string
	size := 0
	for _, name := range names {
		length := len(url.QueryEscape(name)) + len("%27%2C+%27")
		if n := len(parts); n == 0 || len(parts[n-1]) == most || size+length > maxNames {
			parts, size = append(parts, nil), 0
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], name)
		size += length
	}
	return parts
}
