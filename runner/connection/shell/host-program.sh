# The program that one persistent `sh` runs on a host; host-program.ts sends it, without comments and indentation.
# It needs POSIX sh, coreutils and a folder to write in.
#
# A pump reads the requests from standard input and hands them, line by line, through a FIFO to the main loop, which
# evaluates each line. Commands run as jobs beside the loop and report their end through the same FIFO, so that the
# main loop is the only writer of standard output and several commands can run at once over one channel.
#
# The output of a command goes through two pipes of its own, never straight to the channel and never to a plain file:
# a process left behind cannot write into a later answer, and `>/dev/stderr` in a script neither fails (as on a
# socket) nor truncates earlier output (as on a file).
#
# An answer is a line `NONCE WORDS…`, then sections of any bytes, each ended by NONCE. The nonce comes through standard
# input, so no `ps`, no environment and no file shows it to a command.
#
#   p NAME LENGTH END      payload: LENGTH bytes follow and become the file NAME in the private folder; then a line END
#   I NAME                 evaluate a payload: requests too long for a line, or with bytes that `read` may spoil
#   r MARK (ID PATH)…      the contents of files, all with one process
#   s (ID PATH)…           the stats of files, all with one process
#   l ID PATH              the names in a folder
#   R ID LIMIT KEEP FOLDER STDIN COUNT VARIABLE… ARGUMENT…   run a command; of an output of more than KEEP bytes (if not 0)
#                          only the two ends are returned, and the size of each output follows the status
#   W ID PATH PAYLOAD NAME OWNER GROUP MODE             replace a file, through a temporary file NAME beside it
#   C ID COMMAND…          run one of coreutils with its messages in English
#   K ID SIGNAL            signal a command's process group
#   L ID LEASE FILE TOKEN HOW NOTE   take a lock (flock: HOW is -x or -s) and hold it: see below
#   U ID                   release a lock
#   b                      to the pump: the runner is alive
#   E                      end of a batch
#   S, D, H, q             from the jobs and the pump: started, done, lock taken or refused, no more requests
#
# A lock is held by a keeper: a process that waits for the end of a FIFO which only the pump has open for writing. The
# kernel ends the FIFO with the pump, and the pump ends with the connection, so every end of a connection releases the
# lock. If the runner's machine loses its power, the connection never ends: then a watch kills the pump and this shell
# once no `b` has arrived for LEASE to twice LEASE seconds.

# Words are split on purpose: numbers, and names made by the runner.
# shellcheck shell=sh disable=SC2086,SC2046
# A variable set in a subshell is used in that subshell only.
# shellcheck disable=SC2030,SC2031
# Some variables are set by `eval`.
# shellcheck disable=SC2154

exec 3<&0 </dev/null 2>/dev/null
IFS= read -r N <&3
h() { printf '%s %s\n' "$N" "$*"; }
z() { printf %s "$N"; }

# A private folder, in memory if it has room: payloads and outputs may be secret, and a crash leaves no file on a disk.
d=
set -- /dev/shm "${TMPDIR:-/tmp}" /var/tmp
for T do
  # `$v` is an expression, which `$((v))` does not evaluate in every sh.
  # shellcheck disable=SC2004
  v=$(stat -f -c '%a*%S/1048576' "$T") && [ $(($v)) -ge 256 ] && d=$(mktemp -d "$T/.runbook.XXXXXXXX") && break
done
[ -n "$d" ] || for T do d=$(mktemp -d "$T/.runbook.XXXXXXXX") && break; done
trap 'kill $w $(cat "$d/h"); [ -z "$O" ] || wait $O; rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM PIPE
if ! { [ -n "$d" ] && mkfifo "$d/f" "$d/v" && command -v timeout >"$d/t" && read -r t <"$d/t" && [ -r /proc/$$/stat ]; }; then
  h '!' "needed are /proc, coreutils, and one of $* to write in"
  exit 1
fi
# shellcheck disable=SC2094
exec 5<>"$d/f" 6<>"$d/v" 7<"$d/v"

(
  exec <&3 3<&- >/dev/null
  while IFS= read -r l; do
    case $l in
      'p '*)
        set -- $l
        head -c "$3" >"$d/$2" || rm -f "$d/$2"
        # If there was no room, the rest of the payload follows and must not be read as requests.
        while IFS= read -r l && [ "$l" != "$4" ]; do :; done
        ;;
      b) printf '' >"$d/b" ;;
      *) printf '%s\n' "$l" >&5 ;;
    esac
  done
  printf 'q\n' >&5
  kill -0 $$ || {
    kill $(cat "$d/h")
    rm -rf "$d"
  }
) &
w=$!
exec 3<&- 6>&-

