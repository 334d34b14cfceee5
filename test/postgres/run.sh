#!/usr/bin/env bash
# Runs a command with a private PostgreSQL server: its own folder, its own loopback port, gone when the command ends.
# The command finds the server's URL in TWINSPAN_TEST_POSTGRES; where that is set already, the server it names is used.
# PostgreSQL refuses to run as root, so root hands it to the postgres user; root also installs the distribution's
# package when no server is on the machine. Nobody else can install it: then this fails and says so.
set -euo pipefail

if [ -n "${TWINSPAN_TEST_POSTGRES:-}" ]; then exec "$@"; fi

find_bin() {
  if command -v initdb >/dev/null && command -v pg_ctl >/dev/null; then dirname "$(readlink -f "$(command -v initdb)")"; return; fi
  ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1
}
bin=$(find_bin)
if [ -z "$bin" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "postgres: installing the distribution's package" >&2
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } >&2
  bin=$(find_bin)
fi
if [ -z "$bin" ]; then
  echo "postgres: no server found; install PostgreSQL (Debian: apt-get install postgresql) or set TWINSPAN_TEST_POSTGRES to the URL of a test server" >&2
  exit 1
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/twinspan-postgres.XXXXXX")
as=()
if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; as=(runuser -u postgres --); fi
chmod 711 "$dir"
port=$(python3 - 2>/dev/null <<'PY' || shuf -i 20000-40000 -n 1
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])
PY
)
cleanup() {
  code=$?
  "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$dir"
  exit "$code"
}
trap cleanup EXIT INT TERM
cd "$dir"
"${as[@]}" "$bin/initdb" -D "$dir/data" -U twinspan --auth=trust --encoding=UTF8 --locale=C >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$dir'
max_connections = 400
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 128MB
CONF
"${as[@]}" "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/server.log" -w -t 60 start >/dev/null || { cat "$dir/data/server.log" >&2; exit 1; }
export TWINSPAN_TEST_POSTGRES="postgres://twinspan@127.0.0.1:$port/postgres?sslmode=disable"
cd "$OLDPWD"
"$@"
