#!/usr/bin/env bash
# Compares the contract with the newest release tag: what a released client relies on may not change (FILE).
set -euo pipefail
cd "$(dirname "$0")/.."
tag=$(git tag --list 'v*' --sort=-version:refname | head -1)
if [[ -z $tag ]]; then
  echo 'check-breaking: skipped, there is no release tag (v*) yet'
  exit 0
fi
buf breaking --against ".git#tag=$tag"
