look() {
  local state=WAITING exit= cancel= started=
  read -r started <"$2/started"
  [ "$started" != "$3" ] || state=RUNNING
  if is_alive "$3"; then printf 'queue|%s|%s||%s\n' "$3" "$state" "$HOSTNAME"; fi
  read -r exit <"$2/exit"
  read -r cancel <"$2/cancel"
  printf 'marker|%s|%s|%s\n' "$1" "$exit" "$cancel"
} 2>/dev/null
@@markers
