package crm

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/vault"
)

// AppSettings are the OAuth settings of a connected app; what is nil or empty stays as it is.
type AppSettings struct {
	Label, ContactEmail string
	Description         *string
	StartURL            *string
	CallbackURLs        []string
	Scopes              []string     // OAuth names: "api", "refresh_token"
	Certificate         *string      // PEM; "" takes it away
	Secret              vault.Secret // the new consumer secret
	IPRanges            *[]IPRange   // allow-listed; they replace the whole list
	RunAs               *string      // user name for the client credentials flow; "" for none
	// Switches are on or off by their names in the Metadata API: "isPkceRequired".
	Switches map[string]bool
}

// scopeWords are the Metadata API's words for OAuth scopes (crm-wire 5.4).
var scopeWords = map[string]string{
	"id": "Basic", "api": "Api", "web": "Web", "full": "Full", "chatter_api": "Chatter", "visualforce": "CustomApplications", "refresh_token": "RefreshToken",
	"openid": "OpenID", "profile": "Profile", "email": "Email", "address": "Address", "phone": "Phone", "offline_access": "OfflineAccess",
	"custom_permissions": "CustomPermissions", "wave_api": "Wave", "eclair_api": "Eclair", "pardot_api": "Pardot", "lightning": "Lightning", "content": "Content",
}

// AppScopes are the OAuth names of the scopes that an app can have.
func AppScopes() []string { return slices.Sorted(maps.Keys(scopeWords)) }

// CreateApp makes a connected app under an API name. The org makes its consumer key.
func (s *Session) CreateApp(ctx context.Context, name string, a AppSettings) error {
	return s.putApp(ctx, "createMetadata", name, a)
}

// SetApp changes the settings of a connected app that are given.
func (s *Session) SetApp(ctx context.Context, name string, a AppSettings) error {
	return s.putApp(ctx, "updateMetadata", name, a)
}

// DeleteApp deletes one of the org's own connected apps; its tokens end.
func (s *Session) DeleteApp(ctx context.Context, name string) error {
	return s.DeleteComponent(ctx, "ConnectedApp", name)
}

func (s *Session) putApp(ctx context.Context, operation, name string, a AppSettings) error {
	for _, scope := range a.Scopes {
		if scopeWords[scope] == "" {
			return fault.New(fault.Invalid, client.CodeRefused, "%q is no scope; there are %s", scope, strings.Join(AppScopes(), ", "))
		}
	}
	return s.saved(s.metadata(ctx, operation, func(w *soap.Writer) {
		w.Open("metadata", "xsi:type", "ConnectedApp")
		w.Text("fullName", name)
		given(w, "contactEmail", a.ContactEmail)
		if a.Description != nil {
			w.Text("description", *a.Description)
		}
		if a.IPRanges != nil {
			writeRanges(w, *a.IPRanges)
		}
		given(w, "label", a.Label)
		writeConfig(w, a)
		if a.StartURL != nil {
			w.Text("startUrl", *a.StartURL)
		}
		w.Close()
	}))
}

func given(w *soap.Writer, name, v string) {
	if v != "" {
		w.Text(name, v)
	}
}

// writeRanges writes the ranges of an app; an empty element takes all away.
func writeRanges(w *soap.Writer, ranges []IPRange) {
	if len(ranges) == 0 {
		w.Text("ipRanges", "")
	}
	for _, r := range ranges {
		w.Open("ipRanges")
		w.Text("end", r.End)
		w.Text("start", r.Start)
		w.Close()
	}
}

func writeConfig(w *soap.Writer, a AppSettings) {
	w.Open("oauthConfig")
	given(w, "callbackUrl", strings.Join(a.CallbackURLs, "\n"))
	if a.Certificate != nil {
		w.Text("certificate", *a.Certificate)
	}
	given(w, "consumerSecret", a.Secret.Reveal())
	for _, name := range slices.Sorted(maps.Keys(a.Switches)) {
		w.Text(name, strconv.FormatBool(a.Switches[name]))
	}
	if a.RunAs != nil {
		w.Text("oauthClientCredentialUser", *a.RunAs)
	}
	for _, scope := range a.Scopes {
		w.Text("scopes", scopeWords[scope])
	}
	w.Close()
}
