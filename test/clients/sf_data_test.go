package clients_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/test/spawn"
)

// TestSalesforceCLIData drives the CLI's commands for records, unmodified (clients 3.3): one by one and in bulk.
func TestSalesforceCLIData(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data", t.TempDir()}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			c := newCLI(t, readReady(t, spawn.Up(t, args...)))
			admin := c.ready.CRM.Admin.Username
			c.wantLogin(t, c.jwt(t, admin), admin)
			c.records(t, admin)
			c.inBulk(t, admin)
			c.permissionSet(t, admin)
			c.wantOutside(t)
		})
	}
}

func (c *cli) data(t *testing.T, who string, into any, args ...string) {
	t.Helper()
	c.must(t, c.sf(t, c.env(), append(args, "--target-org", who)...), into)
}

// found is what `data query` prints.
type found struct {
	TotalSize int              `json:"totalSize"`
	Records   []map[string]any `json:"records"`
}

func (c *cli) records(t *testing.T, who string) {
	var made struct{ ID string }
	c.data(t, who, &made, "data", "create", "record", "--sobject", "Contact", "--values", "LastName='By the CLI' Title=First")
	c.data(t, who, &struct{}{}, "data", "update", "record", "--sobject", "Contact", "--record-id", made.ID, "--values", "Title=Second")
	var read map[string]any
	c.data(t, who, &read, "data", "get", "record", "--sobject", "Contact", "--record-id", made.ID)
	if read["LastName"] != "By the CLI" || read["Title"] != "Second" {
		t.Errorf("data get record: %v", read)
	}
	var rows found
	c.data(t, who, &rows, "data", "query", "--query", "SELECT Id, Title, Owner.Name FROM Contact WHERE LastName = 'By the CLI'")
	if rows.TotalSize != 1 || rows.Records[0]["Title"] != "Second" {
		t.Errorf("data query: %+v", rows)
	}
	c.data(t, who, &struct{}{}, "data", "delete", "record", "--sobject", "Contact", "--record-id", made.ID)
	c.data(t, who, &rows, "data", "query", "--query", "SELECT Id FROM Contact WHERE LastName = 'By the CLI'")
	if rows.TotalSize != 0 {
		t.Errorf("after deleting: %+v", rows)
	}
	var described struct {
		Name      string
		KeyPrefix string
	}
	c.data(t, who, &described, "sobject", "describe", "--sobject", "Contact")
	if described.Name != "Contact" || described.KeyPrefix != "003" {
		t.Errorf("sobject describe: %+v", described)
	}
}

func (c *cli) inBulk(t *testing.T, who string) {
	in, out := filepath.Join(c.home, "in.csv"), filepath.Join(c.home, "out.csv")
	var text strings.Builder
	text.WriteString("LastName,Title\n")
	for range 300 {
		text.WriteString("CLI,bulk\n")
	}
	write(t, in, text.String(), 0o600)
	var loaded struct {
		JobID            string `json:"jobId"`
		ProcessedRecords int    `json:"processedRecords"`
		SuccessfulRows   int    `json:"successfulRecords"`
		FailedRecords    int    `json:"failedRecords"`
	}
	c.data(t, who, &loaded, "data", "import", "bulk", "--sobject", "Contact", "--file", in, "--line-ending", "LF", "--wait", "3")
	if loaded.ProcessedRecords != 300 || loaded.SuccessfulRows != 300 || loaded.FailedRecords != 0 || !strings.HasPrefix(loaded.JobID, "750") {
		t.Errorf("data import bulk: %+v", loaded)
	}
	c.data(t, who, &struct{}{}, "data", "export", "bulk", "--query", "SELECT LastName, Title FROM Contact WHERE Title = 'bulk'", "--output-file", out, "--result-format", "csv", "--wait", "3")
	got, err := os.ReadFile(out)
	if err != nil || strings.Count(string(got), "CLI") != 300 {
		t.Errorf("data export bulk: %d bytes, %v", len(got), err)
	}
}

func (c *cli) permissionSet(t *testing.T, who string) {
	c.data(t, who, &struct{}{}, "data", "create", "record", "--sobject", "PermissionSet", "--values", "Label='CLI Set' Name=CLI_Set")
	c.data(t, who, &struct{}{}, "org", "assign", "permset", "--name", "CLI_Set")
	var rows found
	c.data(t, who, &rows, "data", "query", "--query", "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Name = 'CLI_Set' AND Assignee.Username = '"+who+"'")
	if rows.TotalSize != 1 {
		t.Errorf("org assign permset: %+v", rows)
	}
}
