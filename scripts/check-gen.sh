#!/usr/bin/env bash
# Fails when gen/src is not what buf generates from proto/: edited by hand, or not generated again after a change.
set -euo pipefail
cd "$(dirname "$0")/.."
if [[ -z $(find proto -name '*.proto' -print -quit 2>/dev/null) ]]; then
  echo 'check-gen: skipped, proto/ has no .proto file'
  exit 0
fi
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
buf generate --output "$fresh"
if ! diff -r "$fresh/gen/src" gen/src >"$fresh/difference"; then
  head -20 "$fresh/difference" >&2
  echo 'check-gen: gen/src differs from what proto/ generates; run: make gen' >&2
  exit 1
fi
