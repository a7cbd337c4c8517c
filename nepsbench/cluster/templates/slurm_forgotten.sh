# Releases again what a controller that was killed came back with as held: it writes down what it was
# told some seconds later. Once for each of its starts, and only what was released about then or before:
# what a person holds stays held.
release_forgotten() {
  local token id recorded known boot
  local -A boots
  while IFS='|' read -r token id; do
    recorded= known=
    read -r recorded <"$token/id"
    [ "$recorded" = "$id" ] && [ -e "$token/released" ] || continue
    choose "$id"
    boot=${boots[${on[1]-own}]-}
    if [ -z "$boot" ]; then
      boot=$(timeout -k 2 @@patience scontrol "${on[@]}" show config | awk '$1 == "BOOT_TIME" {print $3}')
      boots[${on[1]-own}]=${boot:=unknown}
    fi
    read -r known <"$token/released"
    if [ "$boot" = unknown ] || [ "$boot" = "$known" ] ||
      [ "$(stat -c %Y -- "$token/released")" -gt "$(($(date -d "$boot" +%s) + 60))" ]; then
      continue
    fi
    timeout -k 2 10 scontrol "${on[@]}" release "${id%%;*}" >&2 && echo "$boot" >"$token/released"
    changed=1
  done < <(awk -F '|' '$4 == "PENDING" && $5 == "JobHeldUser" {print substr($8, 4) "|" $2}' \
    <<<"$rows" | sort -u)
} 2>/dev/null
