#!/usr/bin/env bash
# The main job, start to end, on this machine: an orchestrator with its embedded store, two agents, a few jobs, and away again.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-demo-XXXXXX")
# shellcheck source=scripts/lib-cluster.sh
source scripts/lib-cluster.sh
finish() {
  local code=$?
  stop_cluster
  if [ "$code" -eq 0 ]; then rm -rf "$dir"; else echo "demo failed; logs are in $dir" >&2; fi
}
trap finish EXIT

step() { printf '\n\033[1m== %s\033[0m\n' "$1"; }
run() {
  printf '$ muster %s\n' "${*@Q}"
  muster "$@"
}
# expect CODE COMMAND...: runs it and insists on its exit code.
expect() {
  local wanted=$1 code=0
  shift
  run "$@" || code=$?
  [ "$code" -eq "$wanted" ] || { echo "exit code $code instead of $wanted" >&2; exit 1; }
  echo "(exit code $code)"
}

step 'An orchestrator, and two nodes that join it'
start_orchestrator
start_agent node-1 --label disk=ssd
start_agent node-2
await_nodes 2
run nodes

step 'A script on one node, chosen by a label, with live output'
cat >"$dir/survey.sh" <<'SCRIPT'
#!/bin/sh
echo "this is $MUSTER_NODE, $(uname -sr), $(nproc) cores"
for step in one two three; do echo "step $step"; sleep 0.3; done
SCRIPT
expect 0 run --label disk=ssd --script "$dir/survey.sh"

step 'The same command on every node'
expect 0 run --all -- sh -c 'echo "up since $(uptime -s 2>/dev/null || cat /proc/uptime)"'

step 'A failure, with its exit code and its reason'
expect 3 run -- sh -c 'echo "some output"; echo "the disk is on fire" >&2; exit 3'
expect 125 run -- no-such-program

step 'A long job, cancelled'
muster run --detach -o json -- sh -c 'echo started; sleep 600' >"$dir/job.json"
id=$(json id "$dir/job.json")
run cancel "$id"
run logs -f "$id" || true
run job get "$id"

step 'The same job through gRPC, with server reflection and no .proto at hand'
# The key goes through a file: what stands in arguments, every user of the machine can read.
(umask 077 && printf 'authorization: Bearer %s' "$(cat "$MUSTER_TOKEN_FILE")" >"$dir/header")
echo '$ buf curl --protocol grpc $MUSTER_URL/muster.control.v1.JobService/GetJob'
buf curl --protocol grpc --cacert "$MUSTER_CA_FILE" --header "@$dir/header" --reflect-header '*' \
  --data "{\"jobId\": \"$id\"}" "$MUSTER_URL/muster.control.v1.JobService/GetJob" | head -n 24

printf '\ndemo ok (%s s)\n' "$((SECONDS - started))"
