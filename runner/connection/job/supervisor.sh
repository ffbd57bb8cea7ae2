# Leads a job: signs its folder, runs its work, and records the result. job.sh starts it by setsid, as
# `sh -c THIS runbook-job JOBS NAME FOLDER ARGUMENT…`.
# shellcheck shell=sh
jobs=$1 job=$1/$2
cd -- "$3" || exit
shift 3

# These signals are for the work, which the supervisor outlives.
trap : HUP INT TERM

read -r stat <"/proc/$$/stat"
read -r boot </proc/sys/kernel/random/boot_id
born() {
  shift 19
  echo "$1"
}
# Words are split on purpose.
# shellcheck disable=SC2086
printf '%s %s %s %s\n' $$ "$(born ${stat##*) })" "$boot" "$(date +%s)" >"$jobs/.new/pid" && mv -T "$jobs/.new" "$job" || exit
exec >/dev/null 2>&1

exec 3<"$job/stdin"
rm -f "$job/stdin"
export RUNBOOK_PROGRESS="$job/progress"
"$@" <&3 3<&- >"$job/out" 2>"$job/err"
code=$?
printf '%s %s\n' $code "$(date +%s)" >"$job/result.new" && mv -T "$job/result.new" "$job/result"
