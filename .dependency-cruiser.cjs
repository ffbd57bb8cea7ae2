const forbidden = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

/** Types of values that every stage may name: they import nothing that acts. */
const VOCABULARY = '^runner/(openstack/cloud|connection/connection|module|world)\\.ts$'

module.exports = {
  forbidden: [
    forbidden(
      'modules-know-only-the-contract',
      'a module may touch its target and nothing else',
      { path: '^modules/' },
      { path: '^(runner|test)/', pathNot: '^runner/module\\.ts$' },
    ),
    forbidden(
      'modules-touch-nothing',
      'no globals of the controller: everything comes through the target',
      { path: '^modules/' },
      { dependencyTypes: ['core', 'npm', 'npm-dev'], pathNot: '^(node:)?(crypto|buffer|path)(/posix)?$' },
    ),
    forbidden(
      'runner-never-imports-modules',
      'the registry is handed to the engine',
      { path: '^runner/', pathNot: '^runner/bin\\.ts$' },
      { path: '^modules/' },
    ),
    forbidden(
      'product-never-imports-tests',
      'what ships does not need the tests',
      { path: '^(runner|modules)/' },
      { path: '^test/' },
    ),
    forbidden(
      'base-knows-nothing',
      'what all stages use imports none of them',
      { path: '^runner/base/' },
      { path: '^(runner|modules|test)/', pathNot: '^runner/base/' },
    ),
    forbidden(
      'source-is-a-floor',
      'text with places is read by the language, the inventory and clouds.yaml alike',
      { path: '^runner/source/' },
      { path: '^runner/', pathNot: `^runner/(source|base|events)/|${VOCABULARY}` },
    ),
    forbidden(
      'language-is-pure',
      'files come in through the world record',
      { path: '^runner/(language|inventory)/' },
      { path: '^runner/', pathNot: `^runner/(source|base|events|language|inventory)/|${VOCABULARY}` },
    ),
    forbidden(
      'output-is-a-fold',
      'a view knows events, not how they come about',
      { path: '^runner/output/' },
      { path: '^runner/', pathNot: `^runner/(output|events|source|base)/|${VOCABULARY}` },
    ),
    forbidden(
      'clients-stand-alone',
      'connections, clouds and databases know nothing of playbooks',
      { path: '^runner/(connection|openstack|database)/' },
      { path: '^runner/', pathNot: `^runner/(connection|openstack|database|source|base)/|${VOCABULARY}` },
    ),
    forbidden(
      'commands-are-the-roof',
      'only the command line calls a command, or one command another',
      { path: '^runner/', pathNot: '^runner/(cli\\.ts|commands/)' },
      { path: '^runner/commands/' },
    ),
    forbidden(
      'commands-declare-options',
      'a command says what it takes; the work is in run/, and loaded when the command is called',
      { path: '^runner/commands/', pathNot: '^runner/commands/(module-page|editor-schema)\\.ts$' },
      { path: '^runner/', pathNot: `^runner/(commands|run|events|base)/|${VOCABULARY}` },
    ),
    forbidden(
      'the-walk-knows-no-pipeline',
      'what a run does with hosts does not know how it was started or what is shown of it',
      { path: '^runner/(engine|undo|plan|locks|hosts|state|record)/' },
      { path: '^runner/(run|commands|output)/' },
    ),
    forbidden(
      'state-is-below-the-walk',
      'values that the walk is made of do not call it',
      { path: '^runner/(state|record)/' },
      { path: '^runner/(engine|undo|plan|locks|hosts)/' },
    ),
    forbidden('no-circular', 'no cycles', {}, { circular: true }),
  ],
  options: { tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' }, doNotFollow: { path: 'node_modules' } },
}
