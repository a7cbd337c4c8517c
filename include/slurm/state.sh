# Read by slurm-up.sh and slurm-down.sh: where everything lies, and which daemons there are.

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
STATE=${NEPSBENCH_SLURM_STATE:-$REPOSITORY/.platform/slurm}
[[ $STATE = /* ]] || STATE=$PWD/$STATE
ACCOUNTING=${NEPSBENCH_SLURM_ACCOUNTING:-0}
DAEMONS=(munged slurmctld slurmd sshd)
[ "$ACCOUNTING" != 1 ] || DAEMONS+=(mariadbd slurmdbd)

stop_with() {
  echo "error: $1" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || stop_with "the developer cluster needs root; run this as root"
[[ $STATE =~ ^[A-Za-z0-9_/.-]{1,80}$ ]] ||
  stop_with "state folder $STATE: SLURM needs a path of at most 80 plain characters; set NEPSBENCH_SLURM_STATE"

# True while a process runs; one that has ended and waits to be reaped has no command line.
runs() { [ -n "$(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline")" ]; } 2>/dev/null

# Prints the pid of a daemon of this state folder, or nothing. A pid file may be stale and its
# number another program's by now.
pid_of() {
  local pid
  pid=$(cat "$STATE/run/$1.pid" 2>/dev/null) || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] && runs "$pid" || return 1
  echo "$pid"
}

all_up() {
  local name
  for name in "${DAEMONS[@]}"; do pid_of "$name" >/dev/null || return 1; done
}
