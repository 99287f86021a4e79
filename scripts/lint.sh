#!/usr/bin/env bash
# Everything that can be judged without running the product. All steps run, so that one call shows all there is to mend.
set -uo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
failed=()
step() {
  local name=$1
  shift
  echo "lint: $name"
  "$@" || failed+=("$name")
}

step 'format and rules' biome check --error-on-warnings --max-diagnostics=50 .
step 'generated code' scripts/check-gen.sh
step 'types' tsc -b
if [[ -n $(find proto -name '*.proto' -print -quit 2>/dev/null) ]]; then
  step 'contract' buf lint
  step 'contract against the release' scripts/check-breaking.sh
fi
step 'imports' node scripts/check-imports.ts
step 'docs' node --conditions=muster-source --disable-warning=ExperimentalWarning scripts/check-docs.ts
step 'files' node scripts/check-files.ts

took="took $((SECONDS - started)) s"
if ((${#failed[@]})); then
  printf -v names '%s, ' "${failed[@]}"
  echo "lint: failed: ${names%, }; $took" >&2
  exit 1
fi
echo "lint: clean, $took"
