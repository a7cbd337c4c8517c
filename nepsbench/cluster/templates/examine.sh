# Tells a failed job's last words, and whether they speak of too little memory:
# finding|<token>|<index>|<0 or 1>|<words>. Only what this attempt wrote counts: its claim says how
# long the file of errors was before. A graphics card's memory is another matter.
# examine <folder of submissions> <token> <index> <job directory>
examine() {
  local folder=$1/$2 before memory=0 said own
  local signs='out.of.memory|oom.kill|exceeded (job )?memory limit|memoryerror|bad_alloc'
  signs+='|(cannot|can.t|unable to|failed to) allocate( .*)?memory'
  said=$(
    tail -c 20000 -- "$folder/said/$3"
    if read -r _ before <"$folder/claims/$3"; then
      tail -c "+$((${before:-0} + 1))" -- "$4/stderr" | tail -c 60000
    fi | tr -d '\0'
  )
  if grep -Eai "$signs" <<<"$said" | grep -Eaivq 'cuda|hip|gpu'; then memory=1; fi
  own=$(grep -Eav '^(srun|slurmstepd[^:]*): |^[[:space:]]*$' <<<"$said" | tail -n 1)
  [ -n "$own" ] || own=$(grep -Ea '[^[:space:]]' <<<"$said" | tail -n 1)
  printf 'finding|%s|%s|%s|%s\n' "$2" "$3" "$memory" "$(squeeze <<<"$own")"
} 2>/dev/null
