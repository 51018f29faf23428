#!/bin/sh
# The whole test run: set-up, checks, tests (but for the long ones of test-vm.sh). Ends with one line, `N passed, N failed`.
# usage: test.sh [file or glob …]
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh test
PATH="$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin"
export PATH
sh scripts/check.sh
[ $# -gt 0 ] || exec node scripts/lanes.ts
exec mocha --reporter ./scripts/reporter.ts --exit --recursive --extension ts "$@"
