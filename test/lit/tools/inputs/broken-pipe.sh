# broken-pipe.sh MODEL ARTEFACT FOLDER: each command writes to a pipe that nobody reads. It ends by SIGPIPE (141) and says
# nothing.
check() {
  { "$@" 2>"$folder/pipe.log"; echo $? >"$folder/pipe.code"; } | true
  code=$(cat "$folder/pipe.code")
  [ "$code" -eq 141 ] && [ ! -s "$folder/pipe.log" ] && return
  echo "$*: exit code $code"
  cat "$folder/pipe.log"
  exit 1
}
folder=$3
check sh -c 'sleep 0.2; exec "$@"' _ tinyc run "$1" --input random:1
check sh -c 'sleep 0.2; exec "$@"' _ tinyc compile "$1" --stop-after fuse
check sh -c 'sleep 0.2; exec "$@"' _ tinyc import "$1"
check sh -c 'sleep 0.2; exec "$@"' _ tinyc inspect "$2"
check sh -c 'sleep 0.2; exec "$@"' _ tinyc --help
check sh -c 'sleep 0.2; exec "$@"' _ tinyc-run "$2" --input random:1
