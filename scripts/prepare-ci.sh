#!/usr/bin/env bash
# Brings what the tests want on a Debian machine that has Node, npm, git and make: ssh and sshd, curl, setsid, grpcurl, a
# Docker engine. Prints, as shell lines for the caller to eval, the PATH to use and MUSTER_CI_WITHOUT: the tools that this
# machine cannot have, whose tests are then skipped in spite of CI=true. All other output goes to stderr.
set -euo pipefail
cd "$(dirname "$0")/.."
grpcurl_version=v1.9.3
tools=${MUSTER_TOOLS_DIR:-$PWD/.muster/tools}
go=$(command -v go || echo /usr/local/go/bin/go)
without=()
say() { printf 'prepare-ci: %s\n' "$*" >&2; }
as_root() { if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi; }

install_packages() {
  local missing=()
  export DEBIAN_FRONTEND=noninteractive
  [[ -x /usr/sbin/sshd ]] || missing+=(openssh-server)
  command -v ssh >/dev/null || missing+=(openssh-client)
  command -v curl >/dev/null || missing+=(curl)
  command -v setsid >/dev/null || missing+=(util-linux)
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  # A policy of 101 keeps Debian from starting an sshd of the machine's own: the tests start private ones.
  local policy=/usr/sbin/policy-rc.d made=
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy" && made=yes
  fi
  { as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null </dev/null ||
    say "apt-get could not install ${missing[*]}"
  if [[ -n $made ]]; then as_root rm -f "$policy"; fi
}

install_grpcurl() {
  if command -v grpcurl >/dev/null || [[ -x $tools/grpcurl ]]; then return 0; fi
  if [[ ! -x $go ]]; then
    say 'grpcurl is missing, and so is Go, which would build it'
    return 0
  fi
  mkdir -p "$tools"
  local try
  # A second time, because it fetches its sources over the network; what was compiled before stays in its cache.
  for try in first second; do
    say "building grpcurl $grpcurl_version, $try try"
    GOBIN=$tools timeout 150 "$go" install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_version" >&2 && return 0
  done
  say 'grpcurl could not be built; its tests will fail'
}

docker_answers() { timeout 20 docker version >/dev/null 2>&1 </dev/null; }

# An engine of Debian's packages, if none answers; .ci/run ends it by the pid in .muster/dockerd.pid.
start_docker() {
  if docker_answers || ((EUID != 0)); then return 0; fi
  if ! command -v dockerd >/dev/null; then
    say 'installing docker.io'
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io iptables; } >/dev/null </dev/null || return 0
  fi
  if docker_answers; then return 0; fi
  mkdir -p .muster
  setsid dockerd >.muster/dockerd.log 2>&1 </dev/null &
  echo $! >.muster/dockerd.pid
  for _ in $(seq 60); do
    if docker_answers; then return 0; fi
    sleep 0.5
  done
  say 'dockerd does not answer; the end of its log:'
  tail -n 5 .muster/dockerd.log >&2
}

# What no package brings: a booted systemd, a browser, a GPU.
note_absent() {
  [[ -x /usr/sbin/sshd ]] || without+=(sshd)
  # Where Go could have built it, its absence is a failure and no excuse.
  PATH="$tools:$PATH" command -v grpcurl >/dev/null || [[ -x $go ]] || without+=(grpcurl)
  docker_answers || without+=(docker)
  [[ -d /run/systemd/system ]] || without+=(systemd)
  command -v chromium >/dev/null || command -v google-chrome >/dev/null || without+=(browser)
  command -v nvidia-smi >/dev/null || without+=(nvidia-smi)
  if ((${#without[@]})); then say "this machine does without: ${without[*]}"; fi
}

install_packages
install_grpcurl
start_docker
note_absent
printf 'export PATH=%q\n' "$tools:$PATH"
printf 'export MUSTER_CI_WITHOUT=%q\n' "${without[*]}"
