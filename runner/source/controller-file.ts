import { dirname, isAbsolute, join } from 'node:path'

/** The search path of a task's file: beside the playbook, then in its `files/` and `templates/`, as in Ansible. */
export const placesFor = (playbook: string, path: string): readonly string[] =>
  isAbsolute(path) ? [path] : ['.', 'files', 'templates'].map((folder) => join(dirname(playbook), folder, path))
