/** A server's name as a host name, as Nova makes one: lower case, no odd characters. */
export const hostname = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[ _]/g, '-')
    .replaceAll(/[^\w.-]/g, '')
    .slice(0, 63)
