package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxSegments bounds how many path segments a request may have; no route is near it.
const maxSegments = 64

// Mux routes requests by method and path. Patterns are written as for http.ServeMux: "GET /a/{id}", "/a/{rest...}"
// (the rest may be empty), no method for all methods. It differs from http.ServeMux where the clients of both clouds
// need it:
//
//   - it never redirects: double slashes and dot segments are tidied, and a trailing slash changes nothing;
//   - 404 and 405 are answered by the house's own handlers;
//   - with IgnoreCase, literal segments match in any letter case while path values keep their spelling;
//   - a literal segment outranks a wildcard from the left, so overlapping patterns never conflict;
//   - a path that exists for GET answers HEAD.
//
// Path values are percent-decoded and read with Request.PathValue; Request.Pattern holds the pattern that matched.
// Fill in the fields and routes before serving; after that a Mux is safe for concurrent use.
type Mux struct {
	// NotFound answers paths that no pattern matches. http.NotFound where nil.
	NotFound http.Handler
	// MethodNotAllowed answers paths that exist for other methods; the Allow header is set when it is called. A plain
	// 405 where nil.
	MethodNotAllowed http.Handler
	// IgnoreCase matches literal segments without regard to ASCII case. Set it before the first Handle.
	IgnoreCase bool

	root node
}

// node is one segment of the tree of patterns.
type node struct {
	literal map[string]*node
	wild    *node
	routes  map[string]*route // by method; "" is any method
	rest    map[string]*route // routes that end in {name...} below this node
}

type route struct {
	pattern string
	names   []string // of the wildcards, in order
	handler http.Handler
}

// NewMux returns an empty Mux that matches paths exactly.
func NewMux() *Mux { return &Mux{} }

// HandleFunc is Handle for a function.
func (m *Mux) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

// Handle registers h for a pattern. It panics on a pattern that is malformed or already taken, which is a mistake in
// the program.
func (m *Mux) Handle(pattern string, h http.Handler) {
	if h == nil {
		panic("web: no handler for " + pattern)
	}
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = "", pattern
	}
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " ?#") {
		panic(fmt.Sprintf("web: pattern %q is not \"METHOD /path\"", pattern))
	}
	rt := &route{pattern: pattern, handler: h}
	n := &m.root
	routes := &n.routes
	segments := split(path)
	for i, seg := range segments {
		name, wild := strings.CutPrefix(seg, "{")
		if !wild {
			n = n.child(m.fold(seg))
			routes = &n.routes
			continue
		}
		name, closed := strings.CutSuffix(name, "}")
		name, rest := strings.CutSuffix(name, "...")
		if !closed || name == "" || strings.ContainsAny(name, "{}") || slices.Contains(rt.names, name) || rest && i < len(segments)-1 {
			panic(fmt.Sprintf("web: bad wildcard %q in pattern %q", seg, pattern))
		}
		rt.names = append(rt.names, name)
		if rest {
			routes = &n.rest
			continue
		}
		if n.wild == nil {
			n.wild = &node{}
		}
		n = n.wild
		routes = &n.routes
	}
	if *routes == nil {
		*routes = map[string]*route{}
	}
	if taken := (*routes)[method]; taken != nil {
		panic(fmt.Sprintf("web: pattern %q is taken by %q", pattern, taken.pattern))
	}
	(*routes)[method] = rt
}

func (n *node) child(seg string) *node {
	if n.literal == nil {
		n.literal = map[string]*node{}
	}
	if n.literal[seg] == nil {
		n.literal[seg] = &node{}
	}
	return n.literal[seg]
}

func (m *Mux) fold(seg string) string {
	if m.IgnoreCase {
		return strings.ToLower(seg)
	}
	return seg
}

// Patterns are all that were registered, sorted.
func (m *Mux) Patterns() []string {
	var all []string
	var walk func(*node)
	walk = func(n *node) {
		for _, routes := range []map[string]*route{n.routes, n.rest} {
			for _, rt := range routes {
				all = append(all, rt.pattern)
			}
		}
		for _, next := range n.literal {
			walk(next)
		}
		if n.wild != nil {
			walk(n.wild)
		}
	}
	walk(&m.root)
	slices.Sort(all)
	return all
}

