package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver, to make databases

	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/vault"
)

// What a migration of users must keep to.
const (
	// minShare is the least of the floor's speed.
	minShare = 0.60
	// maxPeak is how much memory Connect's process may have had at most, whatever the number of users, and maxGrowth how
	// much more than with the fewest users of the same run: what a garbage collector leaves lying varies that much.
	maxPeak   = 192 << 20
	maxGrowth = 1.35
	// floorUsers is how many users each pass of the floor exchanges assertions for, at most: one before the migration, one
	// after it.
	floorUsers = 10_000
	// calls is how many users Connect has under way (connect/internal/migration), and so the floor too.
	calls = 16
	// patience bounds a migration for each 1,000 users.
	patience = 30 * time.Second
)

// migrationResult is one migration beside its floor.
type migrationResult struct {
	Database string        `json:"database"`
	Users    int           `json:"users"`
	Fixture  float64       `json:"fixture_seconds"` // that making the users took
	Ours     migrationSide `json:"ours"`
	Floor    migrationSide `json:"floor"`
	Peak     int64         `json:"peak_bytes"` // of Connect's process
}

type migrationSide struct {
	PerSecond float64 `json:"per_second"`
	CPUMicros float64 `json:"cpu_micros"` // of Connect's process, or the floor's, for each user
}

func (r migrationResult) share() float64 { return r.Ours.PerSecond / r.Floor.PerSecond }

