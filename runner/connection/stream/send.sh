# The job that sends a stream to another host; stream.ts starts it as `sh -c THIS runbook-stream FOLDER PORT
# USER@ADDRESS PROGRAM…`. FOLDER holds the key of the stream, and is removed with the job. Exit status: of the program
# here if it fails, or else of the other side.
# shellcheck shell=sh
folder=$1 port=$2 to=$3
shift 3
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' HUP INT TERM
{
  "$@"
  echo $? >"$folder/code"
} | ssh -T -F none -i "$folder/key" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o StrictHostKeyChecking=yes \
  -o "UserKnownHostsFile=\"$folder/known_hosts\"" -o GlobalKnownHostsFile=none -o ConnectTimeout=20 -o ServerAliveInterval=15 -p "$port" "$to"
far=$?
read -r near <"$folder/code"
[ "$near" = 0 ] || exit "${near:-1}"
exit $far
