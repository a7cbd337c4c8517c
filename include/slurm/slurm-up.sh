#!/bin/bash
# Starts a one-machine SLURM and an sshd, with keys of their own, all state in one folder.
#
#   slurm-up.sh [--foreground]
#
# Running already: does nothing. With --foreground it stays, and stops the cluster when it is told
# to stop or a daemon ends (for containers). Needs root, no systemd. Variables, all optional:
#   NEPSBENCH_SLURM_STATE                     folder of all state       .platform/slurm
#   NEPSBENCH_SLURM_PYTHON                    interpreter for jobs      .venv/bin/python, else python3
#   NEPSBENCH_SLURM_CPUS, _MEMORY             of the node, MB           as the machine, three quarters of the machine's
#   NEPSBENCH_SLURM_MIN_JOB_AGE               seconds                   20
#   NEPSBENCH_SLURM_MAX_ARRAY_SIZE, _MAX_JOB_COUNT                      1001, 1000
#   NEPSBENCH_SLURM_ACCOUNTING                1 for slurmdbd, with MariaDB      0
#   NEPSBENCH_SLURM_EXTRA_CONF                lines for slurm.conf; they replace its own of that name
#   NEPSBENCH_SLURM_SSH_EXTRA_CONF            lines for the head of sshd_config, where the first one counts
#   NEPSBENCH_SLURM_SSH_HOST, _SSH_LISTEN, _SSH_PORT                    127.0.0.1, 127.0.0.1, a free port
# Writes: clusters/dev-slurm.yaml (the cluster file) and env.sh (SLURM_CONF, the Airflow connection).
set -eu
SOURCE=$(cd "$(dirname "$0")" && pwd)
. "$SOURCE/state.sh"

main() {
  mkdir -p "$STATE"
  exec 9>"$STATE/lock"
  flock 9
  if all_up; then
    echo "The developer cluster is up already."
  else
    "$SOURCE/slurm-down.sh" --quiet 9>&-
    install_packages
    make_folders
    make_keys
    choose_values
    write_files
    start_daemons
    wait_for_node
  fi
  exec 9>&-
  echo "Cluster file: $STATE/clusters/dev-slurm.yaml"
  echo "Environment:  . $STATE/env.sh"
  [ "${1-}" != --foreground ] || stay
}

install_packages() {
  local missing=() pair
  local wanted=(slurmctld:slurmctld slurmd:slurmd sbatch:slurm-client munged:munge sshd:openssh-server)
  [ "$ACCOUNTING" != 1 ] || wanted+=(slurmdbd:slurmdbd mariadbd:mariadb-server-core my_print_defaults:mariadb-client-core)
  for pair in "${wanted[@]}"; do
    PATH=$PATH:/usr/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ "${#missing[@]}" = 0 ] && return
  command -v apt-get >/dev/null || stop_with "not installed: ${missing[*]}; install them and run again"
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
}

make_folders() {
  umask 022
  mkdir -p "$STATE"/{run,log,controller,spool,ssh,work,clusters} /run/sshd
  chmod 755 "$STATE" "$STATE/run" "$STATE/log"
  chmod 700 "$STATE/ssh"
}

make_keys() {
  [ -f "$STATE/ssh/host_ed25519" ] ||
    ssh-keygen -q -t ed25519 -N '' -C dev-slurm-host -f "$STATE/ssh/host_ed25519"
  [ -f "$STATE/ssh/id_ed25519" ] ||
    ssh-keygen -q -t ed25519 -N '' -C dev-slurm-user -f "$STATE/ssh/id_ed25519"
  cp "$STATE/ssh/id_ed25519.pub" "$STATE/ssh/authorized_keys"
  if [ ! -f "$STATE/ssh/munge.key" ]; then
    (umask 077 && head -c 1024 /dev/urandom >"$STATE/ssh/munge.key")
  fi
}

