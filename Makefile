# Everything a developer runs. `make test` sets up what it needs on a Debian-like machine with Go and Node.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

export CGO_ENABLED ?= 1
BIN := bin/twinspan
# A proxy's 404 must fail at once and not fall through to git.
comma := ,
export GOPROXY := $(subst $(comma)direct,,$(shell go env GOPROXY))

# The race detector watches everything but SQLite itself, which is one C program in Go's clothes with locks of its own:
# watching it takes ten times as long as all our code.
race := -race '-gcflags=modernc.org/...=-race=false'

.PHONY: build setup test test-go clients look lint demo bench soak clean

build: ## the static binary
	CGO_ENABLED=0 go build -trimpath -o $(BIN) ./cmd/twinspan

test: setup clients ## everything, with the race detector, on SQLite and PostgreSQL
	test/postgres/run.sh $(MAKE) --no-print-directory test-go

setup:
	test/setup.sh

test-go:
	go test $(race) -timeout 15m ./...
	TWINSPAN_TEST_CROWD=10000 go test -timeout 10m -count=1 -run 'TestImport$$' ./test/contract
	TWINSPAN_TEST_CROWD=10000 TWINSPAN_TEST_DOCTOR_PAIRS=200 go test -timeout 10m -count=1 -run 'TestTheDoctor(FindsPairs|sCallsAreBounded)$$' .

# The client libraries and the browser's driver, at the versions that the lock files name. The Salesforce CLI is apart: it takes 480 MB, and 40 s
# on a quiet machine.
clients: test/clients/node_modules/.package-lock.json test/clients/sf/node_modules/.package-lock.json test/clients/mcdev/node_modules/.package-lock.json test/browser/node_modules/.package-lock.json

test/clients/node_modules/.package-lock.json: test/clients/package.json test/clients/package-lock.json
test/clients/sf/node_modules/.package-lock.json: test/clients/sf/package.json test/clients/sf/package-lock.json
test/clients/mcdev/node_modules/.package-lock.json: test/clients/mcdev/package.json test/clients/mcdev/package-lock.json
test/browser/node_modules/.package-lock.json: test/browser/package.json test/browser/package-lock.json
%/node_modules/.package-lock.json:
	@command -v node >/dev/null || { echo "make: Node 20 or newer is needed for the client tests" >&2; exit 1; }
	cd $* && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
	touch $@

# The pages' style sheet, of the Salesforce Lightning Design System: run this when a template uses another class.
look: internal/ui/slds/node_modules/.package-lock.json
	node internal/ui/slds/build.mjs

internal/ui/slds/node_modules/.package-lock.json: internal/ui/slds/package.json internal/ui/slds/package-lock.json

lint: ## formatting, vet, staticcheck, and go.mod as tidy would leave it
	@unformatted=$$(go tool -modfile=tools/go.mod gofumpt -l $$(git ls-files '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "gofumpt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	go mod tidy -diff

demo: ## the first journey, on a machine that has only Go
	go run ./cmd/twinspan demo

bench: ## our hot paths beside their floors, in one run
	test/postgres/run.sh go run ./test/load
	test/postgres/run.sh go test -run '^$$' -bench MillionContacts ./crm/internal/soql

soak: ## long fuzzing and crash loops; not part of CI
	test/postgres/run.sh test/soak.sh

clean:
	rm -rf bin test/clients/node_modules test/clients/sf/node_modules test/clients/mcdev/node_modules test/browser/node_modules test/browser/screenshots internal/ui/slds/node_modules
