#!/usr/bin/env bash
# Removes what can be made again: dependencies, compiled code, packed packages. State directories (.muster) stay.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf node_modules ./*/node_modules ./*/dist ./*.tgz ./*/*.tgz
find . -name '*.tsbuildinfo' -not -path './.git/*' -not -path './.muster/*' -delete
echo 'clean: done'