F='' G='' O='' Q='' j=0 m=0 uses=60

E() { h e; }

I() {
  [ -e "$d/$1" ] || { h '!' "no room left in $d"; exit 1; }
  # shellcheck disable=SC1090
  . "$d/$1"
  printf '' >"$d/$1"
  G="$G $1"
}

# Succeeds if a path is certainly missing: the nearest existing folder above it can be searched.
g() {
  p=$1
  while [ "$p" != / ] && [ "$p" != . ]; do
    p=${p%/*}
    p=${p:-/}
    if [ -d "$p" ]; then [ -x "$p" ]; return; fi
    if [ -e "$p" ] || [ -L "$p" ]; then return 0; fi
  done
  return 1
}

r() {
  printf %s "$1" >"$d/x"
  shift
  k='' n=$#
  while [ $n -gt 0 ]; do
    i=$1 f=$2
    shift 2
    n=$((n - 2))
    if [ -f "$f" ]; then
      if [ -r "$f" ]; then k="$k $i+"; set -- "$@" "$f" "$d/x"; else k="$k $i?"; fi
    elif [ -e "$f" ]; then k="$k $i!"
    elif [ ! -L "$f" ] && g "$f"; then k="$k $i-"
    else k="$k $i?"
    fi
  done
  h r $k
  v=0
  [ $# -eq 0 ] || cat "$@" || v=1
  z; printf %s $v; z
}

s() {
  k='' n=$# L=''
  while [ $n -gt 0 ]; do
    i=$1 f=$2
    shift 2
    n=$((n - 2))
    if [ -L "$f" ]; then k="$k $i@" L=1; set -- "$@" "$f"
    elif [ -e "$f" ]; then k="$k $i+"; set -- "$@" "$f"
    elif g "$f"; then k="$k $i-"
    else k="$k $i?"
    fi
  done
  h s $k
  [ $# -eq 0 ] || stat -c '%f:%s:%u:%g:%Y:%U:%G' "$@"
  z
  if [ -n "$L" ]; then
    n=$#
    while [ $n -gt 0 ]; do
      f=$1
      shift
      n=$((n - 1))
      [ ! -L "$f" ] || set -- "$@" "$f"
    done
    readlink -z "$@"
  fi
  z
}

l() {
  if [ -d "$2" ]; then
    if [ -r "$2" ] && [ -x "$2" ]; then
      h l $1+
      for f in "$2"/* "$2"/.[!.]* "$2"/..?*; do
        if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\0' "${f##*/}"; fi
      done
    else h l $1'?'
    fi
  elif [ ! -L "$2" ] && [ ! -e "$2" ] && g "$2"; then h l $1-
  else h l $1'?'
  fi
  z
}

