# Says that jobs of a submission must not begin from now on.
# revoke <token> <all, or ranges 0-3,7>
revoke() {
  local range index ranges
  mkdir -p -- "$1/revoked" && IFS=, read -ra ranges <<<"$2"
  for range in "${ranges[@]}"; do
    if [ "$range" = all ]; then
      : >"$1/revoked/all"
      continue
    fi
    for ((index = ${range%-*}; index <= ${range#*-}; index++)); do : >"$1/revoked/$index"; done
  done
}