// ServeHTTP calls the handler of the best match.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var room, values [16]string
	s := search{mux: m, method: r.Method, segments: room[:0], values: values[:0]}
	rt := s.run(r.URL.EscapedPath())
	switch {
	case rt != nil:
		for i, name := range rt.names {
			r.SetPathValue(name, s.values[i])
		}
		r.Pattern = rt.pattern
		rt.handler.ServeHTTP(w, r)
	case len(s.allow) > 0:
		w.Header().Set("Allow", s.allowed())
		if m.MethodNotAllowed != nil {
			m.MethodNotAllowed.ServeHTTP(w, r)
			return
		}
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
	default:
		m.notFound(w, r)
	}
}

// Match is what [Mux.Find] found.
type Match struct {
	Handler http.Handler      // nil where no pattern matches
	Pattern string            // that matched
	Values  map[string]string // of its wildcards, percent-decoded
	Allow   string            // "GET, HEAD" where patterns match the path and not the method
}

// Find looks a request up and does not serve it. It is for requests that come inside others.
func (m *Mux) Find(method, escapedPath string) Match {
	s := search{mux: m, method: method}
	rt := s.run(escapedPath)
	if rt == nil {
		return Match{Allow: s.allowed()}
	}
	found := Match{Handler: rt.handler, Pattern: rt.pattern, Values: make(map[string]string, len(rt.names))}
	for i, name := range rt.names {
		found.Values[name] = s.values[i]
	}
	return found
}

func (m *Mux) notFound(w http.ResponseWriter, r *http.Request) {
	if m.NotFound != nil {
		m.NotFound.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}

// search is one walk down the tree. The number of its steps depends on the patterns registered, not on the request.
type search struct {
	mux      *Mux
	method   string
	segments []string
	values   []string
	allow    []string // methods of patterns that match the path and not the method
}

// run splits the path and walks; nil where nothing matches.
func (s *search) run(escaped string) *route {
	if !isClean(escaped) {
		escaped = cleanEscaped(escaped)
	}
	for seg := range strings.SplitSeq(escaped, "/") {
		if seg == "" {
			continue
		}
		if len(s.segments) == maxSegments {
			return nil
		}
		if strings.IndexByte(seg, '%') >= 0 {
			decoded, err := url.PathUnescape(seg)
			if err != nil {
				return nil
			}
			seg = decoded
		}
		s.segments = append(s.segments, seg)
	}
	return s.find(&s.mux.root, 0)
}

// allowed lists the methods that the path has.
func (s *search) allowed() string {
	slices.Sort(s.allow)
	return strings.Join(slices.Compact(s.allow), ", ")
}

func (s *search) find(n *node, i int) *route {
	if i == len(s.segments) {
		if rt := s.pick(n.routes); rt != nil {
			return rt
		}
	} else {
		if next := n.literal[s.mux.fold(s.segments[i])]; next != nil {
			if rt := s.find(next, i+1); rt != nil {
				return rt
			}
		}
		if n.wild != nil {
			s.values = append(s.values, s.segments[i])
			if rt := s.find(n.wild, i+1); rt != nil {
				return rt
			}
			s.values = s.values[:len(s.values)-1]
		}
	}
	if n.rest != nil {
		if rt := s.pick(n.rest); rt != nil {
			s.values = append(s.values, strings.Join(s.segments[i:], "/"))
			return rt
		}
	}
	return nil
}

// pick chooses by method: the same, GET for HEAD, any.
func (s *search) pick(routes map[string]*route) *route {
	if rt := routes[s.method]; rt != nil && s.method != "" {
		return rt
	}
	if s.method == http.MethodHead {
		if rt := routes[http.MethodGet]; rt != nil {
			return rt
		}
	}
	if rt := routes[""]; rt != nil {
		return rt
	}
	for method := range routes {
		s.allow = append(s.allow, method)
		if method == http.MethodGet {
			s.allow = append(s.allow, http.MethodHead)
		}
	}
	return nil
}

// split gives the non-empty segments of a pattern's path.
func split(path string) []string {
	var out []string
	for seg := range strings.SplitSeq(path, "/") {
		if seg != "" {
			out = append(out, seg)
		}
	}
	return out
}
