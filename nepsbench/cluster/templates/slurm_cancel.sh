cancel() {
  { printf '%s\n' "$2" >"$1/cancel"; } 2>/dev/null
  local id=${2%%;*} cluster=${2#"${2%%;*}"}
  scancel --quiet ${cluster:+-M "${cluster#;}"} "$id"
}
failed=0
@@calls
exit "$failed"
