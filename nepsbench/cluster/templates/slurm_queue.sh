errors=$(mktemp) && trap 'rm -f -- "$errors"' EXIT || errors=/dev/null
clusters=
# Remembers the cluster of <id>;<cluster>: from then on it is asked, too.
learn() {
  local cluster=${1#*;}
  [ "$cluster" != "$1" ] || return
  [[ ",$clusters," = *",$cluster,"* ]] || clusters+=${clusters:+,}$cluster
}
# Sets on=(-M <cluster>): that of an id, or all that are known.
choose() {
  local cluster=$clusters
  case ${1-} in
    *';'*) cluster=${1#*;} ;;
    ?*) cluster=${clusters%%,*} ;;
  esac
  on=()
  [ -z "$cluster" ] || on=(-M "$cluster")
}
# Asks the queue: sets rows, or no_rows to why there are none. Only our jobs count. With -M, lines
# between them say on which cluster they are.
ask_queue() {
  local code
  no_rows=
  choose
  rows=$(SLURM_BITSTR_LEN=0 SLURM_TIME_FORMAT=standard timeout -k 2 @@patience \
    squeue --me -h -t all -o 'queue|%F|%K|%T|%r|%N|%S|%j' "${on[@]}" 2>"$errors")
  code=$?
  if [ "$code" != 0 ]; then
    rows= no_rows="squeue: exit code $code: $(squeeze <"$errors")"
  fi
  rows=$(awk -F '|' -v OFS='|' -v cluster="${clusters%%,*}" '
    sub(/^CLUSTER: */, "") {cluster = $0; next}
    $1 == "queue" && $8 ~ /^nb-/ {if (cluster != "") $2 = $2 ";" cluster; print}' <<<"$rows")
}
tell_queue() {
  if [ -n "$no_rows" ]; then
    printf 'noqueue|%s\n' "$no_rows"
  else
    printf '%s\n' "$rows"
  fi
}
