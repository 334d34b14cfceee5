package twinspan_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// bulkClient speaks the Bulk API 2.0 as its documents have it.
type bulkClient struct {
	base, token string // base ends in the version
}

func bulkOf(t *testing.T, r twinspan.Ready) bulkClient {
	t.Helper()
	c, err := crm.New(crm.Options{BaseURL: r.CRM.URL})
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.Login(bounded(t), r.CRM.Admin.Username, vault.Secret(r.CRM.Admin.Password+r.CRM.Admin.SecurityToken))
	if err != nil {
		t.Fatal(err)
	}
	return bulkClient{r.CRM.URL + "/services/data/v65.0", token.AccessToken.Reveal()}
}

// do sends a request and hands its answer to read; an error is one of the connection.
func (b bulkClient) do(ctx context.Context, method, path, kind string, body io.Reader, read func(*http.Response) error) error {
	req, err := http.NewRequestWithContext(ctx, method, b.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	req.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	return read(res)
}

// job sends JSON and reads a job.
func (b bulkClient) job(ctx context.Context, method, path, body string) (j struct {
	ID, State              string
	NumberRecordsProcessed int
	NumberRecordsFailed    int
	ErrorMessage           string
}, err error,
) {
	err = b.do(ctx, method, path, "application/json", strings.NewReader(body), func(res *http.Response) error {
		text, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, text)
		}
		return json.Unmarshal(text, &j)
	})
	return j, err
}

