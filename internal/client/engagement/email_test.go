package engagement_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// TestEmails: an email is made and listed by SOAP, and what the tenant refuses or answers wrongly is an error.
func TestEmails(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, c := newFake(t)
	s := session(t, f, c)
	var answer string
	f.mux.HandleFunc("POST /Service.asmx", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = io.WriteString(w, head+answer+tail)
	})
	const ns = ` xmlns="http://exacttarget.com/wsdl/partnerAPI"`
	answer = `<CreateResponse` + ns + `><Results><StatusCode>OK</StatusCode></Results><OverallStatus>OK</OverallStatus></CreateResponse>`
	if err := s.CreateEmail(ctx, engagement.NewEmail{Key: "autumn", Name: "Autumn", Subject: "%%First Name%% & all", Text: "leaves"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`xsi:type="Email"`, "<CustomerKey>autumn</CustomerKey>", "<Subject>%%First Name%% &amp; all</Subject>", "<TextBody>leaves</TextBody>"} {
		if !strings.Contains(f.body, want) {
			t.Errorf("the request lacks %s: %s", want, f.body)
		}
	}
	if strings.Contains(f.body, "HTMLBody") {
		t.Error("a version that there is none of was sent")
	}
	answer = `<CreateResponse` + ns + `><Results><StatusCode>Error</StatusCode><StatusMessage>There is one of that key.</StatusMessage><ErrorCode>310007</ErrorCode></Results></CreateResponse>`
	if err := s.CreateEmail(ctx, engagement.NewEmail{Key: "autumn", HTML: "x"}); fault.CodeOf(err) != client.CodeRefused {
		t.Error(err)
	}
	answer = `<RetrieveResponseMsg` + ns + `><OverallStatus>OK</OverallStatus><Results><ID>7</ID><CustomerKey>autumn</CustomerKey><Name>Autumn</Name><Subject>Leaves</Subject></Results></RetrieveResponseMsg>`
	all, err := s.Emails(ctx)
	if err != nil || len(all) != 1 || all[0] != (engagement.Email{ID: 7, Key: "autumn", Name: "Autumn", Subject: "Leaves"}) {
		t.Errorf("%+v, %v", all, err)
	}
	answer = strings.Replace(answer, "<ID>7</ID>", "<ID>seven</ID>", 1)
	if _, err := s.Emails(ctx); fault.CodeOf(err) != client.CodeProtocol {
		t.Error(err)
	}
}
