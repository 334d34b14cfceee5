#!/usr/bin/env bash
# Checks that the machine has what the tests need besides Go and Node, and, as root on a Debian-like system, installs what
# is missing: a C compiler, which the race detector links with, an SMTP server of other people, and Chromium.
set -euo pipefail
if ! command -v "${CC:-gcc}" >/dev/null && ! command -v cc >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing gcc for the race detector" >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends gcc libc6-dev; } >&2
  else
    echo "setup: the race detector needs a C compiler; install gcc (Debian: apt-get install gcc libc6-dev)" >&2
    exit 1
  fi
fi
# The mail server of test/delivery.
if ! command -v aiosmtpd >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing python3-aiosmtpd, the mail server of test/delivery" >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-aiosmtpd; } >&2
  else
    echo "setup: test/delivery needs the SMTP server aiosmtpd (Debian: apt-get install python3-aiosmtpd)" >&2
    exit 1
  fi
fi
# The browser of test/browser.
if [ ! -x "${TWINSPAN_CHROMIUM:-/usr/bin/chromium}" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing chromium, the browser of test/browser" >&2
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } >&2
  else
    echo "setup: test/browser needs Chromium (Debian: apt-get install chromium), or its path in TWINSPAN_CHROMIUM" >&2
    exit 1
  fi
fi
