// Command gosalesforce drives github.com/k-capehart/go-salesforce, unmodified, against an org (crm-wire 7.4, clients
// 3.6). It is a module of its own so that the library stays out of Twinspan's. It prints a line for each step and ends
// with 1 where one fails.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	salesforce "github.com/k-capehart/go-salesforce/v3"
)

// login is what a ready file says of a user.
type login struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	SecurityToken string `json:"security_token"`
}

// readyFile is what we need of the ready file.
type readyFile struct {
	CRM struct {
		URL   string `json:"url"`
		Admin login  `json:"admin"`
		Users []login
		Apps  map[string]struct {
			ClientID       string `json:"client_id"`
			ClientSecret   string `json:"client_secret"`
			PrivateKeyFile string `json:"private_key_file"`
		} `json:"connected_apps"`
	} `json:"crm"`
}

// contact is a record as users of the library read one; person is one to write, and record one to change.
type contact struct{ Id, LastName, Title string }

type person struct{ LastName, Title string }

type record = map[string]any

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "not ok:", err)
		os.Exit(1)
	}
}

func run() error {
	text, err := os.ReadFile(os.Getenv("TWINSPAN_READY_FILE"))
	if err != nil {
		return err
	}
	var ready readyFile
	if err := json.Unmarshal(text, &ready); err != nil {
		return err
	}
	app := ready.CRM.Apps["Integration Test"]
	key, err := os.ReadFile(app.PrivateKeyFile)
	if err != nil {
		return err
	}
	who := ready.CRM.Users[0]
	var sf *salesforce.Salesforce
	for _, c := range []struct {
		name  string
		creds salesforce.Creds
	}{
		{"client credentials", salesforce.Creds{ConsumerKey: app.ClientID, ConsumerSecret: app.ClientSecret}},
		{"JWT bearer", salesforce.Creds{ConsumerKey: app.ClientID, ConsumerRSAPem: string(key), Username: who.Username}},
		{"user name and password", salesforce.Creds{
			ConsumerKey: app.ClientID, ConsumerSecret: app.ClientSecret, Username: who.Username, Password: who.Password, SecurityToken: who.SecurityToken,
		}},
	} {
		c.creds.Domain = ready.CRM.URL
		if sf, err = salesforce.Init(c.creds, salesforce.WithCompressionHeaders(true)); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Println("ok: " + c.name)
	}
	for _, step := range []struct {
		name string
		do   func(*salesforce.Salesforce) error
	}{
		{"one record", one}, {"collections", collections}, {"composite", composite}, {"bulk", bulk},
	} {
		if err := step.do(sf); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Println("ok: " + step.name)
	}
	return nil
}

func want(what string, good bool) error {
	if good {
		return nil
	}
	return errors.New(what)
}

func one(sf *salesforce.Salesforce) error {
	made, err := sf.InsertOne("Contact", person{LastName: "One"})
	if err != nil || !made.Success {
		return fmt.Errorf("%+v, %w", made, err)
	}
	if err := sf.UpdateOne("Contact", record{"Id": made.Id, "Title": "Changed"}); err != nil {
		return err
	}
	var found []contact
	if err := sf.Query("SELECT Id, LastName, Title FROM Contact WHERE Id = '"+made.Id+"'", &found); err != nil {
		return err
	}
	if err := want(fmt.Sprintf("found %+v", found), len(found) == 1 && found[0].Title == "Changed"); err != nil {
		return err
	}
	if err := sf.DeleteOne("Contact", record{"Id": made.Id}); err != nil {
		return err
	}
	_, err = sf.InsertOne("Contact", person{Title: "Nameless"})
	return want(fmt.Sprintf("a refusal: %v", err), err != nil && strings.Contains(err.Error(), "REQUIRED_FIELD_MISSING"))
}

func people(n int, title string) []person {
	list := make([]person, n)
	for i := range list {
		list[i] = person{LastName: fmt.Sprintf("Person %d", i), Title: title}
	}
	return list
}

func ids(r salesforce.SalesforceResults) []record {
	list := make([]record, len(r.Results))
	for i, one := range r.Results {
		list[i] = record{"Id": one.Id}
	}
	return list
}

func collections(sf *salesforce.Salesforce) error {
	list := people(450, "collection")
	list[5].LastName = ""
	made, err := sf.InsertCollection("Contact", list, 200)
	if err != nil {
		return err
	}
	if err := want("one of 450 fails", made.HasSalesforceErrors && len(made.Results) == 450 && !made.Results[5].Success && made.Results[6].Success); err != nil {
		return err
	}
	good := append(ids(made)[:5], ids(made)[6:]...)
	for i := range good {
		good[i]["Title"] = "changed"
	}
	if r, err := sf.UpdateCollection("Contact", good, 200); err != nil || r.HasSalesforceErrors {
		return fmt.Errorf("%+v, %w", r, err)
	}
	r, err := sf.DeleteCollection("Contact", good[:150], 100)
	if err != nil {
		return err
	}
	return want(fmt.Sprintf("deleting: %+v", r), !r.HasSalesforceErrors)
}

func composite(sf *salesforce.Salesforce) error {
	made, err := sf.InsertComposite("Contact", people(300, "composite"), 150, true)
	if err != nil || made.HasSalesforceErrors || len(made.Results) != 300 {
		return fmt.Errorf("%d results, %w", len(made.Results), err)
	}
	list := ids(made)
	for i := range list {
		list[i]["Title"] = "changed"
	}
	if r, err := sf.UpdateComposite("Contact", list, 150, true); err != nil || r.HasSalesforceErrors {
		return fmt.Errorf("%+v, %w", r, err)
	}
	r, err := sf.DeleteComposite("Contact", list, 150, true)
	if err != nil {
		return err
	}
	return want(fmt.Sprintf("deleting: %+v", r), !r.HasSalesforceErrors)
}

func bulk(sf *salesforce.Salesforce) error {
	jobs, err := sf.InsertBulk("Contact", people(2500, "bulk"), 10000, true) // of several jobs the library awaits one
	if err != nil || len(jobs) != 1 {
		return fmt.Errorf("%v, %w", jobs, err)
	}
	for _, id := range jobs {
		r, err := sf.GetJobResults(id)
		if err != nil || r.State != "JobComplete" || r.NumberRecordsFailed != 0 {
			return fmt.Errorf("%+v, %w", r, err)
		}
	}
	it, err := sf.QueryBulkIterator("SELECT Id, LastName, Title FROM Contact WHERE Title = 'bulk'")
	if err != nil {
		return err
	}
	found := 0
	for it.Next() {
		var page []contact
		if err := it.Decode(&page); err != nil {
			return err
		}
		found += len(page)
	}
	if err := want(fmt.Sprintf("%d of 2500 rows", found), it.Error() == nil && found == 2500); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gosalesforce")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "export.csv")
	if err := sf.QueryBulkExport("SELECT Id FROM Contact WHERE Title = 'bulk'", file); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := want("the export", strings.Count(string(text), "\n") == 2501); err != nil {
		return err
	}
	if jobs, err = sf.DeleteBulkFile("Contact", file, 10000, true); err != nil {
		return err
	}
	var left []contact
	if err := sf.Query("SELECT Id FROM Contact WHERE Title = 'bulk'", &left); err != nil {
		return err
	}
	return want(fmt.Sprintf("%d are left", len(left)), len(left) == 0)
}
