/**
 * The shell text that keeps runs. One `sh` reads it on standard input and then one command line per run; the text must
 * work unchanged in dash, busybox ash and bash. On the way of a run no program is executed but the run's own (and
 * `setsid`, in shells without job control).
 *
 * Processes of one run:   zygote ──fork──▶ keeper ──fork──▶ the run itself (exec)
 *                                             └─fork──▶ watch, only with a run timeout
 * The keeper outlives the zygote and the agent: it waits, then writes the exit line.
 *
 * The run's file `<dir>/<id>`, lines in this order, each complete only with its newline:
 *   claim BOOT_ID <stat line of the keeper>  the file is created by this line, exclusively: whoever creates it, wins
 *   watch PID                                only with a run timeout
 *   job <stat line of the run, just before exec>
 *   failed STEP                              the run's exec (or what comes before it) did not happen
 *   timeout                                  the watch has begun to end the run
 *   signal NAME, memory BYTES                written by the agent
 *   0m0.00s 0m0.00s                          `times`: the keeper, then its children
 *   exit STATUS UPTIME IDLE                  the end; the truth
 * and whatever the shell says on standard error ("Killed"), which tells a signal from an exit status above 128.
 * Notices on the FIFO are hints: `s ID STAT` started, `e ID` ended, `d ID` somebody else holds the claim.
 */

/** How the zygote's variables are set before the script. */
export interface ZygoteSettings {
  /** Where the files of runs are. */
  readonly directory: string;
  readonly fifoPath: string;
  readonly bootId: string;
  /** The program `setsid`; empty where there is none: then, in shells without job control, runs share a group. */
  readonly setsidPath: string;
}

/** Where programs are looked up when a job's environment has no PATH; execvp's and Debian's default. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Names starting with this are the script's own variables: a job's environment cannot be exported under them. */
export const RESERVED_PREFIX = '_muster_';

/** The command that starts a run: ID DIRECTORY STDIN TIMEOUT_S GRACE_S SIGNAL NAME=VALUE... -- PROGRAM ARGUMENT... */
export const RUN_COMMAND = '_muster_run';

