# Asks the accounting database about job ids, separated by commas.
tell_accounts() {
  local told
  choose
  if ! told=$(SLURM_TIME_FORMAT=%s timeout -k 2 @@patience sacct -n -P -X -j "$1" \
    -o JobID,JobName,State,Submit "${on[@]}" 2>"$errors"); then
    printf 'noaccount|%s\n' "$(squeeze <"$errors")"
    return
  fi
  awk -F '|' -v OFS='|' 'NF == 4 && $1 ~ /^[0-9]+(_[0-9]+)?$/ && $2 ~ /^nb-/ {
    index_of = $1
    if (!sub(/^[0-9]+_/, "", index_of)) index_of = 0
    sub(/ .*/, "", $3)
    print "account", $2, index_of, $3, $4
  }' <<<"$told"
}
