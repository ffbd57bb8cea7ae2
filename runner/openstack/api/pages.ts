import { Failure } from '../../base/failure.ts'
import { lacks } from './faults.ts'
import { isRecord, type Json, list, record, text } from './json.ts'
import type { Session, SessionRequest } from './session.ts'

/**
 * Reads every item of a list, page after page. Requests the next page at the path of the first, with the query of the
 * link: behind a proxy, links often name a host that cannot be reached.
 * @param key of the list in the answer; the links are under `<key>_links` or `links`
 */
export const allPages = async (
  session: Session,
  service: string,
  request: SessionRequest,
  key: string,
): Promise<readonly Json[]> => {
  const items: Json[] = []
  const asked = new Set<string>()
  for (let next: SessionRequest | undefined = request; next !== undefined;) {
    const body = record((await session.request(service, next)).body)
    const page = body[key]
    if (!Array.isArray(page)) throw lacks(service, request.path, `the list \`${key}\``)
    items.push(...page.filter(isRecord))
    const query = nextQuery(body[`${key}_links`] ?? body['links'])
    if (query === undefined || page.length === 0) return items
    if (asked.has(query))
      throw new Failure(`${service} lists ${request.path} in a circle`, {
        why: `the link to the next page was given before: ${query}`,
        help: 'this is a fault of the service, or of a cache in front of it that leaves out the query',
        data: { service, path: request.path },
      })
    asked.add(query)
    const { query: _, ...rest } = request
    next = { ...rest, path: `${request.path}?${query}` }
  }
  return items
}

const nextQuery = (links: unknown): string | undefined => {
  const href = text(
    list(links)
      .filter(isRecord)
      .find((link) => link['rel'] === 'next')?.['href'],
  )
  return href?.split('?')[1]?.split('#')[0] || undefined
}
