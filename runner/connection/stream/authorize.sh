# The keys of streams on the host that receives, in ~/.ssh/authorized_keys; stream.ts calls it as `sh -c THIS sh TAG SECONDS OPTIONS KEY`, or with
# TAG alone to remove. A key's comment is TAG:EXPIRY (seconds since the epoch): keys of that tag go, and those of any stream that have expired.
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
    # sshd reads the time in the system's time zone, whatever this login's TZ is.
    printf 'expiry-time="%s",%s %s %s:%s\n' "$(env -u TZ date -d "@$end" +%Y%m%d%H%M%S)" "$3" "$4" "$1" "$end"
  fi
} >"$new" && sync "$new" && mv -T "$new" "$file"
