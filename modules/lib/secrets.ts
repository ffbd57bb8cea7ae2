/**
 * Options that hold passwords, by the names that OpenStack, libvirt, MariaDB and RabbitMQ give them (`password`,
 * `admin_password`, `transport_url`, `connection` with the database's password inside, `metadata_proxy_shared_secret`,
 * `memcache_secret_key`, `root_token_id`).
 */
const SECRET_NAME =
  /(^|[_-])(password|passwd|passphrase|pass|connection|transport_url)$|secret|token(?!_?(expir|ttl|len|type|format))|(private|encryption|fernet)_key|credential/i

/** A URL with a password in it: `rabbit://nova:s3cret@host`. */
const SECRET_URL = /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i

export const isSecretOption = (name: string): boolean => SECRET_NAME.test(name)

/** Whether a setting must not be shown: by its name, or because its value is a URL with a password. */
export const isSecret = (name: string, ...values: readonly (string | undefined)[]): boolean =>
  isSecretOption(name) || values.some((value) => value !== undefined && SECRET_URL.test(value))

const HIDDEN = '(hidden)'
const PRIVATE_KEY = /^-----BEGIN [A-Z ]*PRIVATE KEY-----$[\s\S]*?^-----END [A-Z ]*PRIVATE KEY-----$/gm
const SETTING = /^([ \t]*(?:-[ \t]+)?(?:export[ \t]+|[#;][ \t]*)?(["']?)([\w.-]+)\2[ \t]*(?::=|[=:])[ \t]*)(\S.*)$/gm

export interface Shown {
  /** The text with every secret hidden. */
  readonly text: string
  /** The secrets, in their order: what has changed where the texts shown are equal. */
  readonly secrets: string
}

/**
 * A file for people to see: the values of secret settings (`name = value`, `name: value`), passwords in URLs and private keys
 * are hidden.
 */
export function hideSecrets(text: string): Shown {
  const secrets: string[] = []
  const hide = (secret: string): string => {
    secrets.push(secret)
    return HIDDEN
  }
  const shown = text
    .replace(PRIVATE_KEY, hide)
    .replace(SETTING, (line, head: string, _quote: string, name: string, value: string) =>
      isSecretOption(name) && value !== HIDDEN ? head + hide(value) : line,
    )
    .replace(
      new RegExp(SECRET_URL, 'gi'),
      (url) => url.slice(0, url.indexOf('://') + 3) + hide(url.slice(url.indexOf('://') + 3, -1)) + '@',
    )
  return { text: shown, secrets: secrets.join('\n') }
}