// start makes a job, uploads and closes it.
func (b bulkClient) start(t *testing.T, job string, content io.Reader) string {
	t.Helper()
	ctx := bounded(t)
	j, err := b.job(ctx, "POST", "/jobs/ingest", job)
	if err != nil {
		t.Fatal(err)
	}
	path := "/jobs/ingest/" + j.ID
	if err := b.do(ctx, "PUT", path+"/batches", "text/csv", content, func(res *http.Response) error {
		if res.StatusCode != http.StatusCreated {
			return fmt.Errorf("uploading: %s", res.Status)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.job(ctx, "PATCH", path, `{"state":"UploadComplete"}`); err != nil {
		t.Fatal(err)
	}
	return path
}

// A process that is killed again and again in the middle of a load comes to its end with every row applied once, and
// with one line in the results for each.
func TestKillInTheMiddleOfALoad(t *testing.T) {
	t.Parallel()
	const rows = 3000
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data", t.TempDir(), "--log-level", "error"}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			var text bytes.Buffer
			text.WriteString("LastName,Title,FirstName\n")
			for i := range rows {
				last := "Loaded"
				if i%100 == 50 {
					last = "" // fails
				}
				fmt.Fprintf(&text, "%s,row %d,F\n", last, i)
			}
			server := spawn.Up(t, args...)
			r, err := twinspan.ReadReady(server.ReadyFile)
			if err != nil {
				t.Fatal(err)
			}
			path := bulkOf(t, r).start(t, `{"object":"Contact","operation":"insert"}`, &text)
			killed := 0
			for {
				b := bulkOf(t, r)
				wait := make(<-chan time.Time)
				if killed < kills {
					wait = time.After(time.Duration(30+rand.IntN(400)) * time.Millisecond) // the moment of the kill
				}
				ended := false
				for killing := false; !killing && !ended; {
					j, err := b.job(bounded(t), "GET", path, "")
					if err != nil {
						t.Fatal(err)
					}
					ended = j.State != "UploadComplete" && j.State != "InProgress"
					select {
					case <-wait:
						killing = true
					default:
					}
				}
				if ended {
					break
				}
				server.Kill(t)
				killed++
				server = spawn.Up(t, args...)
				if r, err = twinspan.ReadReady(server.ReadyFile); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("killed %d times", killed)
			if killed == 0 {
				t.Error("the load was over before it was killed: nothing was tested")
			}
			b := bulkOf(t, r)
			j, err := b.job(bounded(t), "GET", path, "")
			if err != nil || j.State != "JobComplete" || j.NumberRecordsProcessed != rows || j.NumberRecordsFailed != rows/100 {
				t.Errorf("%+v, %v", j, err)
			}
			seen := map[string]bool{}
			for _, which := range []string{"successfulResults", "failedResults"} {
				for _, row := range b.table(t, path+"/"+which) {
					if title := row[3]; seen[title] {
						t.Errorf("%s comes twice in the results", title)
					} else {
						seen[title] = true
					}
				}
			}
			if len(seen) != rows {
				t.Errorf("%d of %d rows are in the results", len(seen), rows)
			}
			records, err := signIn(t, r, r.CRM.Admin).Query(bounded(t), "SELECT Title, COUNT(Id) n FROM Contact WHERE LastName = 'Loaded' GROUP BY Title HAVING COUNT(Id) > 1")
			if err != nil || len(records) != 0 {
				t.Errorf("rows that were applied more than once: %v, %v", records, err)
			}
			records, err = signIn(t, r, r.CRM.Admin).Query(bounded(t), "SELECT COUNT(Id) n FROM Contact WHERE LastName = 'Loaded'")
			if err != nil || fmt.Sprint(records[0]["n"]) != strconv.Itoa(rows-rows/100) {
				t.Errorf("%v rows are applied, %v", records, err)
			}
		})
	}
}

// table reads a result.
func (b bulkClient) table(t *testing.T, path string) (rows [][]string) {
	t.Helper()
	err := b.do(bounded(t), "GET", path, "", nil, func(res *http.Response) error {
		all, err := csv.NewReader(res.Body).ReadAll()
		if err == nil && len(all) > 0 {
			rows = all[1:]
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// An upload, the work on it and the way back of its results cost the server little memory, however long they are. CI
// has a shorter one; `make soak` has the hundred megabytes.
func TestUploadsStayOutOfMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("resident memory is read from /proc")
	}
	megabytes := 48
	if text := os.Getenv("TWINSPAN_TEST_UPLOAD_MB"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		megabytes = n
	}
	const most = 40 << 20
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			args := []string{"--data", t.TempDir(), "--log-level", "error"}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			server := spawn.Up(t, args...)
			r, err := twinspan.ReadReady(server.ReadyFile)
			if err != nil {
				t.Fatal(err)
			}
			b := bulkOf(t, r)
			load := func(megabytes int) {
				t.Helper()
				path := b.start(t, `{"object":"Contact","operation":"insert"}`, &letters{rows: megabytes << 20 / letterLength})
				for {
					j, err := b.job(bounded(t), "GET", path, "")
					if err != nil || j.State == "Failed" {
						t.Fatalf("%+v, %v", j, err)
					}
					if j.State == "JobComplete" {
						break
					}
				}
				var back int64
				err := b.do(bounded(t), "GET", path+"/successfulResults", "", nil, func(res *http.Response) (err error) {
					back, err = io.Copy(io.Discard, res.Body)
					return err
				})
				if err != nil || back < int64(megabytes)<<20 {
					t.Fatalf("%d bytes of results, %v", back, err)
				}
			}
			load(4) // what is only there after a first use
			status := fmt.Sprintf("/proc/%d/status", server.PID())
			before := memory(t, status, "VmRSS")
			if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", server.PID()), []byte("5"), 0); err != nil { // forgets the peak
				t.Fatal(err)
			}
			load(megabytes)
			peak := memory(t, status, "VmHWM")
			t.Logf("%d MB: %d MB resident before, %d MB at most", megabytes, before>>20, peak>>20)
			if peak-before > most {
				t.Errorf("a load of %d MB raises resident memory by %d MB", megabytes, (peak-before)>>20)
			}
		})
	}
}

// memory reads a line of /proc/PID/status, in bytes.
func memory(t *testing.T, file, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), name+":")
	var kilobytes int64
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		t.Fatalf("%s in %s: %v", name, file, err)
	}
	return kilobytes << 10
}

// letters is CSV of contacts with long descriptions, made as it is read.
type letters struct {
	rows int
	left []byte
	head bool
}

const letterLength = 32_000

func (l *letters) Read(p []byte) (int, error) {
	if len(l.left) == 0 {
		switch {
		case !l.head:
			l.head, l.left = true, []byte("LastName,Description\n")
		case l.rows > 0:
			l.rows--
			l.left = append([]byte("Long,"), append(bytes.Repeat([]byte{'x'}, letterLength-6), '\n')...)
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, l.left)
	l.left = l.left[n:]
	return n, nil
}
