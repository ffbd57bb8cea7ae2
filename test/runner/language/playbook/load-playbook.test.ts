/** Loading a playbook: values, imports, files. */
import { describe, expect, test } from 'vitest'
import type { Block, Playbook, Task } from '../../../../runner/language/playbook/types.ts'
import { loadPlaybook } from '../../../../runner/language/playbook/load-playbook.ts'
import { filesOf, modules } from '../support.ts'
import { dedent } from '../../../scenes/dedent.ts'

const load = (files: Record<string, string>, file = 'p.yml') => loadPlaybook(file, { files: filesOf(files), cwd: '/' }, modules)
const loaded = async (files: Record<string, string> | string): Promise<Playbook> => {
  const { playbook, diagnostics } = await load(typeof files === 'string' ? { 'p.yml': files } : files)
  expect(diagnostics).toEqual([])
  return playbook!
}

const everything = `
name: Move servers
description: Every server of a host.
params:
  source: { type: string, description: From where }
  target: { type: string, default: "" }
vars: { attempts: 3 }
plays:
  - name: Hosts are ready
    hosts: ["{{ source }}", "compute:!{{ target }}"]
    remote_user: ops
    port: 2222
    become: true
    become_user: root
    serial: [1, 25%]
    max_fail_percentage: 20
    any_errors_fatal: true
    order: sorted
    throttle: 5
    tags: [a, "b, c"]
    environment: { LC_ALL: C, N: 5 }
    vars: { color: red }
    tasks:
      - name: Look
        command: { cmd: "uptime {{ item }}" }
        loop: [1, 2]
        loop_control: { loop_var: item, index_var: n, label: "{{ item }}", pause: 1.5, parallel: "{{ attempts }}" }
        register: seen
        when: [source != target, true]
        until: seen.rc == 0
        retries: "{{ attempts }}"
        delay: 2
        timeout: 60
        failed_when: seen.rc > 1
        changed_when: false
        notify: [restart, "restart {{ item }}"]
        delegate_to: "{{ target }}"
        run_once: true
        ignore_errors: true
        no_log: true
        become: "{{ color == 'red' }}"
        vars: { x: 1 }
        tags: always
      - block:
          - debug:
          - meta: flush_handlers
            when: defined(seen)
        rescue:
          - debug: { msg: failed }
        always:
          - debug: { msg: done }
        when: seen.rc == 0
        any_errors_fatal: false
    handlers:
      - name: restart
        command: { argv: [systemctl, restart, nova-compute] }
        listen: [config changed, again]
  - hosts: localhost
    tasks:
`.replace(`        become: "{{ color == 'red' }}"\n`, '        become: "{{ color }}"\n')

