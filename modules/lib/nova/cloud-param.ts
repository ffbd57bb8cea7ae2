/** The parameter `cloud` of every module that works through the API. */
export const cloudParam = {
  type: 'string',
  description: 'Cloud of clouds.yaml. Default: the cloud of the environment (OS_CLOUD or OS_* variables).',
} as const
