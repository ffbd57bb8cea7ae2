/**
 * Every keyword of the language, and those of Ansible that are refused. Called by field-readers.ts, docs and
 * the editor schema.
 */

/** The mappings of a playbook. */
export type Kind = 'playbook' | 'play' | 'block' | 'import' | 'meta' | 'task' | 'handler' | 'loop_control'

export interface Keyword {
  readonly on: readonly Kind[]
  /** One line, for the documentation and the editor schema. */
  readonly summary: string
  /** A value as it could be written. */
  readonly example: string
}

const tasks: readonly Kind[] = ['task', 'handler']
const steps: readonly Kind[] = ['block', 'import', 'task', 'handler']
const everywhere: readonly Kind[] = ['play', 'block', 'import', 'task', 'handler']

/** Every keyword of the language, once. The table in docs/language.md must match. */
export const keywords: Readonly<Record<string, Keyword>> = {
  name: {
    on: ['playbook', 'play', 'block', 'import', 'meta', 'task', 'handler'],
    summary: 'A title; may hold templates',
    example: 'libvirtd listens for migrations',
  },
  description: {
    on: ['playbook'],
    summary: 'Further lines about the playbook, for its readers',
    example: 'Moves every server off a host.',
  },
  params: { on: ['playbook'], summary: 'Typed inputs, given as `-p name=value`', example: '{ source: { type: string } }' },
  plays: { on: ['playbook'], summary: 'The plays, run one after the other', example: '[ … ]' },
  vars: { on: ['playbook', ...everywhere], summary: 'Variables', example: '{ port: 16509 }' },
  vars_files: {
    on: ['playbook', 'play'],
    summary: 'Files with variables, relative to this file; they win over `vars` beside them',
    example: '[ vars/common.yml ]',
  },
  hosts: { on: ['play'], summary: 'Pattern of the hosts, or a list of patterns', example: 'compute:!maintenance' },
  tasks: { on: ['play'], summary: 'The steps, in order', example: '[ … ]' },
  handlers: { on: ['play'], summary: 'Tasks that run once at the end of the play, if notified', example: '[ … ]' },
  remote_user: { on: ['play'], summary: 'User to log in as', example: 'ops' },
  port: { on: ['play'], summary: 'SSH port', example: '22' },
  serial: {
    on: ['play'],
    summary: 'Size of the batches of hosts: a number, a percentage, or a list of them',
    example: '[1, 25%]',
  },
  max_fail_percentage: { on: ['play'], summary: 'Stop when more than this share of a batch has failed', example: '20' },
  order: { on: ['play'], summary: 'inventory, reverse_inventory, sorted, reverse_sorted or shuffle', example: 'sorted' },
  any_errors_fatal: { on: everywhere, summary: 'One failed host stops all', example: 'true' },
  throttle: { on: ['play', ...tasks], summary: 'The most hosts that run it at the same time', example: '2' },
  become: { on: everywhere, summary: 'Act as another user, by sudo', example: 'true' },
  become_user: { on: everywhere, summary: 'The user to become; root by default', example: 'nova' },
  environment: { on: everywhere, summary: 'Environment variables of commands', example: '{ LC_ALL: C }' },
  tags: {
    on: [...everywhere, 'meta'],
    summary: 'Names to select steps by (`-t`, `--skip-tags`); `always` and `never` are special',
    example: '[check]',
  },
  when: {
    on: [...steps, 'meta'],
    summary: 'Condition, or a list of conditions that must all hold',
    example: "item.status == 'ACTIVE'",
  },
  block: { on: ['block'], summary: 'Tasks that share keywords, and a rescue', example: '[ … ]' },
  rescue: { on: ['block'], summary: 'Tasks that run if one of the block fails', example: '[ … ]' },
  always: { on: ['block'], summary: 'Tasks that run in any case', example: '[ … ]' },
  import_tasks: {
    on: ['import'],
    summary: 'A file with a list of tasks, relative to this file; keywords beside it apply to all of them',
    example: 'common/libvirt.yml',
  },
  meta: { on: ['meta'], summary: '`flush_handlers`, `end_play` or `end_host`', example: 'flush_handlers' },
  delegate_to: {
    on: steps,
    summary: 'Run it on this host instead, with the variables of the original host',
    example: '"{{ target }}"',
  },
  run_once: { on: steps, summary: 'Only on the first host; its result counts for all', example: 'true' },
  ignore_errors: { on: steps, summary: 'A failure does not stop the host', example: 'true' },
  no_log: { on: steps, summary: 'Hide its parameters and results', example: 'true' },
  loop: { on: tasks, summary: 'A list: the task runs once for each `item`', example: '"{{ found.servers }}"' },
  loop_control: { on: tasks, summary: 'How the loop runs', example: '{ parallel: 2, label: "{{ item.name }}" }' },
  register: { on: tasks, summary: 'Name of the variable that gets the result', example: 'found' },
  notify: { on: tasks, summary: 'Handlers to run if this changes something', example: 'restart nova-compute' },
  listen: { on: ['handler'], summary: 'Further names under which a handler can be notified', example: 'libvirt changed' },
  until: {
    on: tasks,
    summary: 'Condition that ends the retries; sees the result under the name of `register`',
    example: "service.state == 'up'",
  },
  retries: { on: tasks, summary: 'How often to retry; 3 by default', example: '10' },
  delay: { on: tasks, summary: 'Seconds between two attempts; 5 by default', example: '6' },
  timeout: { on: tasks, summary: 'Seconds that the task may take', example: '600' },
  failed_when: {
    on: tasks,
    summary: 'Condition for a failure; sees the result under the name of `register`',
    example: 'found.rc > 1',
  },
  changed_when: {
    on: tasks,
    summary: 'Condition for a change; sees the result as well',
    example: 'false',
  },
  verify: {
    on: tasks,
    summary: 'Condition that must hold after the step; sees the result as well',
    example: "'active' in state.stdout",
  },
  undo: {
    on: tasks,
    summary:
      'Tasks that undo the step, for a module without an undo of its own; they see the variables of the step, and its result',
    example: '[ … ]',
  },
  confirm: {
    on: tasks,
    summary: 'Question to the operator before any change; `--yes` and a saved plan agree to it',
    example: 'Writes to the database of Nova',
  },
  on_resume: {
    on: tasks,
    summary: 'What a resumed run does with a step in flight: verify (the default), rerun, skip or ask',
    example: 'rerun',
  },
  loop_var: { on: ['loop_control'], summary: 'Name of the item; `item` by default', example: 'server' },
  index_var: { on: ['loop_control'], summary: 'Name of a variable with the position, from 0', example: 'index' },
  label: { on: ['loop_control'], summary: 'Label of an item on the screen', example: '"{{ item.name }}"' },
  pause: { on: ['loop_control'], summary: 'Seconds between two items', example: '2' },
  parallel: { on: ['loop_control'], summary: 'How many items run at once; by default 1, in order', example: '2' },
  limits: {
    on: ['loop_control'],
    summary: 'How many items with the same key run at once, beside `parallel`',
    example: '{ "{{ item.from }}": 2, "{{ item.to }}": 1 }',
  },
  max_failures: {
    on: ['loop_control'],
    summary: 'Start no further item after so many failures: a number, or a share of all items; 1 by default',
    example: '20%',
  },
  canary: { on: ['loop_control'], summary: 'How many items must succeed before the others start', example: '1' },
  deadline: {
    on: ['loop_control'],
    summary: 'Start no item after this time, or so long after the start of the run',
    example: '2h',
  },
}

