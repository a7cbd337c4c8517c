# One task of a job: runs the worker, passes signals on to it (of all processes of a task, SLURM may
# tell only the first), and puts on record how it ended, and whether it was told to: srun's own exit
# code is 0 also when it gave up waiting for tasks that it was told to end.
# task <folder of records> <number of the worker; empty: as SLURM says> <command>...
export NEPSBENCH_WORKER=${2:-$SLURM_PROCID}
record=$1/$NEPSBENCH_WORKER worker= heard= told= code=
shift 2
: >"$record"
pass_on() {
  heard=$1
  [ "$1" != TERM ] || told=told
  [ -z "$worker" ] || kill -s "$1" "$worker"
} 2>/dev/null
for signal in TERM USR1 USR2 INT HUP; do trap "pass_on $signal" "$signal"; done
# The exit code comes through a pipe: bash's wait loses it if a signal comes together with the end.
exec 4>&1 3< <(
  trap : TERM USR1 USR2 INT HUP
  bash -c 'echo "worker $$"; exec "$@" >&4 4>&-' nepsbench "$@"
  echo "code $?"
)
while read -r what value <&3; do
  case $what in
    worker)
      worker=$value
      [ -z "$heard" ] || kill -s "$heard" "$worker"
      ;;
    code) code=$value worker= ;;
  esac
done
echo "$code $told" >"$record" || exit 74
exit "${code:-143}"