/** The script. Read the head of this file first. */
export const ZYGOTE_SCRIPT = String.raw`
umask 077
set -C                       # '>' creates exclusively: this is the claim
PATH=${DEFAULT_PATH}         # not exported: the zygote's environment is empty
_muster_reap=0
if [ -n "\${BASH_VERSION-}" ]; then
  # bash has job control without a terminal: a process group for each run, and no ignored SIGINT and SIGQUIT.
  _muster_job_control=1
  set -m
else
  _muster_job_control=
  exec 2>/dev/null           # this shell would print "Killed" for each _muster_orphan
fi

_muster_run() {
  if [ "$_muster_job_control" ]; then
    _muster_keep "$@" &
    # Ended keepers stay in the shell's job table until looked at: 64 keeps it small at no cost per run.
    _muster_reap=$((_muster_reap + 1))
    if [ $_muster_reap -ge 64 ]; then _muster_reap=0; jobs >/dev/null; fi
  else
    ( _muster_orphan "$@" )
  fi
}

# Without job control '&' makes the child ignore SIGINT and SIGQUIT for good, and a run would inherit that. So the
# keeper is forked in the foreground by a shell that it kills itself: the zygote goes on, and nothing is ignored.
# The pid is this shell's own, not "my parent": should it be dead already, nobody else is hit.
_muster_orphan() {
  read -r _muster_middle _muster_rest </proc/self/stat
  ( kill -9 "$_muster_middle"; _muster_keep "$@" )
  :                          # keeps the line above from being executed in place
}

# A hint for the agent. Never create the FIFO: '<>' would make a plain file of it. '<>' neither blocks nor breaks
# when no agent reads.
_muster_notice() {
  if [ -p "$_muster_fifo" ]; then echo "$1" 1<>"$_muster_fifo"; fi
}

_muster_keep() {
  # Whoever signals everything around the agent shall not take the records of exits with it. A handler, not '':
  # handlers are not inherited by the run.
  trap : HUP INT QUIT TERM USR1 USR2
  exec </dev/null >/dev/null
  _muster_id=$1
  _muster_file=$_muster_dir/$1
  read -r _muster_stat </proc/self/stat
  if { echo "claim $_muster_boot $_muster_stat" >"$_muster_file"; } 2>/dev/null; then :; else
    _muster_notice "d $_muster_id"
    exit
  fi
  exec 2>>"$_muster_file"    # the record, also for what the shell has to say
  _muster_watcher=
  if [ "$4" != 0 ]; then
    _muster_watch "$4" "$5" "$6" &
    _muster_watcher=$!
    echo "watch $_muster_watcher" >&2
  fi
  if [ "$_muster_job_control" ]; then set -m; fi   # the run gets a group apart from the keeper's
  ( _muster_become "$@" )
  _muster_status=$?
  read -r _muster_uptime </proc/uptime
  times >&2
  # A full disk may tear the line: then again, on a line of its own, until it fits or the record is gone.
  if echo "exit $_muster_status $_muster_uptime" >&2; then :; else
    while sleep 1; [ -e "$_muster_file" ]; do
      if printf '\nexit %s %s\n' "$_muster_status" "$_muster_uptime" >&2; then break; fi
    done
  fi
  _muster_notice "e $_muster_id"
  # A watch that has begun to kill ignores this and finishes; our pid stays ours meanwhile, as it walks down from it.
  if [ "$_muster_watcher" ]; then kill "$_muster_watcher"; wait "$_muster_watcher"; fi
}

# Becomes the run. Arguments as for _muster_run. Whatever fails here before the exec is told apart from an exit code
# of the program by the line 'failed'; only bash leaves a failed exec without it (see observe-run.ts).
_muster_become() {
  trap 'echo "failed $_muster_step" >>"$_muster_file"' EXIT
  _muster_step=directory
  cd -P -- "$2" || exit 126
  _muster_stdin=$3
  read -r _muster_stat </proc/self/stat
  echo "job $_muster_stat" >&2
  _muster_notice "s $_muster_id $_muster_stat"
  shift 6
  umask 022
  unset PWD OLDPWD SHLVL     # the shell's own; the job's come next
  while [ "$1" != -- ]; do export "$1"; shift; done
  shift
  _muster_step=exec
  # Job control gave the run a group; elsewhere setsid gives it a session, so that its 'kill 0' hits only itself.
  if [ "$_muster_job_control" ] || [ -z "$_muster_setsid" ]; then
    exec "$@" <"$_muster_stdin" >>"$_muster_file.out" 2>>"$_muster_file.err"
  else
    exec "$_muster_setsid" "$@" <"$_muster_stdin" >>"$_muster_file.out" 2>>"$_muster_file.err"
  fi
}

# Ends the run when its time is over, also while no agent lives. Arguments: timeout, grace (s), signal.
_muster_watch() {
  trap 'kill $_muster_nap 2>/dev/null; exit' TERM
  read -r _muster_up _muster_rest </proc/uptime
  _muster_end=$((\${_muster_up%.*} + $1 + 1))
  while :; do
    read -r _muster_up _muster_rest </proc/uptime
    _muster_left=$((_muster_end - \${_muster_up%.*}))
    if [ $_muster_left -le 0 ]; then break; fi
    if [ $_muster_left -gt 5 ]; then _muster_left=5; fi
    sleep $_muster_left & _muster_nap=$!
    wait $_muster_nap
  done
  trap '' TERM               # begun, so finish: the main process may end before its children do
  echo timeout >&2
  _muster_kill_tree "$3"
  _muster_left=$2
  while [ $_muster_left -gt 0 ] && _muster_kill_tree 0; do sleep 1; _muster_left=$((_muster_left - 1)); done
  _muster_left=30            # what SIGKILL does not end within 30 s hangs in the kernel
  while [ $_muster_left -gt 0 ] && _muster_kill_tree KILL; do sleep 1; _muster_left=$((_muster_left - 1)); done
}

# Signals every process of the run: descendants of the keeper except this watch, and whoever carries the mark.
# False when there is none. Signal 0 only looks.
_muster_kill_tree() {
  read -r _muster_self _muster_rest </proc/self/stat
  _muster_keeper=\${_muster_stat%% *}
  _muster_known=" $_muster_keeper "
  _muster_before=
  while [ "$_muster_before" != "$_muster_known" ]; do
    _muster_before=$_muster_known
    for _muster_proc in /proc/[0-9]*; do
      _muster_pid=\${_muster_proc#/proc/}
      case "$_muster_known" in *" $_muster_pid "*) continue;; esac
      if [ "$_muster_pid" = "$_muster_self" ]; then continue; fi
      { read -r _muster_line <"$_muster_proc/stat"; } 2>/dev/null || continue
      _muster_line=\${_muster_line##*) }
      case $_muster_line in Z*|X*) continue;; esac
      _muster_line=\${_muster_line#* }
      case "$_muster_known" in *" \${_muster_line%% *} "*) _muster_known="$_muster_known$_muster_pid ";; esac
    done
  done
  for _muster_proc in $(grep -lsF "MUSTER_ATTEMPT=\${_muster_id%-*}" /proc/[0-9]*/environ); do
    _muster_pid=\${_muster_proc#/proc/}
    _muster_pid=\${_muster_pid%/environ}
    case "$_muster_known" in *" $_muster_pid "*) ;; *) _muster_known="$_muster_known$_muster_pid ";; esac
  done
  _muster_known=\${_muster_known#" $_muster_keeper "}
  if [ -z "$_muster_known" ]; then return 1; fi
  kill -s "$1" $_muster_known 2>/dev/null
  return 0
}
`.replaceAll('\\$', '$');
