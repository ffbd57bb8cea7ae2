# The keys of streams on the sending host; stream.ts calls it as `sh -c THIS sh ACTION NAME …`.
#
#   make KNOWN_HOSTS   makes a key; prints its folder and the public key
#   remove             removes all keys of the name
# shellcheck shell=sh
umask 077
if [ "$(id -u)" = 0 ]; then streams=/var/lib/runbook/streams; else streams=$HOME/.local/state/runbook/streams; fi
rm -rf "$streams/$2."????????
[ "$1" = make ] || exit 0
mkdir -p "$streams" && folder=$(mktemp -d "$streams/$2.XXXXXXXX") || exit
printf '%s\n' "$3" >"$folder/known_hosts"
ssh-keygen -q -t ed25519 -N '' -C '' -f "$folder/key" >&2 && echo "$folder" && cat "$folder/key.pub"
