# The keys of streams on the receiving host, in ~/.ssh/authorized_keys; stream.ts calls it as `sh -c THIS sh TAG
# SECONDS OPTIONS KEY`, or with TAG alone to remove. The comment of a key is TAG:EXPIRY (seconds since the epoch). Old
# keys of the tag are removed, and expired keys of any stream.
# shellcheck shell=sh
umask 077
mkdir -p "$HOME/.ssh" && cd "$HOME/.ssh" && exec 9<. && flock 9 || exit
file=$(readlink -f authorized_keys) && new=$(mktemp "$file.XXXXXXXX") || exit
trap 'rm -f "$new"' EXIT
[ ! -e "$file" ] || cp -p "$file" "$new" || exit
now=$(date +%s)
{
  [ ! -e "$file" ] || while IFS= read -r line || [ -n "$line" ]; do
    mark=${line##* }
    case $mark in
      "$1":*) continue ;;
      runbook-stream:*) [ "${mark##*:}" -gt "$now" ] || continue ;;
    esac
    printf '%s\n' "$line"
  done <"$file"
  if [ $# -gt 1 ]; then
    end=$((now + $2))
    # sshd reads the time in the system's time zone; the TZ of this login may be another.
    printf 'expiry-time="%s",%s %s %s:%s\n' "$(env -u TZ date -d "@$end" +%Y%m%d%H%M%S)" "$3" "$4" "$1" "$end"
  fi
} >"$new" && sync "$new" && mv -T "$new" "$file"
