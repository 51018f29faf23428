#!/bin/sh
# Generates TypeScript from proto/. With --check: changes nothing, and fails where the committed code is not what the
# .proto files give. proto/record.proto goes to src/exchange/record/generated, every other file to src/exchange/p2p/generated.
set -eu
cd "$(dirname "$0")/.."

mode="${1:-write}"
case "$mode" in
  write | --check) ;;
  *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac

if ! command -v protoc >/dev/null; then
  echo "generate-proto: protoc is missing. Install it with: apt-get install protobuf-compiler" >&2
  exit 5
fi
# The plugin runs on the Node of this project.
PATH="$PWD/node_modules/.bin:$PATH"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT INT TERM

home_of() {
  case "$1" in
    proto/record.proto) echo src/exchange/record/generated ;;
    *) echo src/exchange/p2p/generated ;;
  esac
}

status=0
for file in proto/*.proto; do
  home="$(home_of "$file")"
  mkdir -p "$scratch/$home"
  protoc -I proto --plugin=protoc-gen-es=node_modules/.bin/protoc-gen-es \
    --es_out="$scratch/$home" --es_opt=target=ts,import_extension=ts,erasable_syntax=true "$file"
  generated="$home/$(basename "$file" .proto)_pb.ts"
  if [ "$mode" = write ]; then
    mkdir -p "$home"
    cp "$scratch/$generated" "$generated"
  elif ! cmp -s "$scratch/$generated" "$generated"; then
    echo "generate-proto: $generated is not what $file gives. Run: npm run generate" >&2
    status=1
  fi
done

# What is committed but no longer made by any .proto file.
for generated in src/exchange/record/generated/*_pb.ts src/exchange/p2p/generated/*_pb.ts; do
  [ -e "$generated" ] || continue
  if [ ! -e "proto/$(basename "$generated" _pb.ts).proto" ]; then
    echo "generate-proto: $generated comes from no file in proto/. Delete it." >&2
    status=1
  fi
done
exit "$status"
