/** Variables without a definition are found, and no others. */
import { describe, expect, test } from 'vitest'
import { checkNames, loadPlaybook } from '../../../../runner/language/playbook/load-playbook.ts'
import { filesOf, modules } from '../support.ts'

const check = async (text: string, names: readonly string[] = [], withModules = true) => {
  const { playbook, diagnostics } = await loadPlaybook('p.yml', { files: filesOf({ 'p.yml': text }), cwd: '/' }, modules)
  expect(diagnostics).toEqual([])
  const known = {
    names: ['inventory_hostname', 'facts', ...names],
    facts: ['distribution', 'kernel'],
    ...(withModules ? { modules } : {}),
  }
  return checkNames(playbook!, known).map(({ summary, label, place }) => [
    place!.line,
    summary,
    ...(label === undefined ? [] : [label]),
  ])
}
const play = (tasks: string, more = '') =>
  `params: { source: { type: string } }\nvars: { global: 1 }\nplays:\n  - hosts: all\n${more}    tasks:\n${tasks}`

describe('names that are known', () => {
  test('parameters, variables at every level, loops, results, the inventory, the runner', async () => {
    const tasks = `
      - debug: { msg: "{{ source }} {{ global }} {{ color }} {{ rack }} {{ inventory_hostname }} {{ facts.kernel }}" }
      - command: { cmd: "{{ server }} {{ own }}" }
        vars: { own: "{{ server }} {{ n }}" }
        loop: "{{ racks }}"
        loop_control: { loop_var: server, index_var: n, label: "{{ server }}" }
        register: seen
        until: seen.rc == 0
        failed_when: seen.rc > 1
      - block:
          - debug: { msg: "{{ inner }} {{ seen.results }}" }
        rescue:
          - debug: { msg: "{{ ansible_failed_result.msg }} {{ inner }}" }
        always:
          - debug: { value: "{{ default ansible_failed_task null }}" }
        vars: { inner: 1 }
        when: inner == 1 && defined(never)
      - meta: end_host
        when: default(never, 1) == 2
      - assert: { that: ["seen.results.exists(r, r.rc == source)"] }
`
    expect(await check(play(tasks, '    vars: { color: red, racks: ["{{ rack }}"] }\n'), ['rack'])).toEqual([])
  })

  test('results of handlers, and of plays before', async () => {
    const text = play(
      '      - { debug: , notify: h }\n      - debug: { msg: "{{ restarted.rc }}" }\n',
      '    handlers:\n      - { name: h, command: { cmd: x }, register: restarted }\n',
    )
    expect(await check(`${text}  - hosts: "{{ source }}"\n    tasks:\n      - debug: { msg: "{{ restarted.rc }}" }\n`)).toEqual(
      [],
    )
  })
})

describe('names that are not', () => {
  test('in `loop_control`: the keys of `limits` know the item, the other values do not', async () => {
    const control =
      '{ limits: { "{{ item }} {{ itme }}": "{{ item }}" }, max_failures: "{{ a }}", canary: "{{ b }}", deadline: "{{ c }}" }'
    const said = await check(play(`      - debug: {}\n        loop: [1]\n        loop_control: ${control}\n`))
    expect(said.map(([, summary]) => summary)).toEqual([
      'unknown variable `a`',
      'unknown variable `b`',
      'unknown variable `c`',
      'unknown variable `item`',
      'unknown variable `itme`',
    ])
  })

  test('in every place', async () => {
    const tasks = `
      - name: "{{ a1 }}"
        command: { cmd: "{{ a2 }}", argv: ["{{ a3.x }}"] }
        vars: { v: "{{ a4 }}" }
        environment: { E: "{{ a5 }}" }
        when: a6
        delegate_to: "{{ a7 }}"
        become_user: "{{ a8 }}"
        retries: "{{ a9 }}"
        delay: "{{ b1 }}"
        timeout: "{{ b2 }}"
        loop: "{{ b3 }}"
        loop_control: { label: "{{ b4 }}", parallel: "{{ b5 }}" }
        notify: "{{ b6 }}"
        changed_when: b7
      - assert: { that: b8 == 1 }
`
    const found = await check(
      play(
        tasks,
        '    port: "{{ c1 }}"\n    serial: "{{ c2 }}"\n    remote_user: "{{ c3 }}"\n    environment: { X: "{{ c4 }}" }\n',
      ),
    )
    const names = found.map(([, summary]) => /`(\w+)`/.exec(String(summary))![1]).toSorted()
    expect(names).toEqual([
      'a1',
      'a2',
      'a3',
      'a4',
      'a5',
      'a6',
      'a7',
      'a8',
      'a9',
      'b1',
      'b2',
      'b3',
      'b4',
      'b5',
      'b6',
      'b7',
      'b8',
      'c1',
      'c2',
      'c3',
      'c4',
    ])
  })

  test('the loop variable outside its loop, the result before its step', async () => {
    const tasks = `
      - debug: { msg: "{{ item }}" }
      - debug: { msg: "{{ seen.rc }}" }
      - command: { cmd: "{{ seen.rc }}" }
        register: seen
        when: seen.rc == 0
      - debug: { msg: "{{ item }}" }
        loop: "{{ item }}"
`
    expect(await check(play(tasks))).toEqual([
      [7, 'unknown variable `item`'],
      [8, '`seen` is registered by a later step', 'not known yet here'],
      [9, '`seen` is registered by a later step', 'not known yet here'],
      [11, '`seen` is registered by a later step', 'not known yet here'],
      [13, 'unknown variable `item`'],
    ])
  })

  test('variables of a block and of another play', async () => {
    const text = play(
      '      - block: [{ debug: { msg: "{{ inner }}" } }]\n        vars: { inner: 1 }\n      - debug: { msg: "{{ inner }}" }\n',
      '    vars: { mine: 1 }\n',
    )
    expect(await check(`${text}  - hosts: a\n    tasks:\n      - debug: { msg: "{{ mine }}" }\n`)).toEqual([
      [9, 'unknown variable `inner`'],
      [12, 'unknown variable `mine`'],
    ])
  })

  test('facts', async () => {
    const tasks =
      '      - debug: { msg: "{{ facts.distro }} {{ facts.kernal }}" }\n      - debug:\n        when: ansible_kernel == facts["nope"] || ansible_facts.kernel == ansible_nonsense\n'
    expect(await check(play(tasks))).toEqual([
      [6, 'unknown fact `distro`'],
      [6, 'unknown fact `kernal`', 'did you mean `kernel`?'],
      [8, 'unknown variable `ansible_kernel`', 'facts are `facts.kernel`'],
      [8, 'unknown fact `nope`'],
      [8, 'unknown variable `ansible_facts`', 'facts are `facts.kernel`'],
      [8, 'unknown variable `ansible_nonsense`'],
    ])
  })

  test('keys of results are warned about where a near one is known', async () => {
    const tasks =
      '      - command: { cmd: x }\n        register: seen\n      - debug: { msg: "{{ seen.stdut }} {{ seen.stdout }} {{ seen.other }} {{ seen.chnged }} {{ default seen.stdut 1 }}" }\n'
    expect(await check(play(tasks))).toEqual([
      [8, 'the result `seen` has no `stdut`', 'did you mean `stdout`?'],
      [8, 'the result `seen` has no `chnged`', 'did you mean `changed`?'],
    ])
    expect(await check(play(tasks), [], false)).toEqual([])
  })
})
