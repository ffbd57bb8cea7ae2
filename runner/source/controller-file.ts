import { dirname, isAbsolute, join } from 'node:path'

/** The paths at which a file that a task names is looked for: beside the playbook, then in its `files/` and `templates/`, as Ansible users lay them out. */
export const placesFor = (playbook: string, path: string): readonly string[] =>
  isAbsolute(path) ? [path] : ['.', 'files', 'templates'].map((folder) => join(dirname(playbook), folder, path))
