#!/bin/sh
# Long tests on real systems, which `npm test` leaves out: builds of minutes to hours, many in a row.
# usage: test-vm.sh [file or glob …]
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh test
PATH="$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin"
export PATH
[ $# -gt 0 ] || set -- 'test/vm/**/*.test.ts'
exec mocha --reporter ./scripts/reporter.ts --exit --recursive --extension ts --timeout 0 "$@"
