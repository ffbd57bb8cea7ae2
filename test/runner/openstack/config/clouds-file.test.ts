/** clouds.yaml and secure.yaml: found, read, problems with their places. */
import { describe, expect, test } from 'vitest'
import { parseTree, readCloudFiles } from '../../../../runner/openstack/config/clouds-file.ts'
import { type List, tableAt, type Tree } from '../../../../runner/openstack/config/tree.ts'
import { failureOf, filesOf } from '../files.ts'

const plain = (tree: Tree): unknown =>
  tree.kind === 'text'
    ? tree.text
    : tree.kind === 'list'
      ? tree.items.map(plain)
      : Object.fromEntries([...tree.entries].map(([key, value]) => [key, plain(value)]))
const read = (text: string) => plain(parseTree('clouds.yaml', text).tree!)
const problems = (text: string) => parseTree('clouds.yaml', text).problems

describe('parseTree', () => {
  test('keeps scalars as they were written', () => {
    expect(read('a: 0123\nb: yes\nc: 1e3\nd: "null"\ne: null\nf:\ng: ~\nh: 1_000\ni: 2024-01-01\n')).toEqual({
      a: '0123',
      b: 'yes',
      c: '1e3',
      d: 'null',
      e: '',
      f: '',
      g: '',
      h: '1_000',
      i: '2024-01-01',
    })
  })

  test('gives every value the place of its key, and every item its own', () => {
    const { tree } = parseTree('clouds.yaml', 'clouds:\n  lab:\n    regions: [A,\n      B]\n')
    const at = (tree: Tree, ...path: (string | number)[]): Tree =>
      path.reduce<Tree>(
        (from, key) => (from.kind === 'table' ? from.entries.get(String(key))! : (from as List).items[Number(key)]!),
        tree,
      )
    expect(at(tree!, 'clouds', 'lab').where).toBe('clouds.yaml:2:3')
    expect(at(tree!, 'clouds', 'lab', 'regions').where).toBe('clouds.yaml:3:5')
    expect(at(tree!, 'clouds', 'lab', 'regions', 1).where).toBe('clouds.yaml:4:7')
  })

  test('follows anchors, aliases and merge keys as PyYAML does', () => {
    expect(
      read('x: &x { a: 1, b: 2 }\ny: &y { b: 3, c: 4 }\nz: { <<: [*x, *y], c: 5 }\nw: { b: 9, <<: *x }\nv: *y\n'),
    ).toMatchObject({
      z: { a: '1', b: '2', c: '5' },
      w: { a: '1', b: '9' },
      v: { b: '3', c: '4' },
    })
  })

  test('reads JSON', () => {
    expect(read('{\n\t"clouds": {\n\t\t"lab": {"verify": false, "auth": {"password": "a\\"b"}, "n": null}\n\t}\n}\n')).toEqual({
      clouds: { lab: { verify: 'false', auth: { password: 'a"b' }, n: '' } },
    })
  })

  test.each([
    ['a tab', 'clouds:\n\tlab: x\n', /^clouds.yaml:2:1: tabs cannot indent YAML: use spaces$/],
    ['a key given twice', 'a: 1\na: 2\n', /^clouds.yaml:2:1: this key is duplicated/],
    ['a value with a colon', 'a:\n  password: s3cret: x\n', /^clouds.yaml:2:13: a value that holds `: ` must be in quotes$/],
    [
      'a value that begins with @',
      'password: @s3cret\n',
      /^clouds.yaml:1:11: a value cannot start with this character: put it in quotes$/,
    ],
    ['a value that begins with !', 'password: !s3cret\n', /^clouds.yaml:1:11: a value that starts with `!` must be in quotes$/],
    ['a value that begins with *', 'password: *s3cret\n', /^clouds.yaml:1:11: .*`\*` must be in quotes$/],
    ['an open quote', 'a: "s3cret\n', /^clouds.yaml:2:1: something is missing here/],
    ['an anchor inside itself', 'a: &a\n  b: *a\n', /^clouds.yaml:2:6: unknown anchor/],
    ['two documents', 'a: 1\n---\nb: 2\n', /one document only/],
  ])('names the place and the cure of %s, and never shows the value', (_, text, expected) => {
    const found = problems(text)
    expect(found.join('\n')).toMatch(expected)
    expect(found.join('\n')).not.toContain('s3cret')
  })

  test('names all problems', () => {
    expect(problems('a: @x\nb: 1\nb: 2\n')).toHaveLength(2)
  })
})