describe('a valid playbook', () => {
  test('has every keyword where the engine looks for it', async () => {
    const { name, description, params, vars, plays, file, sources } = await loaded(everything)
    expect({ name, description, file, sources: sources.length }).toEqual({
      name: 'Move servers',
      description: 'Every server of a host.',
      file: 'p.yml',
      sources: 1,
    })
    expect(params).toMatchObject({
      source: { name: 'source', required: true },
      target: { required: false, schema: { default: '' } },
    })
    expect(vars['attempts']!.value).toBe(3)
    const [play, second] = plays
    expect(play).toMatchObject({
      kind: 'play',
      index: 0,
      name: { value: 'Hosts are ready' },
      hosts: { value: ['{{ source }}', 'compute:!{{ target }}'] },
      remoteUser: { value: 'ops' },
      port: { value: 2222 },
      become: { value: true },
      becomeUser: { value: 'root' },
      serial: { value: [1, '25%'] },
      maxFailPercentage: { value: 20 },
      anyErrorsFatal: true,
      order: 'sorted',
      throttle: 5,
      tags: ['a', 'b', 'c'],
      environment: { value: { LC_ALL: 'C', N: 5 } },
      vars: { color: { value: 'red' } },
    })
    const [look, block] = play!.tasks as [Task, Block]
    expect(look).toMatchObject({
      kind: 'task',
      id: '0.tasks.0',
      name: { value: 'Look' },
      module: 'command',
      args: { value: { cmd: 'uptime {{ item }}' } },
      loop: { value: [1, 2] },
      loopControl: {
        loopVar: 'item',
        indexVar: 'n',
        label: { value: '{{ item }}' },
        pause: 1.5,
        parallel: { value: '{{ attempts }}' },
      },
      register: 'seen',
      when: [{ value: 'source != target' }, { value: 'true' }],
      until: [{ value: 'seen.rc == 0' }],
      retries: { value: '{{ attempts }}' },
      delay: { value: 2 },
      timeout: { value: 60 },
      failedWhen: [{ value: 'seen.rc > 1' }],
      changedWhen: [{ value: 'false' }],
      notify: [{ value: 'restart' }, { value: 'restart {{ item }}' }],
      delegateTo: { value: '{{ target }}' },
      runOnce: true,
      ignoreErrors: true,
      noLog: true,
      become: { value: '{{ color }}' },
      tags: ['always'],
      anyErrorsFatal: undefined,
      place: { file: 'p.yml', line: 25, column: 9, length: 7 },
    })
    expect(block).toMatchObject({
      kind: 'block',
      id: '0.tasks.1',
      name: undefined,
      when: [{ value: 'seen.rc == 0' }],
      anyErrorsFatal: false,
      vars: {},
      tags: [],
    })
    expect(block.block.map(({ id, kind }) => [id, kind])).toEqual([
      ['0.tasks.1.block.0', 'task'],
      ['0.tasks.1.block.1', 'meta'],
    ])
    expect(block.block[1]).toMatchObject({ action: 'flush_handlers', when: [{ value: 'defined(seen)' }] })
    expect([block.rescue[0]!.id, block.always[0]!.id]).toEqual(['0.tasks.1.rescue.0', '0.tasks.1.always.0'])
    expect(play!.handlers).toMatchObject([
      { id: '0.handlers.0', name: { value: 'restart' }, listen: ['config changed', 'again'] },
    ])
    expect(second).toMatchObject({
      index: 1,
      name: { value: 'localhost' },
      tasks: [],
      handlers: [],
      order: 'inventory',
      anyErrorsFatal: false,
    })
  })

  test('defaults of a bare task', async () => {
    const { plays } = await loaded(dedent`
      plays:
        - hosts: [a, b]
          tasks:
            - debug:
    `)
    expect(plays[0]!.name.value).toBe('a, b')
    expect(plays[0]!.tasks[0]).toMatchObject({
      name: { value: 'debug' },
      args: { value: {} },
      loop: undefined,
      loopControl: { loopVar: 'item', pause: 0 },
      when: [],
      until: [],
      failedWhen: undefined,
      notify: [],
      runOnce: false,
      noLog: false,
    })
  })

  test('serial and notify may stand alone', async () => {
    const { plays } = await loaded(dedent`
      plays:
        - hosts: a
          serial: 10%
          tasks:
            - { debug: , notify: h }
          handlers:
            - { name: h, debug: }
    `)
    expect(plays[0]!.serial!.value).toEqual(['10%'])
  })
})

