#!/bin/sh
# Types, lint with the import walls, format, generated code. Fast; runs before the tests.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
tsc -p .
oxlint --type-aware src test bench scripts
oxfmt --check src test bench scripts "!test/vectors"
sh scripts/generate-proto.sh --check
