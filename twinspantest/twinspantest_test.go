package twinspantest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/twinspantest"
)

// post sends JSON with a bearer token and decodes the answer.
func post(t *testing.T, address, token string, in, out any) int {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatalf("%s: %v\n%s", address, err, text)
	}
	return resp.StatusCode
}

func TestAPairOfOnesOwn(t *testing.T) {
	t.Parallel()
	a, b := twinspantest.Start(t, twinspantest.Options{}), twinspantest.Start(t, twinspantest.Options{Fixture: twinspan.FixtureNewOrg})
	if a.CRM.OrgID == b.CRM.OrgID || a.Engagement.EID == b.Engagement.EID || a.CRM.URL == b.CRM.URL {
		t.Error("two tests share a pair")
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	app := a.Engagement.InstalledPackage
	status := post(t, a.Engagement.AuthURL+"v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": app.ClientID, "client_secret": app.ClientSecret}, &token)
	if status != http.StatusOK {
		t.Fatalf("token: status %d", status)
	}
	var sent struct{}
	status = post(t, a.Engagement.RESTURL+"messaging/v1/email/messages/own-1", token.AccessToken, map[string]any{
		"definitionKey": "welcome", "recipient": map[string]any{"contactKey": "k1", "to": "k1@customer.example", "attributes": map[string]string{"First Name": "Kim"}},
	}, &sent)
	if status != http.StatusAccepted {
		t.Fatalf("send: status %d", status)
	}
	if m := a.AwaitMail(t, "k1@customer.example"); m.Subject != "Welcome, Kim" || !strings.Contains(m.Text, "Kim") {
		t.Errorf("the mail: %+v", m)
	}
	a.Advance(t, 24*time.Hour)
	if status := post(t, a.Engagement.RESTURL+"messaging/v1/email/messages/own-2", token.AccessToken, map[string]any{}, &sent); status != http.StatusUnauthorized {
		t.Errorf("a token outlived a day: status %d", status)
	}
}