describe('imports', () => {
  const files = {
    'books/p.yml': dedent`
      plays:
        - hosts: a
          vars: { x: 1, y: 1 }
          vars_files: [../vars/one.yml, /abs/two.yml]
          tasks:
            - name: Common
              import_tasks: tasks/outer.yml
              when: x == 1
              vars: { z: 1 }
              tags: t
          handlers:
            - import_tasks: tasks/handlers.yml
    `,
    'books/tasks/outer.yml': dedent`
      - debug: { msg: outer }
      - import_tasks: deep/inner.yml
      - debug: { msg: again }
        notify: restart
    `,
    'books/tasks/deep/inner.yml': '- debug: { msg: inner }\n',
    'books/tasks/handlers.yml': dedent`
      - name: restart
        debug:
    `,
    'vars/one.yml': 'y: 2\nw: 2\n',
    '/abs/two.yml': 'w: 3\n',
  }

  test('are resolved from the file that names them, and are blocks', async () => {
    const { playbook, diagnostics, sources } = await load(files, 'books/p.yml')
    expect(diagnostics).toEqual([])
    const [play] = playbook!.plays
    const [common] = play!.tasks as [Block]
    expect(common).toMatchObject({
      kind: 'block',
      id: '0.tasks.0',
      name: { value: 'Common' },
      when: [{ value: 'x == 1' }],
      vars: { z: { value: 1 } },
      tags: ['t'],
    })
    const inner = common.block[1] as Block
    expect([common.block[0]!.id, inner.block[0]!.id, common.block[2]!.id]).toEqual([
      '0.tasks.0.block.0',
      '0.tasks.0.block.1.block.0',
      '0.tasks.0.block.2',
    ])
    expect((inner.block[0] as Task).place).toMatchObject({ file: 'books/tasks/deep/inner.yml', line: 1, column: 3 })
    expect(play!.handlers).toMatchObject([{ id: '0.handlers.0.0', name: { value: 'restart' } }])
    expect(sources.map(({ file }) => file)).toEqual([
      'books/p.yml',
      'vars/one.yml',
      '/abs/two.yml',
      'books/tasks/outer.yml',
      'books/tasks/handlers.yml',
      'books/tasks/deep/inner.yml',
    ])
  })

  test('files of variables win over the variables beside them, the later over the earlier', async () => {
    const { playbook } = await load(files, 'books/p.yml')
    const { vars } = playbook!.plays[0]!
    expect(Object.fromEntries(Object.entries(vars).map(([name, { value, source }]) => [name, [value, source.file]]))).toEqual({
      x: [1, 'books/p.yml'],
      y: [2, 'vars/one.yml'],
      w: [3, '/abs/two.yml'],
    })
  })

  test('the same file may be imported twice', async () => {
    const { plays } = await loaded({
      'p.yml': dedent`
        plays:
          - hosts: a
            tasks:
              - import_tasks: t.yml
              - import_tasks: t.yml
      `,
      't.yml': '- debug:\n',
    })
    expect((plays[0]!.tasks as Block[]).map(({ block }) => block[0]!.id)).toEqual(['0.tasks.0.block.0', '0.tasks.1.block.0'])
  })
})

describe('files', () => {
  test('a playbook that is not there', async () => {
    const { playbook, diagnostics } = await load({ 'books/live-migrate.yml': '' }, 'books/live-migrat.yml')
    expect(playbook).toBeUndefined()
    expect(diagnostics).toEqual([
      { severity: 'error', summary: 'playbook `books/live-migrat.yml` not found', notes: ['did you mean `live-migrate.yml`?'] },
    ])
  })

  test('one that cannot be read', async () => {
    const refuse = (code: string) => ({ ...filesOf({}), read: () => Promise.reject(Object.assign(new Error('no'), { code })) })
    for (const [code, note] of [
      ['EISDIR', 'it is a folder'],
      ['EACCES', 'permission denied'],
      ['EIO', 'the disk reports an error'],
    ] as const) {
      const { diagnostics } = await loadPlaybook('p.yml', { files: refuse(code), cwd: '/' }, modules)
      expect(diagnostics[0]).toMatchObject({ summary: '`p.yml` cannot be read' })
      expect(diagnostics[0]?.notes?.[0]).toBe(note)
    }
  })

  test('with errors, what could be read is still there', async () => {
    const { playbook, diagnostics } = await load({
      'p.yml': dedent`
        plays:
          - hosts: a
            tasks:
              - debug: { mgs: 1 }
              - debug: { msg: x }
      `,
    })
    expect(diagnostics).toHaveLength(1)
    expect(playbook!.plays[0]!.tasks).toHaveLength(2)
  })
})
