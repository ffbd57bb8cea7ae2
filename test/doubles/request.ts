import type { Request } from '../../runner/events/request.ts'

/** The parts of a request that matter to a test. */
export type RequestGiven = Partial<Pick<Request, 'goal' | 'undoes'>> & {
  readonly [Part in 'what' | 'which' | 'as' | 'how' | 'show']?: Partial<Request[Part]>
}

/** `runbook apply play.yml -i hosts.yml -o json`, with what is given. */
export const request = ({ what, which, as, how, show, ...given }: RequestGiven = {}): Request => ({
  goal: 'apply',
  ...given,
  what: { playbook: 'play.yml', inventory: ['hosts.yml'], params: [], paramsFile: undefined, extra: [], ...what },
  which: { limit: [], tags: [], skipTags: [], startAtTask: undefined, step: false, ...which },
  as: { user: undefined, become: false, becomeUser: undefined, ...as },
  how: {
    forks: 50,
    yes: false,
    waitLock: 0,
    detach: false,
    askBecomePass: false,
    acceptNewHostKeys: false,
    ...how,
  },
  show: { output: 'json', verbose: 0, diff: false, exitCode: false, ...show },
})

/** What version 1 of `inputs.json` and of a saved plan held of the same: a request without parts. */
export const FLAT = {
  goal: 'apply',
  playbook: 'play.yml',
  inventory: ['hosts.yml'],
  params: [],
  extra: [],
  limit: [],
  tags: [],
  skipTags: [],
  forks: 50,
  step: false,
  yes: false,
  become: false,
  askBecomePass: false,
  acceptNewHostKeys: false,
  waitLock: 0,
  detach: false,
  output: 'json',
  verbose: 0,
  diff: false,
  exitCode: false,
}
