import { defineConfig } from 'vitest/config'

/** Three tiers, told apart by a test file's name: see docs/testing.md. */
const tier = (name: string, include: string, exclude: string[], more: object = {}) => ({
  test: { name, include: [include], exclude: ['node_modules/**', 'dist/**', ...exclude], ...more },
})

/** Tests that take the cloud down and start it anew. */
const restarting = ['test/cloud/real/shapes.cloud.test.ts', 'test/cloud/real/teardown.cloud.test.ts']
const onTheCloud = { testTimeout: 600_000, hookTimeout: 900_000, maxWorkers: 1, fileParallelism: false }

export default defineConfig({
  test: {
    projects: [
      tier('fast', 'test/**/*.test.ts', ['test/**/*.integration.test.ts', 'test/**/*.cloud.test.ts'], {
        testTimeout: 30_000,
        hookTimeout: 30_000,
        isolate: false,
        maxWorkers: 2,
      }),
      tier('integration', 'test/**/*.integration.test.ts', [], {
        testTimeout: 120_000,
        hookTimeout: 120_000,
        maxWorkers: 1,
        fileParallelism: false,
      }),
      tier('cloud', 'test/**/*.cloud.test.ts', restarting, onTheCloud),
      // After all others, which expect the cloud to be as it was started.
      ...restarting.map((file, index) =>
        tier(`cloud-${index}`, file, [], { ...onTheCloud, sequence: { groupOrder: index + 1 } }),
      ),
    ],
  },
})