# The last ports again where they are free, so that files written for them stay right.
choose_values() {
  local used=' ' port
  if [ -f "$STATE/ports" ]; then . "$STATE/ports"; fi
  SSH_PORT=${NEPSBENCH_SLURM_SSH_PORT:-${SSH_PORT-}}
  SSH_PORT=$(free_port "$SSH_PORT")
  used+="$SSH_PORT "
  CONTROLLER_PORT=$(free_port "${CONTROLLER_PORT-}")
  used+="$CONTROLLER_PORT "
  NODE_PORT=$(free_port "${NODE_PORT-}")
  used+="$NODE_PORT "
  ACCOUNT_PORT=$(free_port "${ACCOUNT_PORT-}")
  used+="$ACCOUNT_PORT "
  STORAGE_PORT=$(free_port "${STORAGE_PORT-}")
  for port in SSH CONTROLLER NODE ACCOUNT STORAGE; do
    port+=_PORT
    echo "$port=${!port}"
  done >"$STATE/ports"

  HOSTNAME=$(hostname -s)
  USER=$(id -un)
  SSH_HOST=${NEPSBENCH_SLURM_SSH_HOST:-127.0.0.1}
  SSH_LISTEN=${NEPSBENCH_SLURM_SSH_LISTEN:-127.0.0.1}
  CPUS=${NEPSBENCH_SLURM_CPUS:-$(nproc)}
  MEMORY=${NEPSBENCH_SLURM_MEMORY:-$(awk '/^MemTotal/ {print int($2 / 1024 * 3 / 4)}' /proc/meminfo)}
  MIN_JOB_AGE=${NEPSBENCH_SLURM_MIN_JOB_AGE:-20}
  MAX_ARRAY_SIZE=${NEPSBENCH_SLURM_MAX_ARRAY_SIZE:-1001}
  MAX_JOB_COUNT=${NEPSBENCH_SLURM_MAX_JOB_COUNT:-1000}
  PYTHON=${NEPSBENCH_SLURM_PYTHON:-$REPOSITORY/.venv/bin/python}
  [ -x "$PYTHON" ] || PYTHON=$(command -v python3 || echo python3)
  EXTRA_CONF=${NEPSBENCH_SLURM_EXTRA_CONF-}
  SSH_EXTRA_CONF=${NEPSBENCH_SLURM_SSH_EXTRA_CONF-}
  ACCOUNTING_CONF=AccountingStorageType=accounting_storage/none
  if [ "$ACCOUNTING" = 1 ]; then
    ACCOUNTING_CONF="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$ACCOUNT_PORT
AccountingStoragePass=$STATE/run/munge.socket"
  fi
  HOST_KEY=$(cut -d' ' -f1,2 "$STATE/ssh/host_ed25519.pub")
}

is_free() { ! listens "$1" && [[ $used != *" $1 "* ]]; }

# Prints the wanted port if it is free, else another one.
free_port() {
  local port=$1
  for _ in {1..200}; do
    if [ -n "$port" ] && is_free "$port"; then
      echo "$port"
      return
    fi
    port=$((20000 + RANDOM % 12000))
  done
  stop_with "no free port found between 20000 and 32000"
}

# Fills the places of a template, @LIKE_THIS@, with the variables of this script.
fill() {
  local text name
  text=$(<"$SOURCE/$1")
  while [[ $text =~ @([A-Z_]+)@ ]]; do
    name=${BASH_REMATCH[1]}
    text=${text//"@$name@"/"${!name}"}
  done
  printf '%s\n' "$text" >"$2.tmp" && mv "$2.tmp" "$2"
}

write_files() {
  fill slurm.conf.in "$STATE/slurm.conf"
  extend_slurm_conf
  fill sshd_config.in "$STATE/ssh/sshd_config"
  fill dev-slurm.yaml.in "$STATE/clusters/dev-slurm.yaml"
  local name="[$SSH_HOST]:$SSH_PORT"
  [ "$SSH_PORT" != 22 ] || name=$SSH_HOST
  echo "$name $HOST_KEY" >"$STATE/ssh/known_hosts"
  (umask 077 && fill env.sh.in "$STATE/env.sh")
}

# SLURM complains of a word said twice, but nodes and partitions are lists.
extend_slurm_conf() {
  local name
  while IFS='=' read -r name _; do
    case $name in NodeName | PartitionName | '') ;; *) sed -i "/^$name=/d" "$STATE/slurm.conf" ;; esac
  done <<<"$EXTRA_CONF"
  printf '%s\n' "$EXTRA_CONF" >>"$STATE/slurm.conf"
}

