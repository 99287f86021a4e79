#!/usr/bin/env bash
# Installs the locked dependencies with whatever Node (20 or newer) and npm the machine has; from then on Node is the
# pinned one in node_modules/.bin. Nothing happens when the lock is unchanged since the last complete installation.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
stamp=node_modules/.muster-setup
bin=$root/node_modules/.bin

# The pinned Node must not run the npm that is about to delete it.
PATH=":$PATH:"
PATH=${PATH//":$bin:"/:}
PATH=${PATH#:}
PATH=${PATH%:}
export PATH

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# What decides the content of node_modules, and the machine's kind: a tree copied from elsewhere has foreign binaries.
wanted() { { uname -sm; cat package-lock.json; } | cksum; }

if [[ -x $bin/node && -f $stamp && $(wanted) == "$(cat "$stamp")" ]]; then exit 0; fi

command -v node >/dev/null || fail 'needs Node 20 or newer to start from, and finds no node; install it, for instance from https://nodejs.org'
command -v npm >/dev/null || fail 'needs npm, and finds none; install it (Debian: apt-get install npm)'
major=$(node -p 'process.versions.node.split(".")[0]')
((major >= 20)) || fail "needs Node 20 or newer to start from, this is $(node -v); install a newer one"

started=$SECONDS
say "installing under Node $(node -v), npm $(npm -v 2>/dev/null)"
# The engine warnings speak of the old Node, which only installs. npm may not ask, and may not run hidden: no stdin.
if ! npm ci --no-progress --loglevel=error </dev/null; then
  fail 'npm ci failed, its reason is above; without network, set up a registry mirror in ~/.npmrc and run make setup again'
fi

# Where npm is told to run no scripts (ignore-scripts in a user's .npmrc), the pinned Node is still missing here.
if ! "$bin/node" -v >/dev/null 2>&1; then
  npm rebuild node --ignore-scripts=false --loglevel=error </dev/null || true
fi
have=$("$bin/node" -v 2>/dev/null) || fail 'the pinned Node did not arrive in node_modules/.bin; run: npm rebuild node --ignore-scripts=false'
[[ $have == v24.* ]] || fail "node_modules/.bin/node is $have, not Node 24; run: make clean setup"
"$bin/node" -e "new (require('better-sqlite3'))(':memory:').close()" ||
  fail 'better-sqlite3 has no binary for this machine; install python3, make and g++, then run: cd node_modules/better-sqlite3 && npx node-gyp rebuild --release'

wanted >"$stamp"
say "done, Node $have, took $((SECONDS - started)) s"