# Makes a slot: two pipes for the output of a command, each with a collector. cat opens its pipe again for the next
# command once no process holds the pipe any more, so a command needs no new collector.
n() {
  mkfifo "$d/a$1" "$d/b$1" || return
  v='' e=''
  while [ ${#e} -lt $uses ]; do v="$v a$1" e=.$e; done
  (cd "$d" && exec cat $v >>"os$1" 3>&- 5>&-) &
  eval "a$1=$! u$1=0"
  v=
  while [ ${#e} -gt 0 ]; do v="$v b$1" e=${e#.}; done
  (cd "$d" && exec cat $v >>"es$1" 3>&- 5>&-) &
  eval "b$1=$!"
  eval "printf '%s %s ' \$a$1 \$b$1" >>"$d/h"
}

R() {
  i=$1 y=$2 x=$3 c=$4 s=$5 n=$6
  shift 6
  if [ -n "$s" ] && [ ! -e "$d/$s" ]; then h d $i room; z; z; return; fi
  k=${F%% *}
  if [ -n "$k" ]; then F=${F#* }
  else
    m=$((m + 1)) k=$m
    n $k || { h d $i room; z; z; return; }
  fi
  eval "a=\$a$k b=\$b$k u$k=\$((u$k + 1))"
  G="$G ${c:+c$i} $s"
  s=${s:+$d/$s}
  (
    # Reports the end even if this shell itself fails half-way, for example if no process can be started.
    x=lost
    g='cut'
    trap 'printf "D %s %s %s\n" $i $x $g >&5' EXIT
    (
      [ -z "$c" ] || cd -- "$c" 2>"$d/c$i" || exit 1
      # shellcheck disable=SC2163
      while [ $n -gt 0 ]; do export "$1"; shift; n=$((n - 1)); done
      # timeout makes a process group, and ends the command even if the runner no longer watches its time limit.
      exec "$t" -k 5 $y "$@"
    ) <"${s:-/dev/null}" >"$d/a$k" 2>"$d/b$k" 5>&- 7<&- &
    q=$!
    printf 'S %s %s\n' $i $q >&5
    wait $q
    u=$?
    [ -s "$d/c$i" ] && u=folder
    g=
    o "$d/os$k" $a
    o "$d/es$k" $b
    x=$u
  ) >/dev/null &
  eval "p$i=$! k$i=$k f$i=s$k l$i=$x"
  j=$((j + 1))
}

C() {
  i=$1
  shift
  (
    LC_ALL=C
    export LC_ALL
    "$@" >"$d/o$i" 2>"$d/e$i"
    printf 'D %s %s\n' $i $? >&5
  ) >/dev/null &
  eval "p$i=$! k$i= f$i=$i"
  G="$G o$i e$i"
  j=$((j + 1))
}

W() {
  i=$1
  shift
  C $i W1 "$@"
  G="$G $2"
}

W1() {
  t=
  # The connection is gone: nobody will finish a half-written file.
  trap '[ -z "$t" ] || rm -f "$t"; exit 1' HUP TERM
  W2 "$@" && return
  [ -z "$t" ] || rm -f "$t"
  return 1
}

W2() {
  p=$d/$2 t=$3 o=$4 u=$5 m=$6 r=$1
  [ -e "$p" ] || { t=; echo "no room left in $d" >&2; return 1; }
  # The full stop keeps newlines at the end of a name from the command substitution.
  if [ -L "$r" ]; then
    r=$(readlink -fv "$r" && echo .) || { t=; return 1; }
    r=${r%??}
  fi
  if [ -e "$r" ] && [ ! -f "$r" ]; then t=; echo "$r: not a regular file" >&2; return 1; fi
  # The temporary file must be new, and unreadable for others until its mode is set.
  t=${r%/*}/$t
  umask 077
  [ -e "$r" ] || [ -n "$m$o$u" ] || umask 022
  set -C
  # mktemp is called only for its error message, which does not depend on the shell.
  { printf '' >"$t"; } 2>/dev/null || t=$(mktemp "${r%/*}/.runbook.XXXXXXXX") || { t=; return 1; }
  dd if="$p" of="$t" bs=1M conv=notrunc,fsync status=none || return 1
  if [ -e "$r" ]; then
    cp --attributes-only --preserve=all --no-preserve=timestamps "$r" "$t" || return 1
    # Only root can give files away; for another user, cp fails silently.
    if [ ! -O / ] && [ -z "$o$u" ]; then
      set -- $(stat -c %u:%g "$r" "$t")
      [ "$1" = "$2" ] || { echo "its owner ($1) cannot be kept: only the owner or root may replace it" >&2; return 1; }
    fi
  elif [ -n "$o$u" ]; then
    m=${m:-0644}
  fi
  [ -z "$o$u" ] || chown "$o${u:+:$u}" "$t" || return 1
  [ -z "$m" ] || chmod "$m" "$t" || return 1
  mv -fT "$t" "$r"
}

L() {
  i=$1
  [ -n "$O" ] || B $2
  shift 2
  (
    c=unusable
    L1 "$@" 2>"$d/e$i"
    [ -z "$c" ] || printf 'H %s %s\n' $i $c >&5
  ) >/dev/null &
  eval "p$i=$! n$i=\$1.\$2"
  O="$O $!"
}

# Everybody may write to the folder, whoever made it. noclobber: nothing is written through an existing link.
L1() {
  command -v flock || { c=flock; return; }
  umask 0
  set -C
  v=${1%/*}
  [ -d "${v%/*}" ] || mkdir -m 1777 "${v%/*}"
  [ -d "$v" ] || mkdir "$v" || [ -d "$v" ] || return
  [ -e "$1" ] || printf '' >"$1"
  L2 "$@" 8<"$1"
}

# The note is locked too: an unlocked note is a leftover. The holder of an exclusive lock removes the leftovers.
L2() {
  flock $3 -n 8
  case $? in
    0) ;;
    1) c=busy; return ;;
    *) return ;;
  esac
  [ $3 = -s ] || rm -f "$1".?*
  # shellcheck disable=SC2094
  printf '%s\n' "$4" >"$1.$2" && L3 "$1.$2" 9<"$1.$2"
}

L3() {
  flock 9 || return
  c=
  printf 'H %s 0\n' $i >&5
  exec 5>&-
  IFS= read -r v <&7
  rm -f "$1"
}

H() {
  h d $1 $2
  z
  [ ! -s "$d/e$1" ] || cat "$d/e$1"
  z
  G="$G e$1"
}

U() {
  eval "p=\${p$1-} v=\${n$1-}"
  [ -n "$p" ] || return
  kill $p
  wait $p
  rm -f "$v"
  unset p$1 n$1
}

B() {
  printf '' >"$d/b"
  (
    exec 5>&- 7<&- >/dev/null
    trap 'kill $s; exit' TERM
    while [ -e "$d/b" ]; do
      rm -f "$d/b"
      sleep $1 &
      s=$!
      wait $s
    done
    # Only while this shell is still the parent: otherwise the process ids may belong to others by now.
    read -r v v v v s </proc/self/stat && [ "$v" = $$ ] && kill $w $$
  ) &
  printf '%s ' $! >>"$d/h"
}

K() {
  eval "p=\${p$1-} q=\${q$1-}"
  if [ -n "$q" ]; then kill -s $2 -- -$q || kill -s $2 -$q || kill -s $2 $q
  elif [ -n "$p" ]; then eval "h$1=$2"
  fi
}

S() {
  eval "q$1=$2 v=\${h$1-}"
  [ -z "$v" ] || K $1 $v
}

D() {
  eval "p=\${p$1-} k=\${k$1-} f=\${f$1-} y=\${l$1:-0}"
  [ -n "$p" ] || return
  # Pipes that a process may still hold are not used again.
  if [ -n "$k" ]; then
    eval "u=\$u$k"
    if [ $# -eq 2 ] && [ $u -lt $((uses - 1)) ]; then F="$k $F"
    else
      eval "kill -s KILL \$a$k \$b$k; wait \$a$k \$b$k"
      G="$G a$k b$k os$k es$k"
    fi
  fi
  [ $y -eq 0 ] || set -- $1 $2 $(stat -c %s "$d/o$f" "$d/e$f")
  h d $1 $2 ${3-} ${4-}
  V "$d/o$f" ${3:-0} $y
  z
  V "$d/e$f" ${4:-0} $y
  z
  wait $p
  printf '' >"$d/o$f"
  printf '' >"$d/e$f"
  unset p$1 k$1 q$1 h$1 f$1 l$1
  j=$((j - 1))
  if [ ${#G} -gt 1000 ]; then
    (cd "$d" && exec rm -f $G)
    G=
  fi
}

# Prints an output of $2 bytes, or only its two ends if $2 is more than $3.
V() {
  if [ "$2" -gt "$3" ]; then
    head -c $(($3 / 2)) "$1"
    tail -c $(($3 / 2)) "$1"
  elif [ -s "$1" ]; then cat "$1"
  fi
}

# Waits until the collector of an ended command has passed on all its output. Such a collector sleeps: it opens the
# pipe again, or still reads from a process that the command left behind; this process loses the pipe now. A collector
# that has ended could not write: no slot is used so often that its collector ends by itself.
o() {
  n=0 s=
  while kill -0 $2; do
    v=
    read -r v <"/proc/$2/stat"
    case ${v##*)} in
      ' S'*)
        [ -e "/proc/$2/fd/3" ] || return
        break
        ;;
      ' Z'* | ' X'*)
        u=full
        break
        ;;
    esac
    n=$((n + 1))
    if [ $n -gt 20 ]; then
      # Still busy. After more bytes than a pipe holds, or a long time, the rest is not the command's output.
      s=${s:-$(stat -c %s "$1")}
      if [ $n -gt 500 ] || [ $(stat -c %s "$1") -gt $((s + 1300000)) ]; then break; fi
      sleep 0.02
    fi
  done
  kill -0 $2 || u=full
  g='cut'
}

# Commands that still run end by themselves, as with ssh; the folder is removed after the last of them.
q() {
  Q=1
  exec >/dev/null
}

while IFS= read -r l <&5; do
  eval "$l"
  [ -z "$Q" ] || [ $j -gt 0 ] || exit 0
done
