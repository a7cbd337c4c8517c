# Makes what it reads one line without bars, of a length that fits an answer's field.
squeeze() {
  local text
  text=$(tr -d '\0' | tr '|\n\r\t' '    ' | tr -s ' ')
  text=${text# }
  text=${text:0:500}
  printf '%s' "${text% }"
}
