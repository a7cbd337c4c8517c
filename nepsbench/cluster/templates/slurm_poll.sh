squeue --me -h -r -t all -o 'queue|%A|%T|%r|%N'@@cluster_option || exit 75
marker() {
  local exit= cancel=
  read -r exit <"$2/exit"
  read -r cancel <"$2/cancel"
  printf 'marker|%s|%s|%s\n' "$1" "$exit" "$cancel"
} 2>/dev/null
@@markers
