// Command load measures Twinspan's two hottest requests beside their floors, the JWT bearer grant and an authenticated
// REST read, sending beside a bare SMTP client, and the migration of users beside a loop that only exchanges their assertions. Both servers run as processes of their own, taking turns in one run, so that the machine's
// moods hit both; assertions are signed before the clock starts; CPU is what the kernel charged to the server, not to
// this client.
//
//	go run ./test/load [-only requests|migration] [-seconds 4] [-rounds 3] [-connections 32] [-users 10000,100000] [-json]
//
// It exits 1 where the grant costs more CPU than -max-ratio times its floor, and where the migration is slower or takes more
// memory than migration.go says. TWINSPAN_TEST_POSTGRES is a PostgreSQL server to migrate on, TWINSPAN_BENCH_USERS the default
// of -users.
package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type options struct {
	seconds, connections, rounds int
	mails                        int
	maxRatio                     float64
	json                         bool
	only                         string
	users                        []int  // sizes of migrations
	postgres                     string // URL of a server; "" for none
}

func main() {
	var o options
	flag.IntVar(&o.seconds, "seconds", 4, "seconds of each pass")
	flag.IntVar(&o.rounds, "rounds", 3, "passes of each server, in turn")
	flag.IntVar(&o.connections, "connections", 32, "keep-alive connections, each with one request under way")
	flag.IntVar(&o.mails, "mails", 5000, "messages sent to measure sending")
	flag.Float64Var(&o.maxRatio, "max-ratio", 2.5, "most CPU that a grant may cost, as a multiple of its floor's")
	flag.BoolVar(&o.json, "json", false, "print JSON")
	flag.StringVar(&o.only, "only", "", "requests, or migration; both where it is not given")
	users := flag.String("users", cmp.Or(os.Getenv("TWINSPAN_BENCH_USERS"), "10000,100000"), "numbers of users to migrate")
	flag.Parse()
	o.postgres = os.Getenv("TWINSPAN_TEST_POSTGRES")
	var err error
	if o.users, err = sizes(*users); err == nil {
		err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// ready is what we need of the ready file.
type ready struct {
	CRM struct {
		URL           string `json:"url"`
		Users         []struct{ Username string }
		ConnectedApps map[string]struct {
			ClientID       string `json:"client_id"`
			PrivateKeyFile string `json:"private_key_file"`
		} `json:"connected_apps"`
	} `json:"crm"`
	Engagement struct {
		AuthURL          string `json:"auth_url"`
		RESTURL          string `json:"rest_url"`
		InstalledPackage struct {
			ClientID     string `json:"client_id"`
			ClientSecret string `json:"client_secret"`
		} `json:"installed_package"`
	} `json:"engagement"`
}

func run(o options) error {
	dir, err := os.MkdirTemp("", "twinspan-load")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, pkg := range map[string]string{
		"twinspan": "./cmd/twinspan", "floor": "./test/load/floor", "mailfloor": "./test/load/mailfloor", "house": "./test/load/house", "migrationfloor": "./connect/internal/floor",
	} {
		cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, name), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	var out outcome
	if o.only != "migration" {
		if out.requests, out.mails, err = requests(o, dir); err != nil {
			return err
		}
	}
	if o.only != "requests" {
		if out.migrations, err = migrations(o, dir); err != nil {
			return err
		}
	}
	if err := report(o, out); err != nil {
		return err
	}
	if len(out.requests) > 0 {
		if r := out.requests[0].Ours.CPUMicros / out.requests[0].Floor.CPUMicros; r > o.maxRatio {
			return fmt.Errorf("a grant costs %.2f times its floor's CPU, more than %.1f", r, o.maxRatio)
		}
	}
	return verdict(out.migrations)
}

// outcome is all that was measured.
type outcome struct {
	requests   []result
	mails      mailResult
	migrations []migrationResult
}

// requests measures the two hottest requests, and sending.
func requests(o options, dir string) (results []result, mails mailResult, err error) {
	ours, info, err := startOursAt(dir, "data")
	if err != nil {
		return nil, mails, err
	}
	defer ours.stop()
	app := info.CRM.ConnectedApps["Integration Test"]
	floor, floorURL, err := startFloor(dir, app.PrivateKeyFile)
	if err != nil {
		return nil, mails, err
	}
	defer floor.stop()

	client := &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: o.connections, MaxConnsPerHost: o.connections},
	}
	grants, err := grantRequests(app.PrivateKeyFile, app.ClientID, info.CRM.Users[0].Username, info.CRM.URL)
	if err != nil {
		return nil, mails, err
	}
	ourToken, contact, err := prepareRead(client, info.CRM.URL, grants[0])
	if err != nil {
		return nil, mails, err
	}

	var next atomic.Uint64
	grant := func(target string) func() (*http.Request, error) {
		return func() (*http.Request, error) {
			body := grants[next.Add(1)%uint64(len(grants))]
			req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(body))
			if err == nil {
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			return req, err
		}
	}
	read := func(target, token string) func() (*http.Request, error) {
		return func() (*http.Request, error) {
			req, err := http.NewRequest(http.MethodGet, target, nil)
			if err == nil {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			return req, err
		}
	}
	pairs := []struct {
		name        string
		ours, floor func() (*http.Request, error)
	}{
		{"JWT bearer grant", grant(info.CRM.URL + "/services/oauth2/token"), grant(floorURL + "/token")},
		{"REST read", read(info.CRM.URL+"/services/data/v60.0/sobjects/Contact/"+contact+"?fields=Id,Name,Email", ourToken), read(floorURL+"/read", "floor")},
	}
	for _, p := range pairs {
		a, b := &sample{}, &sample{}
		for range o.rounds {
			if err := pass(client, o, ours, p.ours, a); err != nil {
				return nil, mails, fmt.Errorf("%s: %w", p.name, err)
			}
			if err := pass(client, o, floor, p.floor, b); err != nil {
				return nil, mails, fmt.Errorf("%s, floor: %w", p.name, err)
			}
		}
		results = append(results, result{p.name, a.figures(), b.figures()})
	}
	ours.stop()
	if mails, err = sending(client, o, dir); err != nil {
		return nil, mails, fmt.Errorf("sending: %w", err)
	}
	return results, mails, nil
}

type process struct{ cmd *exec.Cmd }

// stop ends the process; stopping again does nothing.
func (p process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(15*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
}

// cpu is the processor time that the kernel has charged to the process so far (proc(5), stat fields 14 and 15).
func (p process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, errors.New("unreadable /proc stat")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// startOursAt starts twinspan on a folder of its own, with more arguments.
func startOursAt(dir, folder string, more ...string) (process, ready, error) {
	file := filepath.Join(dir, folder+".ready.json")
	cmd := exec.Command(filepath.Join(dir, "twinspan"), append([]string{
		"up", "--data", filepath.Join(dir, folder), "--ready-file", file, "--record", "off",
		"--crm-addr", "127.0.0.1:0", "--engagement-addr", "127.0.0.1:0", "--connect-addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0",
	}, more...)...)
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return process{}, ready{}, err
	}
	p := process{cmd}
	for range 1500 {
		if text, err := os.ReadFile(file); err == nil {
			var r ready
			return p, r, json.Unmarshal(text, &r)
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.stop()
	return process{}, ready{}, fmt.Errorf("twinspan was not ready after 30 s: %s", log.String())
}

func startFloor(dir, keyFile string) (process, string, error) {
	data := filepath.Join(dir, "floor-data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return process{}, "", err
	}
	cmd := exec.Command(filepath.Join(dir, "floor"), "-data", data, "-key-file", keyFile)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return process{}, "", err
	}
	if err := cmd.Start(); err != nil {
		return process{}, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return process{}, "", fmt.Errorf("floor: %w", err)
	}
	return process{cmd}, strings.TrimSpace(line), nil
}

// grantRequests signs assertions ahead of the clock and returns them as form bodies. They are used in turn: without a
// jti, as most clients send them, an assertion may be presented again until it expires.
func grantRequests(keyFile, clientID, username, audience string) ([]string, error) {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", keyFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + "."
	bodies := make([]string, 0, 2000)
	for i := range cap(bodies) {
		claims, err := json.Marshal(map[string]any{
			"iss": clientID, "sub": username, "aud": audience, "exp": time.Now().Add(9*time.Minute - time.Duration(i%60)*time.Second).Unix(), "n": i,
		})
		if err != nil {
			return nil, err
		}
		signed := head + base64.RawURLEncoding.EncodeToString(claims)
		sum := sha256.Sum256([]byte(signed))
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"assertion":  {signed + "." + base64.RawURLEncoding.EncodeToString(sig)},
		}.Encode())
	}
	return bodies, nil
}

// prepareRead gets a token and makes the contact that the read asks for.
func prepareRead(client *http.Client, base, grant string) (token, contact string, err error) {
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if err := call(client, base+"/services/oauth2/token", "application/x-www-form-urlencoded", "", grant, &granted); err != nil {
		return "", "", err
	}
	var made struct{ ID string }
	err = call(client, base+"/services/data/v60.0/sobjects/Contact", "application/json", granted.AccessToken,
		`{"FirstName":"Ada","LastName":"Lovelace","Email":"ada@example.com"}`, &made)
	return granted.AccessToken, made.ID, err
}

func call(client *http.Client, target, contentType, token, body string, into any) error {
	req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	return send(client, req, token, into)
}

// send makes a call and reads its JSON.
func send(client *http.Client, req *http.Request, token string, into any) error {
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s: %s: %s", req.URL, res.Status, text)
	}
	return json.Unmarshal(text, into)
}

