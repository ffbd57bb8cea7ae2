import { duration } from '../../../runner/module.ts'
import type { HostAccess } from '../../../runner/module.ts'

/** Result of a probe; `how` is the program on the host that made the connection. */
export type Probe =
  | { readonly state: 'open'; readonly how: string }
  | { readonly state: 'closed'; readonly how: string; readonly why: string }
  | { readonly state: 'unknown'; readonly why: string }

/**
 * Tries a TCP connection from a host, with the first program found there: bash (`/dev/tcp`), nc, python3, perl. Sends
 * nothing.
 * @param seconds time limit for an answer
 */
export async function probePort(host: Pick<HostAccess, 'run'>, address: string, port: number, seconds: number): Promise<Probe> {
  const { stdout, stderr } = await host.run(['sh', '-c', SCRIPT, 'probe', address, String(port), String(seconds)], {
    timeout: seconds + 10,
  })
  return readProbe(stdout, seconds) ?? { state: 'unknown', why: stderr.trim() || 'the probe gave no answer' }
}

/** Parses the script's output: `open HOW`, or `closed HOW STATUS` followed by the program's error, or `none`. */
export function readProbe(stdout: string, seconds: number): Probe | undefined {
  const [head = '', ...rest] = stdout.trimEnd().split('\n')
  const [state, how, status] = head.split(' ')
  if (state === 'none') return { state: 'unknown', why: 'bash, nc, python3 and perl are all missing on the host' }
  if (how === undefined) return undefined
  if (state === 'open') return { state: 'open', how }
  if (state !== 'closed') return undefined
  // coreutils' timeout exits with 124 when the time is up.
  return { state: 'closed', how, why: status === '124' ? `no answer within ${duration(seconds)}` : reason(rest.join('\n')) }
}

const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/refused/i, 'connection refused'],
  [/timed? ?out/i, 'no answer'],
  [/no route|unreachable/i, 'no route to the host'],
  [/not known|resolve|getaddrinfo|gai ?error|no address|name resolution/i, 'the name cannot be resolved'],
]

function reason(text: string): string {
  const known = KNOWN.find(([pattern]) => pattern.test(text))
  return known?.[1] ?? text.trim().split('\n').at(-1)?.trim() ?? ''
}

// A bash without network redirections reports that the file /dev/tcp/… does not exist: then the next program has its
// turn. With a socket as standard input, as under sshd, bash reads ~/.bashrc, whose output would mix with the answer:
// hence --norc.
const SCRIPT = `
address=$1 port=$2 seconds=$3
report() {
  if [ "$1" -eq 0 ]; then echo "open $2"; else echo "closed $2 $1"; printf '%s\\n' "$why"; fi
  exit 0
}
has() { command -v "$1" >/dev/null 2>&1; }
if has bash; then
  why=$(timeout "$seconds" bash --norc -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>&1); status=$?
  case $why in */dev/tcp/*'No such file or directory'*) ;; *) report $status bash ;; esac
fi
if has nc; then
  why=$(timeout "$seconds" nc -z -w "$seconds" "$address" "$port" 2>&1); report $? nc
fi
if has python3; then
  why=$(timeout "$seconds" python3 -c 'import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])))' "$address" "$port" 2>&1); report $? python3
fi
if has perl; then
  why=$(timeout "$seconds" perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1]) or die "$@$!\\n"' "$address" "$port" 2>&1); report $? perl
fi
echo none
`
