# Writes the exit marker: <index> <code> <job id> <why or -> <progress> <0 or 1>, on the disk before it
# has its name. Fails if it cannot: then nothing says that the job succeeded.
# mark_end <submission's folder> <index> <job id> <code> <why> <progress> <valid>
mark_end() {
  local marker=$1/ends/$2
  printf '%s %s %s %s %s %s\n' "$2" "$4" "$3" "${5:--}" "$6" "$7" >"$marker.tmp" &&
    sync -- "$marker.tmp" && mv -f -- "$marker.tmp" "$marker"
}
# Judges what is in the job's directory, which is the current one, and marks the end.
# finish <submission's folder> <index> <job id> <code> <why> <manifest>...
finish() {
  local folder=$1 index=$2 id=$3 code=$4 why=$5 valid=0
  shift 5
  # A failure needs no proof, and what sha256sum says of missing files would hide its last words.
  if [ "$code" = 0 ] && are_valid "$@"; then valid=1; fi
  mark_end "$folder" "$index" "$id" "$code" "$why" "$(progress_of "$@")" "$valid"
}
# True if every manifest is there and every file is as its manifest says.
are_valid() {
  local manifest
  for manifest; do sha256sum --check --quiet --strict -- "$manifest" || return 1; done >&2
}
# Prints the sum of the manifests' lines "# progress N", or -1 without any.
progress_of() {
  cat -- /dev/null "$@" 2>/dev/null | awk '
    $1 == "#" && $2 == "progress" && $3 ~ /^[0-9]+$/ {sum += $3; any = 1}
    END {printf "%.0f\n", any ? sum : -1}'
}
