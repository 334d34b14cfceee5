package crm

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/soap"
)

// ConnectedApp is a connected app as the Metadata API gives it (crm-wire 5.4). Change the policies of one that was read
// and hand it to UpdateConnectedApp: what has no field here is sent back as it was read, because an update replaces the
// whole component.
type ConnectedApp struct {
	FullName     string // with the namespace prefix of a packaged app
	Label        string
	ConsumerKey  string
	CallbackURLs []string
	Scopes       []string // the Metadata API's words: "Api", "RefreshToken"
	Certificate  string   // X.509 with which assertions are verified, in PEM; "" where there is none, or it is not told

	// Policies, which an update writes.
	AdminApproved      bool     // Permitted Users: admin approved users are pre-authorized
	IPRelaxation       string   // "ENFORCE", "BYPASS", "BYPASS_2FACTOR", "ENFORCE_RELAXREFRESH"
	RefreshTokenPolicy string   // "infinite", "zero", "specific_lifetime:N:DAYS" …
	PermissionSets     []string // API names of the permission sets that carry the app

	tree *soap.Element
}

// maxComponents is the Metadata API's limit of one readMetadata or updateMetadata call.
const maxComponents = 10

// ReadConnectedApps reads connected apps by full name. One that does not exist is left out.
func (s *Session) ReadConnectedApps(ctx context.Context, fullNames ...string) ([]ConnectedApp, error) {
	if len(fullNames) > maxComponents {
		return nil, s.c.call.Refusal(http.StatusBadRequest, "LIMIT_EXCEEDED", "at most 10 components a call")
	}
	op, err := s.metadata(ctx, "readMetadata", func(w *soap.Writer) {
		w.Text("type", "ConnectedApp")
		for _, name := range fullNames {
			w.Text("fullNames", name)
		}
	})
	if err != nil {
		return nil, err
	}
	var apps []ConnectedApp
	for _, e := range op.Find("result").All("records") {
		if name := e.Value("fullName"); name != "" && !e.Nil() {
			apps = append(apps, readApp(e))
		}
	}
	return apps, nil
}

func readApp(e *soap.Element) ConnectedApp {
	a := ConnectedApp{
		FullName: e.Value("fullName"), Label: e.Value("label"), tree: e,
		ConsumerKey: e.Value("oauthConfig", "consumerKey"), CallbackURLs: strings.Fields(e.Value("oauthConfig", "callbackUrl")),
		AdminApproved: e.Value("oauthConfig", "isAdminApproved") == "true",
		IPRelaxation:  e.Value("oauthPolicy", "ipRelaxation"), RefreshTokenPolicy: e.Value("oauthPolicy", "refreshTokenPolicy"), Certificate: e.Value("oauthConfig", "certificate"),
	}
	for _, sc := range e.Find("oauthConfig").All("scopes") {
		a.Scopes = append(a.Scopes, strings.TrimSpace(sc.Text))
	}
	for _, ps := range e.All("permissionSetName") {
		a.PermissionSets = append(a.PermissionSets, strings.TrimSpace(ps.Text))
	}
	return a
}

// UpdateConnectedApp writes the policies of an app that was read. A refused component is a Denied fault with the
// metadata error's code and text.
func (s *Session) UpdateConnectedApp(ctx context.Context, a ConnectedApp) error {
	if a.tree == nil {
		return s.c.call.Refusal(http.StatusBadRequest, "NOT_READ", "read the connected app before updating it")
	}
	return s.updateMetadata(ctx, "ConnectedApp", a.written())
}

// updateMetadata writes a component in place of the one there is.
func (s *Session) updateMetadata(ctx context.Context, kind string, tree *soap.Element) error {
	return s.saved(s.metadata(ctx, "updateMetadata", func(w *soap.Writer) {
		w.Open("metadata", "xsi:type", kind)
		for _, c := range tree.Children {
			w.Element(c, tree.Space)
		}
		w.Close()
	}))
}

// written is the tree as read with the policies of the fields.
func (a ConnectedApp) written() *soap.Element {
	root := clone(a.tree)
	root.Children = slices.DeleteFunc(root.Children, func(e *soap.Element) bool { return e.Local == "permissionSetName" })
	for _, name := range a.PermissionSets {
		insert(root, &soap.Element{Space: root.Space, Local: "permissionSetName", Text: name})
	}
	approved := "false"
	if a.AdminApproved {
		approved = "true"
	}
	set(root, approved, "oauthConfig", "isAdminApproved")
	set(root, a.IPRelaxation, "oauthPolicy", "ipRelaxation")
	set(root, a.RefreshTokenPolicy, "oauthPolicy", "refreshTokenPolicy")
	return root
}

func clone(e *soap.Element) *soap.Element {
	c := *e
	c.Children = make([]*soap.Element, len(e.Children))
	for i, child := range e.Children {
		c.Children[i] = clone(child)
	}
	return &c
}

// set gives the element at the path a text, making the elements that are missing.
func set(e *soap.Element, text string, path ...string) {
	for _, local := range path {
		next := e.Find(local)
		if next == nil {
			next = &soap.Element{Space: e.Space, Local: local}
			insert(e, next)
		}
		e = next
	}
	e.Text = text
}

// insert puts a child where the Metadata API's schema has it: fullName first, the rest in alphabetical order.
func insert(parent, child *soap.Element) {
	at := len(parent.Children)
	for i, c := range parent.Children {
		if c.Local != "fullName" && c.Local > child.Local {
			at = i
			break
		}
	}
	parent.Children = slices.Insert(parent.Children, at, child)
}

func (s *Session) metadata(ctx context.Context, operation string, body func(*soap.Writer)) (*soap.Element, error) {
	w := soap.NewWriter(soap.Style{Prefix: "soapenv", Attrs: []string{"xmlns:xsi", soap.NamespaceXSI}})
	w.OpenHeader()
	w.Open("SessionHeader", "xmlns", metadataSpace)
	w.Text("sessionId", s.token.Reveal())
	w.Close()
	w.Close()
	w.OpenBody()
	w.Open(operation, "xmlns", metadataSpace)
	body(w)
	envelope, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	return s.c.call.SOAP(ctx, s.instance+"/services/Soap/m/"+s.c.version, operation, envelope, s.token.Reveal(), invalidSession)
}
