// Package linktest holds what tests of Connect share: the conformance suite of its store, and an org and a tenant that
// speak just enough of the real protocols, and lie on demand.
package linktest
