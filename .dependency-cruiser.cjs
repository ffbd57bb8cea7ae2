const forbidden = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

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
      'language-is-pure',
      'files come in through the world record',
      { path: '^runner/(language|inventory)/' },
      { path: '^runner/(connection|engine|openstack|output)/' },
    ),
    forbidden(
      'output-is-a-fold',
      'a view knows events, not how they come about',
      { path: '^runner/output/' },
      { path: '^runner/(connection|engine|inventory|openstack)/' },
    ),
    forbidden(
      'clients-stand-alone',
      'connections and clouds know nothing of playbooks',
      { path: '^runner/(connection|openstack)/' },
      { path: '^runner/(engine|output|inventory|language)/' },
    ),
    forbidden('no-circular', 'no cycles', {}, { circular: true }),
  ],
  options: { tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' }, doNotFollow: { path: 'node_modules' } },
}
