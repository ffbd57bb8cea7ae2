import { Failure } from './failure.ts'

/** An error of a file on the controller: the reason, and the help. */
export interface FileTrouble {
  readonly why: string
  readonly help?: string | undefined
}

/** By errno(3). */
const TROUBLES: Readonly<Record<string, FileTrouble>> = {
  ENOENT: { why: 'it is missing', help: 'correct the path' },
  ELOOP: { why: 'its path is a loop of symbolic links', help: 'point the link at the file itself: ls -l shows its target' },
  ENOTDIR: { why: 'a part of its path is not a folder', help: 'correct the path, or move the file at that place' },
  EISDIR: { why: 'it is a folder', help: 'name a file' },
  EACCES: { why: 'permission denied', help: 'check the permissions of the file and of the folders above it' },
  EPERM: { why: 'the operation is not permitted', help: 'check the owner and the attributes of the file: lsattr shows them' },
  EROFS: { why: 'the disk is mounted read-only', help: 'work in a writable folder, or mount the disk for writing' },
  ENOSPC: { why: 'no space is left on the disk', help: 'make room on the controller’s disk' },
  EDQUOT: { why: 'the disk quota is used up', help: 'make room, or have the quota raised' },
  ENAMETOOLONG: { why: 'its name is too long', help: 'shorten the path' },
  EMFILE: { why: 'this program has too many files open', help: 'raise `ulimit -n`, or lower `--forks`' },
  ENFILE: { why: 'the system has too many files open', help: 'close other programs, or raise fs.file-max' },
  EIO: { why: 'the disk reports an error', help: 'check the kernel’s log: dmesg' },
}

/** Explains an error of a file: the system's by its code, a `Failure` by its own words. */
export function fileTrouble(error: unknown): FileTrouble {
  if (error instanceof Failure) return { why: error.why ?? error.message, help: error.help }
  const { code = '', message = String(error) } = error as NodeJS.ErrnoException
  return TROUBLES[code] ?? { why: message }
}

/**
 * Returns the failure to read, write or remove a file of the controller. A file that cannot be read is
 * invalid input; one that cannot be written is refused.
 *
 * @param known the reason, if the caller knows more than the error
 */
export function fileFailure(path: string, done: 'read' | 'written' | 'removed', cause: unknown, known?: FileTrouble): Failure {
  if (cause instanceof Failure) return cause
  return new Failure(`${path} cannot be ${done}`, {
    kind: done === 'read' ? 'input' : 'refused',
    ...(known ?? fileTrouble(cause)),
    cause,
  })
}
