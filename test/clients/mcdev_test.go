package clients_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/test/spawn"
)

// TestMcdev drives mcdev, unmodified: a project is initialised with credentials for the tenant, and what people keep in git is
// retrieved (engagement-wire 7, clients 3.8). It has a home of its own, and its npm reaches no registry: that the
// project's linters are then not installed it tolerates.
func TestMcdev(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not on the PATH: mcdev needs Node 20 or newer")
	}
	run, err := filepath.Abs("mcdev/node_modules/mcdev/lib/cli.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(run); err != nil {
		t.Fatal("mcdev is not installed: run make clients")
	}
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data", t.TempDir()}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			m := mcdev{node: node, run: run, home: t.TempDir(), project: t.TempDir(), ready: readReady(t, spawn.Up(t, args...))}
			m.customers(t)
			m.init(t)
			m.retrieve(t)
		})
	}
}

type mcdev struct {
	node, run, home, project string
	ready                    twinspan.Ready
}

// call runs one command in the project and returns what it printed.
func (m mcdev) call(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cliTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.node, append([]string{m.run}, args...)...)
	cmd.Dir, cmd.WaitDelay = m.project, 5*time.Second
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + m.home, "XDG_CONFIG_HOME=" + filepath.Join(m.home, ".config"), "NO_COLOR=1", "CI=true",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@example.com",
		"npm_config_offline=true", "npm_config_fetch_retries=0", "npm_config_ignore_scripts=true", "npm_config_update_notifier=false",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("mcdev %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// init makes the project. mcdev wants the real host's name somewhere in auth_url; a fragment satisfies it and never
// reaches the wire (engagement-wire 1).
func (m mcdev) init(t *testing.T) {
	t.Helper()
	identity := "[user]\n\tname = Test\n\temail = test@example.com\n"
	if err := os.WriteFile(filepath.Join(m.home, ".gitconfig"), []byte(identity), 0o600); err != nil {
		t.Fatal(err)
	}
	e := m.ready.Engagement
	out := m.call(
		t, "init", "--skipInteraction.client_id="+e.InstalledPackage.ClientID, "--skipInteraction.client_secret="+e.InstalledPackage.ClientSecret,
		"--skipInteraction.auth_url="+strings.TrimSuffix(e.AuthURL, "/")+"/v2/token#https://"+e.Subdomain+".auth.marketingcloudapis.com/",
		"--skipInteraction.account_id="+strconv.FormatInt(e.EID, 10), "--skipInteraction.credentialName=twinspan", "--skipInteraction.downloadBUs=false",
	)
	config, err := os.ReadFile(filepath.Join(m.project, ".mcdevrc.json"))
	if err != nil || !strings.Contains(string(config), strconv.FormatInt(e.EID, 10)) || !strings.Contains(string(config), `"_ParentBU_"`) {
		t.Fatalf("no project: %v\n%s\n%s", err, config, out)
	}
}

// customers makes a data extension and an email send definition, so that there are some to download.
func (m mcdev) customers(t *testing.T) {
	t.Helper()
	e := m.ready.Engagement
	post := func(url, media, action, body string) []byte {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", media)
		r.Header.Set("SOAPAction", action)
		res, err := (&http.Client{Timeout: time.Minute}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s %v", url, res.StatusCode, text, err)
		}
		return text
	}
	var token struct {
		Token string `json:"access_token"`
	}
	text := post(e.AuthURL+"v2/token", "application/json", "", `{"grant_type":"client_credentials","client_id":"`+e.InstalledPackage.ClientID+`","client_secret":"`+e.InstalledPackage.ClientSecret+`"}`)
	if err := json.Unmarshal(text, &token); err != nil {
		t.Fatal(err)
	}
	made := post(e.SOAPURL+"Service.asmx", "text/xml", "Create", `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Header><fueloauth>`+token.Token+`</fueloauth></Header><Body>
		<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="DataExtension"><CustomerKey>Customers</CustomerKey><Name>Customers</Name><Fields>
		<Field><Name>Key</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>Since</Name><FieldType>Date</FieldType></Field></Fields></Objects></CreateRequest></Body></Envelope>`)
	if !strings.Contains(string(made), "Data Extension created.") {
		t.Fatalf("no data extension: %s", made)
	}
	made = post(e.SOAPURL+"Service.asmx", "text/xml", "Create", `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Header><fueloauth>`+token.Token+`</fueloauth></Header><Body>
		<CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI"><Objects xsi:type="EmailSendDefinition"><CustomerKey>news</CustomerKey><Name>News</Name><Description>To all</Description><Email><CustomerKey>welcome-email</CustomerKey></Email>
		<SendDefinitionList><List><ID>`+strconv.FormatInt(e.EID, 10)+`</ID></List><DataSourceTypeID>List</DataSourceTypeID></SendDefinitionList></Objects></CreateRequest></Body></Envelope>`)
	if !strings.Contains(string(made), "EmailSendDefinition created") {
		t.Fatalf("no email send definition: %s", made)
	}
}

// retrieve downloads what users, access and data are described by, without one error.
func (m mcdev) retrieve(t *testing.T) {
	t.Helper()
	out := m.call(t, "retrieve", "twinspan/_ParentBU_", "role,user,folder,dataExtension,dataExtensionTemplate,list,senderProfile,sendClassification,email,triggeredSend,emailSend,domainVerification,asset", "--skipInteraction")
	for line := range strings.Lines(out) {
		if strings.Contains(line, "error") || strings.Contains(line, "failed") {
			t.Errorf("mcdev retrieve: %s", line)
		}
	}
	for _, file := range []string{
		"role/SYS_DEF_ADMIN.role-meta.json", "user/" + m.ready.Engagement.APIUser.Username + ".user-meta.json", "folder/Data Extensions.folder-meta.json",
		"list/All Subscribers.list-meta.json", "email/welcome-email.email-meta.json", "triggeredSend/welcome.triggeredSend-meta.json", "emailSend/news.emailSend-meta.json",
		"dataExtension/Customers.dataExtension-meta.json", "senderProfile/Default.senderProfile-meta.json", "sendClassification/Default Transactional.sendClassification-meta.json",
	} {
		if _, err := os.Stat(filepath.Join(m.project, "retrieve", "twinspan", "_ParentBU_", file)); err != nil {
			t.Errorf("not retrieved: %v", err)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
