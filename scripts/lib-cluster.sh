# Sourced by demo.sh and up.sh: a small cluster on loopback in one directory, its programs ended by pid.
# Needs: $dir. Gives: start_orchestrator, start_agent NAME [flags], stop_cluster, and the settings of `muster` in the environment.

PATH="$PWD/node_modules/.bin:$PATH"
pids=()

stop_cluster() {
  local pid
  # Agents first, so that the orchestrator sees them go.
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    pid=${pids[i]}
    # A program that had failed must not keep the others from being ended (set -e holds in traps too).
    if kill -TERM "$pid" 2>/dev/null; then wait "$pid" 2>/dev/null || true; fi
  done
  pids=()
}

# await FILE PID LOG: until the file is there; shows the log if the program ends first.
await() {
  local deadline=$((SECONDS + 60))
  until [ -e "$1" ]; do
    if ! kill -0 "$2" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      echo "it did not start; the end of $3:" >&2
      tail -n 20 "$3" >&2
      return 1
    fi
    sleep 0.05
  done
}

# json FIELD FILE: one text field of a flat JSON file.
json() {
  node -p 'JSON.parse(require("node:fs").readFileSync(process.argv[2], "utf8"))[process.argv[1]]' "$1" "$2"
}

start_orchestrator() {
  mkdir -p "$dir/orchestrator"
  rm -f "$dir/orchestrator/endpoints.json"
  muster-orchestrator --data-dir "$dir/orchestrator" \
    --agent-listen "${agent_listen:-127.0.0.1:0}" --control-listen "${control_listen:-127.0.0.1:0}" \
    >>"$dir/orchestrator.log" 2>&1 &
  pids+=($!)
  await "$dir/orchestrator/endpoints.json" $! "$dir/orchestrator.log"
  export MUSTER_URL MUSTER_CA_FILE MUSTER_TOKEN_FILE
  MUSTER_URL=$(json control_url "$dir/orchestrator/endpoints.json")
  MUSTER_CA_FILE=$(json ca_file "$dir/orchestrator/endpoints.json")
  MUSTER_TOKEN_FILE=$(json admin_token_file "$dir/orchestrator/endpoints.json")
}

start_agent() {
  local name=$1
  shift
  local join=()
  if [ ! -d "$dir/$name" ]; then
    (umask 077 && muster token create >"$dir/$name.token")
    join=(--join-token-file "$dir/$name.token")
  fi
  muster-agent --state-dir "$dir/$name" --name "$name" --cloud-metadata off "${join[@]}" "$@" >>"$dir/$name.log" 2>&1 &
  pids+=($!)
}

# await_nodes N: until that many nodes are online.
await_nodes() {
  local deadline=$((SECONDS + 60)) online=0
  until [ "$online" -ge "$1" ]; do
    if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "${pids[@]}" 2>/dev/null; then
      echo "only $online of $1 nodes came online; see the logs in $dir" >&2
      tail -n 5 "$dir"/*.log >&2
      return 1
    fi
    sleep 0.1
    online=$(muster nodes -o json | grep -c NODE_STATE_ONLINE) || true
  done
}
