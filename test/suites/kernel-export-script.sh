# Sourced by scripts that serve a device from another process: kernel-export-program.ts, bundled as $PROGRAM.
# serve KIND FILE DIRECTORY WORDS... sets pid once the device is there; what the process says goes to DIRECTORY/said.
serve() {
  local kind=$1 file=$2 directory=$3
  shift 3
  rm -f "$directory/serving"
  ln -f "$directory/state.json" "$directory/before" 2>/dev/null || true
  node "$PROGRAM" "$kind" "$file" "$directory" "$@" >>"$directory/said" 2>>"$directory/errors" &
  pid=$!
  while [[ ! -e $directory/state.json || $directory/state.json -ef $directory/before ]]; do
    kill -0 "$pid" 2>/dev/null || { cat "$directory/said" "$directory/errors" >&2; return 1; }
    sleep 0.02
  done
}
# said DIRECTORY: what the process says to the next signal that is sent to it by: signal NAME
signal() {
  local directory=$1 name=$2 lines
  lines=$(wc -l <"$directory/said")
  kill "-$name" "$pid"
  while [[ $(wc -l <"$directory/said") == "$lines" ]]; do sleep 0.02; done
  tail -n 1 "$directory/said"
}
