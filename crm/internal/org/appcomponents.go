package org

import (
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// minConsumerKey is how many characters a consumer key has that its maker chooses (crm-wire 5.4), maxConsumerKey how many
// it may have.
const (
	minConsumerKey = 32
	maxConsumerKey = 255
)

// SaveIn makes or changes an app by full name, as one of the works of a transaction whose owner tells the caches.
func (a *Apps) SaveIn(tx SetupTx, s Session, name string, verb Verb, c AppChange) (Saved, error) {
	if err := mayWriteApps(s); err != nil {
		return Saved{}, err
	}
	found, err := findApp(tx, s.Org, name)
	switch {
	case err != nil:
		return Saved{}, err
	case found != nil && verb == VerbCreate:
		return Saved{}, takenComponent(name, found.ID("Id"))
	case found == nil && verb == VerbUpdate:
		return Saved{}, noSuchComponent(typeConnectedApp, name)
	case found == nil:
		return a.createIn(tx, s, name, c)
	}
	access, err := a.changeIn(tx, s, found.ID("Id"), c)
	return Saved{ID: found.ID("Id"), Changed: true, Warning: access.Warning()}, err
}

func mayWriteApps(s Session) error {
	if err := MayUseMetadata(s); err != nil {
		return err
	}
	if !mayChangeApps.MetBy(s.Permissions) {
		return insufficientAccess("")
	}
	return nil
}

// findApp finds the record of an app by full name, or by its bare developer name; nil where there is none.
func findApp(tx RecordTx, org ID, name string) (Values, error) {
	o := StandardSchema().must(ObjectConnectedApplication)
	if namespace, local, ok := strings.Cut(name, "__"); ok {
		found, err := tx.Find(o, org, Values{"NamespacePrefix": namespace, "DeveloperName": local}, 1)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		return found[0], nil
	}
	found, err := tx.Find(o, org, Values{"DeveloperName": name}, maxPackageParts)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	for _, v := range found { // the org's own first
		if v.Text("NamespacePrefix") == "" {
			return v, nil
		}
	}
	return found[0], nil
}

// createIn makes an app with the defaults of a new one (crm-wire 5.4). One that is made without a consumer secret has none
// until it gets one.
func (a *Apps) createIn(tx SetupTx, s Session, name string, c AppChange) (Saved, error) {
	app := ConnectedApp{
		Org: s.Org, ID: NewID(PrefixConnectedApplication), DeveloperName: name, SecretRequiredForRefresh: true, IPRelaxation: IPEnforce,
		RefreshTokenPolicy: RefreshInfinite, Installed: true,
	}
	if err := c.mayMake(s, ""); err != nil {
		return Saved{}, err
	}
	if err := c.checkNew(tx, &app); err != nil {
		return Saved{}, err
	}
	if err := c.apply(&app); err != nil {
		return Saved{}, err
	}
	at := a.Clock.Now(string(s.Org))
	w := appWriter{tx: tx, schema: StandardSchema(), app: &app, at: at}
	if err := w.write(c); err != nil { // who carries it, and the user it runs as, which the row below needs
		return Saved{}, err
	}
	if err := tx.AddApp(app, s.User, at); err != nil {
		return Saved{}, err
	}
	return Saved{ID: app.ID, Created: true, Changed: true}, Audit(tx, s, at, "createdConnectedApp", sectionApps, "Created connected app "+app.Name)
}

// checkNew refuses an app that lacks what a new one must have, and settles its consumer key.
func (c *AppChange) checkNew(tx RecordTx, app *ConnectedApp) error {
	if namespace, _, ok := strings.Cut(app.DeveloperName, "__"); ok {
		return foreignNamespace(namespace)
	}
	if !ValidAPIName(app.DeveloperName) {
		return fault.New(fault.Invalid, CodeInvalidValue, "The fullName %s can only contain underscores and alphanumeric characters. It must be unique, begin with a letter, "+
			"not include spaces, not end with an underscore, and not contain two consecutive underscores.", clip(app.DeveloperName)).In("fullName")
	}
	var missing []string
	if c.Name == nil {
		missing = append(missing, "label")
	}
	if c.ContactEmail == nil {
		missing = append(missing, "contactEmail")
	}
	if c.CallbackURLs == nil {
		missing = append(missing, "oauthConfig.callbackUrl")
	}
	if len(missing) > 0 {
		return requiredMissing(missing)
	}
	if c.ConsumerKey == nil || *c.ConsumerKey == "" {
		app.ConsumerKey = string(appendSecret(appendSecret([]byte("3MVG9"))))
		c.ConsumerKey = nil
		return nil
	}
	app.ConsumerKey = *c.ConsumerKey
	if n := len(app.ConsumerKey); n < minConsumerKey || n > maxConsumerKey || strings.ContainsFunc(app.ConsumerKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fault.New(fault.Invalid, CodeInvalidValue, "consumerKey must have %d to %d characters, and no white space", minConsumerKey, maxConsumerKey).In("consumerKey")
	}
	taken, err := tx.Find(StandardSchema().must(ObjectConnectedApplication), "", Values{"ConsumerKey": app.ConsumerKey}, 1)
	if err == nil && len(taken) > 0 { // whose it is, is nobody's business: keys are unique on the whole server
		err = fault.New(fault.Invalid, CodeDuplicateValue, "The consumer key is already taken").In("consumerKey")
	}
	return err
}

// DeleteIn takes an app away for good, and with it who carries it, its grants and its sessions, as one of the works of a
// transaction. A package's app goes with the package.
func (a *Apps) DeleteIn(tx SetupTx, s Session, name string) (Saved, error) {
	if err := mayWriteApps(s); err != nil {
		return Saved{}, err
	}
	found, err := findApp(tx, s.Org, name)
	if err != nil {
		return Saved{}, err
	}
	if found == nil {
		return Saved{}, noSuchComponent(typeConnectedApp, name)
	}
	id := found.ID("Id")
	if found.Text("NamespacePrefix") != "" {
		return Saved{}, insufficientAccess(id)
	}
	at := a.Clock.Now(string(s.Org))
	if err := removeApp(tx, s.Org, id, at); err != nil {
		return Saved{}, err
	}
	if err := tx.EndAppSessions(s.Org, id, "", at); err != nil {
		return Saved{}, err
	}
	return Saved{ID: id, Deleted: true}, Audit(tx, s, at, "deletedConnectedApp", sectionApps, "Deleted connected app "+found.Text("Name"))
}

// removeApp takes an app away with who carries it and its grants.
func removeApp(tx RecordTx, org, app ID, at time.Time) error {
	schema := StandardSchema()
	if _, err := tx.Remove(schema.must(ObjectSetupEntityAccess), org, Values{"SetupEntityId": string(app)}); err != nil {
		return err
	}
	if _, err := tx.RevokeGrants(org, app, "", at); err != nil {
		return err
	}
	_, err := tx.Remove(schema.must(ObjectConnectedApplication), org, Values{"Id": string(app)})
	return err
}
