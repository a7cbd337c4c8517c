# Prints new bytes of a file: log|<number>|<base64>.
# tell_log <number> <path> <offset> <limit>
tell_log() {
  local bytes
  bytes=$(tail -c "+$(($3 + 1))" -- "$2" | head -c "$4" | base64 -w 0)
  [ -z "$bytes" ] || printf 'log|%s|%s\n' "$1" "$bytes"
} 2>/dev/null
