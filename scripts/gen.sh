#!/usr/bin/env bash
# Generates gen/src from proto/ with the local plugins (no network). The result is committed.
set -euo pipefail
cd "$(dirname "$0")/.."
buf generate
echo 'gen: gen/src is generated from proto/'
