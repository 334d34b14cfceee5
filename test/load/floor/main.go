// Command floor is the least a server can do for the two requests that the benchmark measures: no policy, no audit, no
// record of who came. Twinspan's figures are printed beside it, so that a figure says what our own work costs and not
// how fast the machine is.
//
//	POST /token  parse and verify one RS256 assertion, make one row durable by a bare group commit, answer a token
//	GET  /read   one hash look-up for the bearer token, one prepared point select, answer the row
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite"
)

func main() {
	dir := flag.String("data", "", "folder of the database")
	keyFile := flag.String("key-file", "", "PEM file of the private key whose public half verifies the assertions")
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	if err := run(*dir, *keyFile, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(dir, keyFile, addr string) error {
	key, err := publicKey(keyFile)
	if err != nil {
		return err
	}
	const pragmas = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)"
	path := "file:" + filepath.Join(dir, "floor.db") + pragmas
	w, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	w.SetMaxOpenConns(1)
	if _, err := w.Exec(`CREATE TABLE token (n INTEGER PRIMARY KEY, hash BLOB NOT NULL, made BIGINT NOT NULL);
		CREATE TABLE record (id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL);
		INSERT INTO record VALUES ('one', 'Ada Lovelace', 'ada@example.com')`); err != nil {
		return err
	}
	r, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	sel, err := r.Prepare(`SELECT id, name, email FROM record WHERE id = ?`)
	if err != nil {
		return err
	}
	c := &committer{queue: make(chan row, 1024)}
	go c.run(w)
	// One live token for /read, known by its hash as every server's would be.
	live := map[[32]byte]bool{sha256.Sum256([]byte("floor")): true}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(rw http.ResponseWriter, req *http.Request) {
		if err := req.ParseForm(); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		if err := verify(req.PostForm.Get("assertion"), key); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
		var b [32]byte
		_, _ = rand.Read(b[:])
		token := base64.RawURLEncoding.EncodeToString(b[:])
		if err := c.commit(sha256.Sum256([]byte(token))); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(rw, map[string]string{"access_token": token, "token_type": "Bearer"})
	})
	mux.HandleFunc("GET /read", func(rw http.ResponseWriter, req *http.Request) {
		token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
		if !live[sha256.Sum256([]byte(token))] {
			http.Error(rw, "no", http.StatusUnauthorized)
			return
		}
		var id, name, email string
		if err := sel.QueryRowContext(req.Context(), "one").Scan(&id, &name, &email); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(rw, map[string]string{"Id": id, "Name": name, "Email": email})
	})
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", ln.Addr())
	return (&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}).Serve(ln)
}

func answer(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(v) // the client is gone: nobody to tell
}

func publicKey(file string) (*rsa.PublicKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return &private.PublicKey, nil
}

func verify(compact string, key *rsa.PublicKey) error {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return errors.New("not three parts")
	}
	var header struct{ Alg string }
	var claims struct {
		Iss, Sub, Aud string
		Exp           int64
	}
	for i, into := range []any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, into); err != nil {
			return err
		}
	}
	if header.Alg != "RS256" || claims.Exp < time.Now().Unix() {
		return errors.New("wrong algorithm or expired")
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(compact[:len(parts[0])+1+len(parts[1])]))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig)
}

type row struct {
	hash [32]byte
	done chan error
}

// committer writes whatever waits in one transaction.
type committer struct{ queue chan row }

func (c *committer) commit(hash [32]byte) error {
	r := row{hash, make(chan error, 1)}
	c.queue <- r
	return <-r.done
}

func (c *committer) run(db *sql.DB) {
	ctx := context.Background()
	ins, err := db.Prepare(`INSERT INTO token (hash, made) VALUES (?, ?)`)
	for first := range c.queue {
		group := []row{first}
	gather:
		for len(group) < 256 {
			select {
			case r := <-c.queue:
				group = append(group, r)
			default:
				break gather
			}
		}
		if err == nil {
			err = write(ctx, db, ins, group)
		}
		for _, r := range group {
			r.done <- err
		}
	}
}

func write(ctx context.Context, db *sql.DB, ins *sql.Stmt, group []row) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	st := tx.Stmt(ins)
	for _, r := range group {
		if _, err := st.Exec(r.hash[:], time.Now().UnixMilli()); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