describe('readCloudFiles', () => {
  const clouds = (name: string) => `clouds: { ${name}: { auth: { username: u } } }`

  test('searches in the order of openstacksdk', async () => {
    const world = filesOf({}, { XDG_CONFIG_HOME: '/xdg', XDG_CONFIG_DIRS: '/site1:/site2' })
    const { searched, clouds } = await readCloudFiles(world)
    expect(clouds.entries.size).toBe(0)
    expect(searched).toEqual(
      ['/ops', '/xdg/openstack', '/home/op/.config/openstack', '/site1/openstack', '/site2/openstack', '/etc/openstack'].flatMap(
        (folder) => ['yaml', 'yml', 'json'].map((ending) => `${folder}/clouds.${ending}`),
      ),
    )
  })

  test.each([
    [['/ops/clouds.yml', '/home/op/.config/openstack/clouds.yaml', '/etc/openstack/clouds.yaml'], 'clouds.yml'],
    [['/home/op/.config/openstack/clouds.json', '/etc/openstack/clouds.yaml'], '/home/op/.config/openstack/clouds.json'],
    [['/etc/openstack/clouds.yaml'], '/etc/openstack/clouds.yaml'],
  ])('takes the first of %j', async (paths, found) => {
    const files = await readCloudFiles(filesOf(Object.fromEntries(paths.map((path) => [path, clouds('x')]))))
    expect(files.found).toEqual([found])
  })

  test('passes over a file that may not be read, and remembers it', async () => {
    const denied = Object.assign(new Error('denied'), { code: 'EACCES' })
    const files = await readCloudFiles(filesOf({ '/ops/clouds.yaml': denied, '/etc/openstack/clouds.yaml': clouds('x') }))
    expect(files.found).toEqual(['/etc/openstack/clouds.yaml'])
    expect(files.searched[0]).toBe('/ops/clouds.yaml (permission denied)')
  })

  test('merges secure.yaml over clouds.yaml, deeply, with the places of both', async () => {
    const { clouds: merged } = await readCloudFiles(
      filesOf({
        '/ops/clouds.yaml': 'clouds:\n  lab:\n    region-name: A\n    auth:\n      username: u\n      password: old\n',
        '/etc/openstack/secure.yaml': 'clouds:\n  lab:\n    auth:\n      password: new\n',
      }),
    )
    expect(plain(merged)).toEqual({ lab: { region_name: 'A', auth: { username: 'u', password: 'new' } } })
    expect(tableAt(tableAt(merged, 'lab')!, 'auth')!.entries.get('password')!.where).toBe('/etc/openstack/secure.yaml:4:7')
  })

  test('does not touch the names of clouds', async () => {
    const { clouds: found } = await readCloudFiles(filesOf({ '/ops/clouds.yaml': 'clouds: { my-cloud: { project-name: p } }' }))
    expect(plain(found)).toEqual({ 'my-cloud': { project_name: 'p' } })
  })

  test('OS_CLIENT_CONFIG_FILE and OS_CLIENT_SECURE_FILE name the files; `~` is not expanded, a relative path is', async () => {
    const world = filesOf(
      {
        '/ops/conf/c.yaml': clouds('named'),
        '/ops/s.yaml': 'clouds: { named: { auth: { password: p } } }',
        '/ops/clouds.yaml': clouds('other'),
      },
      { OS_CLIENT_CONFIG_FILE: 'conf/c.yaml', OS_CLIENT_SECURE_FILE: '/ops/s.yaml' },
    )
    const files = await readCloudFiles(world)
    expect(plain(files.clouds)).toEqual({ named: { auth: { username: 'u', password: 'p' } } })
    expect(world.asked).not.toContain('/ops/clouds.yaml')
  })

  test('a named file that is not there is an error, not a reason to take another', async () => {
    const failure = await failureOf(
      readCloudFiles(filesOf({ '/ops/clouds.yaml': clouds('other') }, { OS_CLIENT_CONFIG_FILE: '/gone.yaml' })),
    )
    expect(failure).toMatchObject({
      kind: 'input',
      message: 'OS_CLIENT_CONFIG_FILE names a file that cannot be read',
      why: 'tried /gone.yaml',
    })
  })

  test.each([
    ['a list', '- a\n', 'clouds.yaml:1:1: the file must be a mapping that starts with `clouds:`'],
    ['no `clouds`', 'cloud:\n  lab: {}\n', 'clouds.yaml:1:1: the top-level key `clouds:` is missing'],
    [
      '`clouds` that is a list',
      'clouds:\n  - lab\n',
      'clouds.yaml:1:1: `clouds:` must be a mapping from a name to the settings of a cloud',
    ],
  ])('refuses %s', async (_, text, expected) => {
    expect(await failureOf(readCloudFiles(filesOf({ '/ops/clouds.yaml': text })))).toMatchObject({
      kind: 'input',
      why: expected,
    })
  })

  test('an empty file is no cloud, and no error', async () => {
    expect((await readCloudFiles(filesOf({ '/ops/clouds.yaml': '# nothing yet\n' }))).clouds.entries.size).toBe(0)
  })

  test('problems of both files are told together', async () => {
    const failure = await failureOf(readCloudFiles(filesOf({ '/ops/clouds.yaml': 'a: @\n', '/ops/secure.yaml': 'b: @\n' })))
    expect(failure.message).toBe('clouds.yaml and secure.yaml cannot be parsed')
    expect(failure.why).toMatch(/^clouds.yaml:1:4: .*\nsecure.yaml:1:4: /)
  })
})
