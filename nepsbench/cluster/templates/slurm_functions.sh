queue=
list_queue() { queue=$(squeue --me -h -t all -o '%A|%T|%j'@@cluster_option); }
is_alive() {
  local id state
  while IFS='|' read -r id state _; do
    [ "$id" = "${1%%;*}" ] || continue
    case $state in
      BOOT_FAIL | CANCELLED | COMPLETED | DEADLINE | FAILED | NODE_FAIL | OUT_OF_MEMORY | REVOKED | TIMEOUT) ;;
      *) return 0 ;;
    esac
  done <<<"$queue"
  return 1
}
find_unrecorded() {
  local id state name
  while IFS='|' read -r id state name; do
    if [ "$name" = @@name ] && is_alive "$id"; then
      echo "$id"
      return
    fi
  done <<<"$queue"
}
record() { printf '%s\n' "$1" >id.tmp && mv id.tmp id; }
launch() { sbatch --parsable @@options job.sh 9>&-; }