// migrations measures the migration of mapped users on each database and in each size.
func migrations(o options, dir string) ([]migrationResult, error) {
	var all []migrationResult
	for _, kind := range []string{"sqlite", "postgres"} {
		if kind == "postgres" && o.postgres == "" {
			fmt.Fprintln(os.Stderr, "load: migration on PostgreSQL is left out: TWINSPAN_TEST_POSTGRES is not set (make bench sets it)")
			continue
		}
		for _, users := range o.users {
			r, err := migrate(o, dir, kind, users)
			if err != nil {
				return all, fmt.Errorf("migrating %d users on %s: %w", users, kind, err)
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// verdict is what of the results is not as it must be.
func verdict(all []migrationResult) error {
	var wrong []error
	least := map[string]int64{}
	for _, r := range all {
		what := fmt.Sprintf("migrating %d users on %s", r.Users, r.Database)
		if r.share() < minShare {
			wrong = append(wrong, fmt.Errorf("%s: %.0f %% of the floor's speed, less than %.0f", what, 100*r.share(), 100*minShare))
		}
		if r.Peak > maxPeak {
			wrong = append(wrong, fmt.Errorf("%s: Connect had %d MB of memory, more than %d", what, r.Peak>>20, int64(maxPeak)>>20))
		}
		if first, ok := least[r.Database]; !ok {
			least[r.Database] = r.Peak
		} else if float64(r.Peak) > maxGrowth*float64(first) {
			wrong = append(wrong, fmt.Errorf("%s: Connect had %d MB of memory, and %d MB with fewer users", what, r.Peak>>20, first>>20))
		}
	}
	return errors.Join(wrong...)
}

// stage is a pair with many users, ready to be migrated, and the programs that run on it.
type stage struct {
	dir, data, db string
	addrs         map[string]string // of the houses
	info          fullReady
}

// fullReady is what a migration needs of the ready file.
type fullReady struct {
	CRM struct {
		URL        string  `json:"url"`
		Admin      login   `json:"admin"`
		SystemUser login   `json:"system_user"`
		Users      []login `json:"users"`
	} `json:"crm"`
	Engagement struct {
		AuthURL string  `json:"auth_url"`
		EID     int64   `json:"eid"`
		APIUser login   `json:"api_user"`
		Users   []login `json:"users"`
	} `json:"engagement"`
	Connect struct {
		URL      string `json:"url"`
		APIToken string `json:"api_token"`
	} `json:"connect"`
	Control struct{ URL, Token string } `json:"control"`
}

type login struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	SecurityToken string `json:"security_token"`
}

func (l login) person() journey.Person {
	return journey.Person{Username: l.Username, Password: vault.Secret(l.Password), SecurityToken: vault.Secret(l.SecurityToken)}
}

// migrate makes a legacy pair with so many users, lets both clouds run in one process and Connect in another, and measures
// the floor, the migration, and the floor again.
func migrate(o options, dir, kind string, users int) (migrationResult, error) {
	r := migrationResult{Database: kind, Users: users}
	s := stage{dir: dir, data: filepath.Join(dir, fmt.Sprintf("%s-%d", kind, users)), addrs: map[string]string{}}
	if kind == "postgres" {
		db, drop, err := newDatabase(o.postgres)
		if err != nil {
			return r, err
		}
		defer drop()
		s.db = db
	}
	for _, house := range []string{"crm", "engagement", "connect"} {
		addr, err := freeAddr()
		if err != nil {
			return r, err
		}
		s.addrs[house] = addr
	}
	began := time.Now()
	if err := s.fill(users); err != nil {
		return r, err
	}
	r.Fixture = time.Since(began).Seconds()
	defer func() { _ = os.RemoveAll(s.data) }()
	clouds, err := s.start("clouds")
	if err != nil {
		return r, err
	}
	defer clouds.stop()

	pass := min(floorUsers, users/2)
	before, err := s.floor(0, pass)
	if err != nil {
		return r, err
	}
	if err := s.migrate(&r); err != nil {
		return r, err
	}
	after, err := s.floor(users-pass, pass)
	if err != nil {
		return r, err
	}
	r.Floor = migrationSide{PerSecond: 2 * float64(pass) / (before.Seconds + after.Seconds), CPUMicros: (before.cpu + after.cpu) / float64(2*pass)}
	return r, nil
}

// fill makes the pair, up to where the system user connects by key: the org lets its users in through the connected app
// already. That is the safe order's state before "connect account".
func (s *stage) fill(users int) error {
	args := []string{"--fixture", "legacy", "--package", "220", "--crm-addr", s.addrs["crm"], "--engagement-addr", s.addrs["engagement"], "--connect-addr", s.addrs["connect"]}
	if s.db != "" {
		args = append(args, "--db", s.db)
	}
	up, _, err := startOursAt(s.dir, filepath.Base(s.data), args...)
	if err != nil {
		return err
	}
	defer up.stop()
	text, err := os.ReadFile(s.data + ".ready.json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &s.info); err != nil {
		return err
	}
	pair := journey.Pair{
		OrgURL: s.info.CRM.URL, AuthURL: s.info.Engagement.AuthURL, ConnectURL: s.info.Connect.URL, ConnectToken: vault.Secret(s.info.Connect.APIToken),
		OrgAdmin: s.info.CRM.Admin.person(), SystemUser: s.info.CRM.SystemUser.person(), APIUser: s.info.Engagement.APIUser.person(), EID: s.info.Engagement.EID,
	}
	for i, u := range s.info.CRM.Users {
		pair.Members = append(pair.Members, journey.Member{Org: u.person(), Tenant: s.info.Engagement.Users[i].person()})
	}
	j, err := journey.New(pair)
	if err != nil {
		return err
	}
	defer j.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := j.SetUpOrg(ctx, journey.OrgSetup{}); err != nil {
		return err
	}
	var answer struct {
		Users int `json:"users"`
	}
	client := &http.Client{Timeout: time.Minute + time.Duration(users)*20*time.Millisecond}
	err = call(client, s.info.Control.URL+"/fixtures", "application/json", s.info.Control.Token, fmt.Sprintf(`{"users":%d}`, users), &answer)
	if err == nil && answer.Users != users {
		err = fmt.Errorf("%d users were made", answer.Users)
	}
	return err
}

// start runs Connect or the clouds alone and returns when they answer.
func (s *stage) start(house string) (process, error) {
	cmd := exec.Command(filepath.Join(s.dir, "house"), "-house", house, "-data", s.data, "-db", s.db,
		"-crm-addr", s.addrs["crm"], "-engagement-addr", s.addrs["engagement"], "-connect-addr", s.addrs["connect"])
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return process{}, err
	}
	if err := cmd.Start(); err != nil {
		return process{}, err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		process{cmd}.stop()
		return process{}, fmt.Errorf("%s did not start: %w", house, err)
	}
	return process{cmd}, nil
}

// floorPass is what a run of the floor printed, and what it cost, in microseconds.
type floorPass struct {
	Seconds float64 `json:"seconds"`
	cpu     float64
}

func (s *stage) floor(skip, users int) (p floorPass, err error) {
	dsn := s.db
	if dsn == "" {
		dsn = filepath.Join(s.data, "connect.db")
	}
	cmd := exec.Command(filepath.Join(s.dir, "migrationfloor"), "-dsn", dsn, "-key-file", filepath.Join(s.data, "keys.json"),
		"-skip", strconv.Itoa(skip), "-users", strconv.Itoa(users), "-workers", strconv.Itoa(calls))
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return p, fmt.Errorf("the floor: %w", err)
	}
	p.cpu = float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Microseconds())
	return p, json.Unmarshal(text, &p)
}

