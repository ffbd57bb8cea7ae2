/** The parameter `cloud` of every module that works through the API. */
export const cloudParam = {
  type: 'string',
  description: 'A cloud of clouds.yaml. Default: the one that the environment selects (OS_CLOUD or OS_* variables).',
} as const