export const keywordsOf = (kind: Kind): string[] => Object.keys(keywords).filter((name) => keywords[name]!.on.includes(kind))

/** The names of the kinds in a sentence. */
export const kindNames: Readonly<Record<Kind, string>> = {
  playbook: 'a playbook',
  play: 'a play',
  block: 'a block',
  import: '`import_tasks`',
  meta: '`meta`',
  task: 'a task',
  handler: 'a handler',
  loop_control: '`loop_control`',
}

interface Refusal {
  readonly instead: string
}

/** Keywords of Ansible that are refused, each with its replacement. */
const refusals: Readonly<Record<string, Refusal>> = {
  roles: { instead: 'put the tasks into a file and import it: `- import_tasks: common/libvirt.yml`' },
  role: { instead: 'put the tasks into a file and import it: `- import_tasks: common/libvirt.yml`' },
  import_role: { instead: 'put the tasks into a file and import it: `- import_tasks: common/libvirt.yml`' },
  include_role: { instead: 'put the tasks into a file and import it: `- import_tasks: common/libvirt.yml`' },
  include_tasks: { instead: 'everything is static here: `import_tasks`, with `when` where needed' },
  include: { instead: 'everything is static here: `import_tasks`, with `when` where needed' },
  include_vars: { instead: 'name the file under the play: `vars_files: [ … ]`' },
  import_playbook: { instead: 'put the plays under the `plays` of one playbook, and shared tasks into `import_tasks`' },
  pre_tasks: { instead: 'put them first in `tasks`' },
  post_tasks: { instead: 'put them last in `tasks`' },
  gather_facts: { instead: 'remove it: a fact is gathered when something refers to `facts.NAME`' },
  gather_subset: { instead: 'remove it: only the facts that something refers to are gathered' },
  setup: { instead: 'remove it: a fact is gathered when something refers to `facts.NAME`' },
  set_fact: { instead: 'give the value a name in `vars` (of the task, block or play), or `register` a result' },
  vars_prompt: { instead: 'declare it under `params`: it is asked for when it is not given' },
  action: { instead: 'the module itself is the key: `service: { name: … }`' },
  local_action: { instead: 'the module is the key, with `delegate_to: localhost` beside it' },
  args: { instead: 'parameters are a mapping under the module: `command: { cmd: …, chdir: … }`' },
  async: { instead: '`timeout` limits the time; a module that takes long shows its progress by itself' },
  poll: { instead: '`timeout` limits the time; a module that takes long shows its progress by itself' },
  strategy: { instead: 'remove it: hosts go through a play together, `serial` and `throttle` limit how many' },
  connection: {
    instead: '`hosts: localhost` or `delegate_to: localhost`; for other hosts `ansible_connection` in the inventory',
  },
  delegate_facts: { instead: 'remove it: facts belong to the host they were asked of' },
  become_method: { instead: 'remove it: it is always sudo' },
  become_flags: { instead: 'remove it: sudo is called with what is needed' },
  become_exe: { instead: 'remove it: it is always sudo' },
  module_defaults: { instead: 'write the parameters where they are used, or as variables' },
  collections: { instead: 'remove it: modules are built in, see `runbook modules`' },
  check_mode: { instead: 'remove it: `runbook plan` shows what would happen' },
  diff: { instead: 'remove it: `--diff` and `plan` show differences' },
  debugger: { instead: 'run with `--step`' },
  ignore_unreachable: { instead: 'leave the host out: `--limit all:!NAME`, or a pattern in `hosts`' },
  force_handlers: { instead: '`meta: flush_handlers` runs them earlier' },
  fact_path: { instead: 'remove it' },
  delegate_facts_to: { instead: 'remove it' },
  notify_once: { instead: 'remove it: a handler runs once anyway' },
  extended: { instead: '`index_var` gives the position' },
  extended_allitems: { instead: 'the list that is looped over has all items' },
  break_when: { instead: 'filter the list, or give the task a `when`' },
  always_run: { instead: 'remove it: read-only modules run in plan too' },
  sudo: { instead: '`become: true`' },
  sudo_user: { instead: '`become_user`' },
  user: { instead: '`remote_user`' },
}

/** Explains why a keyword is refused and what replaces it; undefined for an unknown keyword. */
export const refusalOf = (key: string): { summary: string; note: string } | undefined => {
  const refusal = Object.hasOwn(refusals, key) ? refusals[key] : undefined
  if (refusal !== undefined) {
    return { summary: `\`${key}\` is not supported`, note: refusal.instead }
  }
  const loop = /^with_(\w+)$/.exec(key)
  if (loop === null) return undefined
  const note = ['items', 'list', 'flattened'].includes(loop[1]!)
    ? '`loop: [ … ]` or `loop: "{{ list }}"`'
    : 'a `loop` over a list, which a variable or a registered result gives'
  return { summary: `\`${key}\` is not supported`, note }
}
