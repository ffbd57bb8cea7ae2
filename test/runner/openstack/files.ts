import type { FileWorld } from '../../../runner/openstack/config/clouds-file.ts'

/** A world of files by absolute path. Reading a file whose value is an error throws the error. */
export const filesOf = (
  files: Readonly<Record<string, string | Error>>,
  env: Readonly<Record<string, string>> = {},
): FileWorld & { readonly asked: string[] } => {
  const asked: string[] = []
  return {
    asked,
    env: { HOME: '/home/op', ...env },
    cwd: '/ops',
    read: async (path) => {
      asked.push(path)
      const content = files[path]
      if (content instanceof Error) throw content
      return content === undefined ? undefined : new TextEncoder().encode(content)
    },
  }
}

/** The error that a promise was rejected with. */
export const failureOf = async (promise: Promise<unknown>): Promise<any> => {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}