// migrate runs Connect, connects the system user by key, and migrates everybody.
func (s *stage) migrate(r *migrationResult) error {
	connect, err := s.start("connect")
	if err != nil {
		return err
	}
	defer connect.stop()
	client := &http.Client{Timeout: time.Minute}
	base, token := s.info.Connect.URL+"/api/v1/", s.info.Connect.APIToken
	var none json.RawMessage
	if err := s.post(client, base+"connection/org", token, map[string]string{"system_user": s.info.CRM.SystemUser.Username, "auth": "jwt", "by": "bench"}, &none); err != nil {
		return err
	}
	before, err := connect.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	var run migrationRun
	if err := s.post(client, base+"upgrade/migrations", token, map[string]string{"by": "bench"}, &run); err != nil {
		return err
	}
	deadline := began.Add(time.Minute + patience*time.Duration(r.Users/1000))
	for id := run.ID; run.State == "running" || run.State == "queued"; {
		if time.Now().After(deadline) {
			return fmt.Errorf("it goes on for %v: %+v", time.Since(began), run)
		}
		time.Sleep(100 * time.Millisecond)
		run = migrationRun{}
		if err := get(client, base+"upgrade/migrations/"+id, token, &run); err != nil {
			return err
		}
	}
	took := time.Since(began)
	after, err := connect.cpu()
	if err != nil {
		return err
	}
	if run.State != "done" || run.Reconnected < r.Users {
		return fmt.Errorf("it ended as %+v", run)
	}
	r.Ours = migrationSide{PerSecond: float64(run.Reconnected) / took.Seconds(), CPUMicros: float64((after - before).Microseconds()) / float64(run.Reconnected)}
	r.Peak, err = connect.peak()
	return err
}

// migrationRun is what we need of a migration's status.
type migrationRun struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	Error       string `json:"error"`
	Total       int    `json:"total"`
	Reconnected int    `json:"reconnected"`
	Waiting     int    `json:"waiting"`
	Failed      int    `json:"failed"`
}

// post calls Connect's API with a key that makes a repeat harmless.
func (s *stage) post(client *http.Client, target, token string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", rand.Text())
	return send(client, req, token, into)
}

func get(client *http.Client, target, token string, into any) error {
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	return send(client, req, token, into)
}

// peak is the most memory that the process has had (proc(5), VmHWM).
func (p process) peak() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("unreadable /proc status")
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// newDatabase makes a database on the server of the URL, and says how to drop it.
func newDatabase(server string) (dsn string, drop func(), err error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, errors.New("TWINSPAN_TEST_POSTGRES is no URL")
	}
	name := "bench_" + strings.ToLower(rand.Text()[:12])
	run := func(statement string) error {
		db, err := sql.Open("pgx", server)
		if err != nil {
			return err
		}
		_, err = db.Exec(statement)
		return errors.Join(err, db.Close())
	}
	if err := run("CREATE DATABASE " + name); err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func() {
		if err := run("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
		}
	}, nil
}

// sizes reads numbers of users: "10000,100000".
func sizes(text string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 2 || n > 1_000_000 {
			return nil, fmt.Errorf("%q is no number of users from 2 to 1,000,000", part)
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return all, nil
}

func printMigrations(all []migrationResult) {
	fmt.Printf("\n%-18s %-9s %-6s %10s %9s %8s %9s\n", "users migrated", "database", "", "users/s", "CPU us", "peak MB", "fixture s")
	for _, r := range all {
		fmt.Printf("%-18d %-9s %-6s %10.0f %9.0f %8d %9.0f\n", r.Users, r.Database, "ours", r.Ours.PerSecond, r.Ours.CPUMicros, r.Peak>>20, r.Fixture)
		fmt.Printf("%-18s %-9s %-6s %10.0f %9.0f\n", "", "", "floor", r.Floor.PerSecond, r.Floor.CPUMicros)
		fmt.Printf("%-18s %-9s %-6s %10.2f %9.2f\n", "", "", "ratio", r.share(), r.Ours.CPUMicros/r.Floor.CPUMicros)
	}
}
