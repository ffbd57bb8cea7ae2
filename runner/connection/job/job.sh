# Jobs of a host: work that continues without a connection. job.ts sends this as `sh -c THIS SUPERVISOR ACTION NAME …`.
# It needs POSIX sh, coreutils, /proc, and setsid and flock of util-linux.
#
# A job is a folder NAME with these files. The supervisor signs the folder before it gets the name, so nobody sees
# half a job.
#
#   pid        id, start time and boot of the supervisor, and the begin of the job (seconds since the epoch)
#   out, err   output of the work
#   progress   lines that the work writes about its progress
#   result     exit status and time of the end; missing while the job runs, or if its end is unknown
#
# The actions, and their words:
#
#   start FOLDER ARGUMENT…   standard input is the job's. Exit status 75: a job of this name is running; 69: a tool is missing
#   look                     prints a line `STATE SINCE CODE UNTIL`, and the end of the progress
#   tail FILE BYTES          prints the end of out or err
#   signal SIGNAL            signals all processes of the job
#   remove                   removes the folder. Exit status 75: the job is running
# Some variables are set by `line`.
# shellcheck shell=sh disable=SC2154
umask 077
action=$1 name=$2
shift 2
if [ "$(id -u)" = 0 ]; then jobs=/var/lib/runbook/jobs; else jobs=$HOME/.local/state/runbook/jobs; fi
job=$jobs/$name

# Reads one line of a file into variables. Fails if the file is missing or ends within the line.
line() {
  file=$1
  shift
  read -r "$@" 2>/dev/null <"$file"
}

# Reads process group and birth of a process. Fails unless the process lives.
process() {
  line "/proc/$1/stat" stat || return
  # The name of a program may hold blanks and brackets. Words are split on purpose.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  group=$3 born=${20}
  [ "$1" != Z ] && [ "$1" != X ]
}

# Succeeds if any process of the job lives: the supervisor, or one that outlived it. A process with the supervisor's
# id but another birth is a stranger, and proves that the job has ended: the kernel reuses no id that a process group
# still has.
lives() {
  if process "$pid"; then
    [ "$born" = "$start" ]
    return
  fi
  for each in /proc/[0-9]*; do
    process "${each#/proc/}" && [ "$group" = "$pid" ] && return
  done
  return 1
}

ended() {
  line "$job/result" code until && [ -n "$until" ]
}

look() {
  pid='' since='' code='' until='' state=ended
  [ -d "$job" ] || { state=absent; return; }
  line "$job/pid" pid start boot since
  ended && return
  line /proc/sys/kernel/random/boot_id now
  if [ -z "$since" ] || [ "$now" != "$boot" ]; then state=restarted
  elif lives; then state=running
  elif ended; then state=ended # between the two looks
  else state=killed
  fi
}

# Locks out other starts and removals.
alone() {
  exec 9<"$jobs" && flock 9
  look
  [ "$state" != running ] || exit 75
}

case $action in
  start)
    command -v setsid >/dev/null && command -v flock >/dev/null || exit 69
    mkdir -p "$jobs" || exit
    alone
    rm -rf "$jobs/.new" "$job"
    mkdir "$jobs/.new" && cat >"$jobs/.new/stdin" || exit
    # Returns once the supervisor has closed its end of the pipe, after signing or failing. A program started with `&`
    # would ignore SIGINT.
    said=$(setsid -f sh -c "$0" runbook-job "$jobs" "$name" "$@" 2>&1 9<&-)
    [ -d "$job" ] || { printf '%s\n' "$said" >&2; exit 1; }
    ;;
  look)
    look
    printf '%s %s %s %s\n' "$state" "${since:--}" "${code:--}" "${until:--}"
    [ ! -e "$job/progress" ] || tail -c 2000 "$job/progress"
    ;;
  tail)
    tail -c "$2" "$job/$1"
    ;;
  signal)
    look
    [ "$state" != running ] || kill -s "$1" -- "-$pid" || kill -s "$1" "-$pid" || {
      look # it may have ended meanwhile
      [ "$state" != running ]
    }
    ;;
  remove)
    [ -d "$job" ] || exit 0
    alone
    rm -rf "$job"
    ;;
esac
