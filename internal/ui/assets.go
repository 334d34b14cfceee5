package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/twinspan/twinspan/internal/web"
)

// assetPath is where a house serves what its pages load. No path of either vendor begins with a dot but /.well-known/.
const assetPath = "/.twinspan/"

//go:embed slds/slds.css style.css live.js slds/icons
var assetFiles embed.FS

// How long browsers keep an asset: one whose name changes with its content for ever.
const (
	forEver = "public, max-age=31536000, immutable"
	forADay = "public, max-age=86400"
)

// asset is a file that pages load.
type asset struct {
	Href      string
	Integrity string // sha256-…, for the page's element and policy
	kind      string // content type
	cache     string // Cache-Control
	body      []byte
	packed    []byte // by gzip
}

// assets are by name; they are packed when the first page is rendered, not when a command starts.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	add := func(name, kind, cache string, body []byte) {
		sum := sha256.Sum256(body)
		a := asset{kind: kind, cache: cache, body: body, Integrity: "sha256-" + base64.StdEncoding.EncodeToString(sum[:])}
		file := name
		if cache == forEver {
			ext := path.Ext(name)
			file = strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:8]) + ext
		}
		a.Href = assetPath + file
		var out bytes.Buffer
		z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
		if err == nil {
			_, err = z.Write(body)
		}
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			panic(err) // a buffer takes everything, and the level is one that gzip has
		}
		a.packed = out.Bytes()
		all[file] = a
		all[name] = a
	}
	add("look.css", "text/css; charset=utf-8", forEver, append(mustRead("slds/slds.css"), mustRead("style.css")...))
	add("live.js", "text/javascript; charset=utf-8", forEver, mustRead("live.js"))
	add("icons-licence.txt", "text/plain; charset=utf-8", forADay, mustRead("slds/icons/License-for-icons.txt"))
	for _, name := range []string{"settings", "warning", "success", "error", "info"} {
		add(name+".svg", "image/svg+xml", forADay, mustRead("slds/icons/"+name+".svg"))
	}
	return all
})

func mustRead(name string) []byte {
	text, err := assetFiles.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return text
}

func look() asset { return assets()["look.css"] }
func live() asset { return assets()["live.js"] }

// moves reports whether the page has something that script moves.
func moves(blocks []Block) bool {
	for _, b := range blocks {
		switch b := b.(type) {
		case Countdown:
			if !b.Over() {
				return true
			}
		case Board:
			return true
		case Progress:
			if b.Live != "" {
				return true
			}
		case Feed:
			if b.Live != "" {
				return true
			}
		}
	}
	return false
}

// Mount serves what the pages of a house load: the style sheet, its icons and the script. Every house that renders pages
// mounts it.
func Mount(m *web.Mux) {
	m.HandleFunc("GET "+assetPath+"{name}", func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets()[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.kind)
		h.Set("Cache-Control", a.cache)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Add("Vary", "Accept-Encoding")
		body := a.body
		if web.AcceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = a.packed
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // a browser that went away is no error
	})
}
