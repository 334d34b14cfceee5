#!/usr/bin/env bash
# Long runs that CI has no time for: every fuzz target for a while, then the crash and power-cut tests many times over.
#   FUZZ_TIME   how long each fuzz target runs (default 2m, and 10m for those of SOQL, which strangers write)
#   CRASH_COUNT how often each crash test runs (default 20)
#   UPLOAD_MB   megabytes of a bulk load (default 100)
#   MAILS       how many messages test/delivery sends (default 100,000)
#   KILLS       how often a migration of users, an import of users, and a whole upgrade are killed (default 100)
set -euo pipefail
cd "$(dirname "$0")/.."
crash_count=${CRASH_COUNT:-20}

git grep -lE '^func Fuzz' -- '*_test.go' | while read -r file; do
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | awk '{print $2}' | while read -r target; do
    case "$target" in
      FuzzParse | FuzzSelect) fuzz_time=${FUZZ_TIME:-10m} ;;
      *) fuzz_time=${FUZZ_TIME:-2m} ;;
    esac
    echo "== $target in $(dirname "$file"), $fuzz_time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzz_time" "./$(dirname "$file")"
  done
done

echo "== power cuts and crashes, $crash_count times"
go test -count "$crash_count" -timeout 4h -run 'PowerCut|Kill|Crash' ./...

echo "== ${MAILS:-100000} messages to a mail server that is not ours, killed in the middle"
TWINSPAN_TEST_MAILS=${MAILS:-100000} go test -count 1 -timeout 2h -v -run TestKillLosesNoMessage ./test/delivery

echo "== an upload of ${UPLOAD_MB:-100} MB, its load and its results, within 40 MB of memory"
TWINSPAN_TEST_UPLOAD_MB=${UPLOAD_MB:-100} go test -count 1 -timeout 30m -v -run TestUploadsStayOutOfMemory .

seed=${SEED:-$RANDOM}
echo "== ${PAIRS:-2000} random pairs of broken things before the doctor, seed $seed"
TWINSPAN_TEST_DOCTOR_PAIRS=${PAIRS:-2000} TWINSPAN_TEST_DOCTOR_SEED=$seed go test -count 1 -timeout 1h -v -run 'TestTheDoctorFindsPairs$' .

echo "== a migration of users, killed ${KILLS:-100} times while the clouds spoil calls"
TWINSPAN_TEST_KILLS=${KILLS:-100} go test -count 1 -timeout 2h -v -run TestMigrationIsKilled ./connect

echo "== an import of 10,000 users on PostgreSQL, while the clouds spoil calls"
TWINSPAN_TEST_CROWD=10000 TWINSPAN_TEST_CROWD_DB=postgres go test -count 1 -timeout 30m -v -run 'TestImport$' ./test/contract

echo "== an import of users, killed ${KILLS:-100} times likewise"
go test -count $((${KILLS:-100} / 4 + 1)) -timeout 2h -v -run TestImportIsKilled ./connect

echo "== whole upgrades, killed ${KILLS:-100} times and at every failpoint while the clouds spoil calls and restart"
TWINSPAN_TEST_KILLS=${KILLS:-100} go test -count 1 -timeout 2h -v -run TestUpgradeIsKilled ./test/upgrade