// sample gathers what the passes of one server measured.
type sample struct {
	latencies []time.Duration
	cpu, wall time.Duration
}

func pass(client *http.Client, o options, server process, next func() (*http.Request, error), into *sample) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(o.seconds)*time.Second)
	defer cancel()
	before, err := server.cpu()
	if err != nil {
		return err
	}
	start := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	for range o.connections {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil && ctx.Err() == nil {
				var took time.Duration
				if took, err = once(client, next); err == nil {
					mine = append(mine, took)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			into.latencies = append(into.latencies, mine...)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	into.wall += time.Since(start)
	after, err := server.cpu()
	into.cpu += after - before
	return errors.Join(failed, err)
}

func once(client *http.Client, next func() (*http.Request, error)) (time.Duration, error) {
	req, err := next()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(res.Body)
	took := time.Since(start)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", res.Status, text)
	}
	return took, nil
}

// figures are what is printed of a server: requests a second, latencies in milliseconds, server CPU in microseconds a
// request.
type figures struct {
	Requests  int     `json:"requests"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	CPUMicros float64 `json:"cpu_us"`
}

func (s *sample) figures() figures {
	slices.Sort(s.latencies)
	n := len(s.latencies)
	if n == 0 {
		return figures{}
	}
	ms := func(q float64) float64 { return float64(s.latencies[int(q*float64(n-1))].Microseconds()) / 1000 }
	return figures{n, float64(n) / s.wall.Seconds(), ms(0.50), ms(0.99), float64(s.cpu.Microseconds()) / float64(n)}
}

type result struct {
	Name  string  `json:"name"`
	Ours  figures `json:"ours"`
	Floor figures `json:"floor"`
}

func report(o options, out outcome) error {
	if o.json {
		var all []any
		for _, r := range out.requests {
			all = append(all, r)
		}
		if len(out.requests) > 0 {
			all = append(all, out.mails)
		}
		for _, r := range out.migrations {
			all = append(all, r)
		}
		return json.NewEncoder(os.Stdout).Encode(all)
	}
	if len(out.requests) > 0 {
		printRequests(o, out.requests, out.mails)
	}
	if len(out.migrations) > 0 {
		printMigrations(out.migrations)
	}
	return nil
}

func printRequests(o options, results []result, mails mailResult) {
	fmt.Printf("%d connections, %d passes of %d s each, in turn; server CPU as the kernel charged it\n\n", o.connections, o.rounds, o.seconds)
	fmt.Printf("%-18s %-6s %10s %9s %9s %9s\n", "request", "server", "req/s", "p50 ms", "p99 ms", "CPU us")
	for _, r := range results {
		for _, row := range []struct {
			name string
			f    figures
		}{{"ours", r.Ours}, {"floor", r.Floor}} {
			fmt.Printf("%-18s %-6s %10.0f %9.2f %9.2f %9.1f\n", r.Name, row.name, row.f.PerSecond, row.f.P50, row.f.P99, row.f.CPUMicros)
		}
		fmt.Printf("%-18s %-6s %10.2f %9.2f %9.2f %9.2f\n\n", "", "ratio", r.Ours.PerSecond/r.Floor.PerSecond, r.Ours.P50/r.Floor.P50, r.Ours.P99/r.Floor.P99, r.Ours.CPUMicros/r.Floor.CPUMicros)
	}
	fmt.Printf("%-18s %-6s %10s %9s\n", "message", "sender", "mails/s", "CPU us")
	fmt.Printf("%-18s %-6s %10.0f %9.1f\n", mails.Name, "ours", mails.Ours.PerSecond, mails.Ours.CPUMicros)
	fmt.Printf("%-18s %-6s %10.0f %9.1f\n", mails.Name, "floor", mails.Floor.PerSecond, mails.Floor.CPUMicros)
	fmt.Printf("%-18s %-6s %10.2f %9.2f\n", "", "ratio", mails.Ours.PerSecond/mails.Floor.PerSecond, mails.Ours.CPUMicros/mails.Floor.CPUMicros)
}
