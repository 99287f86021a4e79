#!/usr/bin/env bash
# An orchestrator and two agents on this machine, left running until Ctrl-C; what they keep stays in .muster/up for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${MUSTER_UP_DIR:-$PWD/.muster/up}
mkdir -p "$dir"
agent_listen=127.0.0.1:${MUSTER_UP_AGENT_PORT:-7443}
control_listen=127.0.0.1:${MUSTER_UP_CONTROL_PORT:-7444}
# shellcheck source=scripts/lib-cluster.sh
source scripts/lib-cluster.sh
trap stop_cluster EXIT

start_orchestrator
start_agent node-1 --label disk=ssd
start_agent node-2
await_nodes 2
cat <<TEXT

Muster is up: two nodes, everything below $dir. In another terminal, in $PWD:

  export MUSTER_URL=$MUSTER_URL
  export MUSTER_CA_FILE=$MUSTER_CA_FILE
  export MUSTER_TOKEN_FILE=$MUSTER_TOKEN_FILE

  npx muster nodes                                   # what is there
  npx muster run -- sh -c 'echo hello from \$(hostname)'
  npx muster run --all -- uptime                     # on every node
  npx muster run --label disk=ssd -- df -h /
  npx muster jobs                                    # what ran, and how it ended
  npx muster token create                            # lets another machine join

Ctrl-C ends it; jobs that run go on until they end.
TEXT
wait