start_daemons() {
  export SLURM_CONF=$STATE/slurm.conf PATH=$PATH:/usr/sbin
  munged --force --key-file="$STATE/ssh/munge.key" --socket="$STATE/run/munge.socket" \
    --pid-file="$STATE/run/munged.pid" --log-file="$STATE/log/munged.log" \
    --seed-file="$STATE/run/munge.seed" 9>&-
  [ "$ACCOUNTING" != 1 ] || start_accounting
  slurmctld -f "$SLURM_CONF" 9>&-
  slurmd -f "$SLURM_CONF" 9>&-
  "$(command -v sshd)" -f "$STATE/ssh/sshd_config" -E "$STATE/log/sshd.log" 9>&-
}

# The accounting database: MariaDB on loopback, with a password of its own, then slurmdbd.
start_accounting() {
  local password file=$STATE/ssh/storage_password
  [ -f "$file" ] || (umask 077 && head -c 24 /dev/urandom | sha256sum | cut -c1-32 >"$file")
  password=$(<"$file")
  mkdir -p "$STATE/database"
  [ -d "$STATE/database/mysql" ] ||
    mariadb-install-db --no-defaults --user="$USER" --datadir="$STATE/database" \
      --auth-root-authentication-method=normal --skip-test-db >"$STATE/log/database.log" 2>&1 9>&-
  (umask 077 && echo "CREATE USER IF NOT EXISTS slurm@'127.0.0.1' IDENTIFIED BY '$password';
    GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1';" >"$STATE/ssh/storage.sql")
  setsid mariadbd --no-defaults --user="$USER" --datadir="$STATE/database" --init-file="$STATE/ssh/storage.sql" \
    --bind-address=127.0.0.1 --port="$STORAGE_PORT" --socket="$STATE/run/mariadbd.socket" \
    --pid-file="$STATE/run/mariadbd.pid" --innodb-buffer-pool-size=32M \
    </dev/null >>"$STATE/log/database.log" 2>&1 9>&- &
  await "MariaDB" listens "$STORAGE_PORT"
  (umask 077 && STORAGE_PASSWORD=$password && fill slurmdbd.conf.in "$STATE/slurmdbd.conf")
  slurmdbd 9>&-
  await "slurmdbd" eval 'sacctmgr -n show cluster >/dev/null 2>&1'
  [ -n "$(sacctmgr -n show cluster dev)" ] || sacctmgr -i -Q add cluster dev >/dev/null
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

await() {
  for _ in {1..120}; do
    if "${@:2}"; then return; fi
    sleep 0.25
  done
  stop_with "$1 did not come up in 30 s; its log is in $STATE/log"
}

wait_for_node() {
  local state
  for _ in {1..60}; do
    state=$(sinfo -h -n dev1 -o %T 2>/dev/null | head -n 1) || true
    case $state in
      idle | mixed | allocated)
        all_up && return
        ;;
      down* | drain*) scontrol update nodename=dev1 state=resume 2>/dev/null || true ;;
    esac
    sleep 0.5
  done
  tail -n 5 "$STATE"/log/*.log >&2 || true
  stop_with "the developer cluster did not come up in 30 s; its logs are in $STATE/log"
}

stay() {
  trap '"$SOURCE/slurm-down.sh"; exit 0' TERM INT
  while all_up; do
    sleep 2 &
    wait "$!"
  done
  "$SOURCE/slurm-down.sh"
  stop_with "a daemon of the developer cluster ended; its logs are in $STATE/log"
}

main "$@"
