import { defineConfig } from 'vitest/config'

/**
 * Three tiers, told apart by a test file's name: see docs/testing.md. What takes the cloud down and starts it anew is apart, and comes last. The
 * time limits only end a test that hangs: no test may pass or fail by how fast the machine is.
 */
const tier = (name: string, include: string, exclude: string[], more: object = {}) => ({
  test: { name, include: [include], exclude: ['node_modules/**', 'dist/**', ...exclude], ...more },
})

const onTheCloud = { testTimeout: 600_000, hookTimeout: 900_000, maxWorkers: 1, fileParallelism: false }

export default defineConfig({
  test: {
    projects: [
      tier('fast', 'test/**/*.test.ts', ['test/**/*.integration.test.ts', 'test/**/*.cloud.test.ts'], {
        testTimeout: 300_000,
        hookTimeout: 300_000,
        isolate: false,
        maxWorkers: 2,
      }),
      tier('integration', 'test/**/*.integration.test.ts', [], {
        testTimeout: 600_000,
        hookTimeout: 600_000,
        maxWorkers: 1,
        fileParallelism: false,
      }),
      tier('cloud', 'test/**/*.cloud.test.ts', ['test/**/{shapes,teardown}.cloud.test.ts'], onTheCloud),
      tier('restarts', 'test/**/{shapes,teardown}.cloud.test.ts', [], onTheCloud),
    ],
  },
})
