import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { type ConnectionOptions, createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import type { ClientConfig } from 'pg'
import { shorten } from '../../errors.ts'
import { type DatabaseAddress, DatabaseUrlError, parseDatabaseUrl } from './database-url.ts'

/**
 * pg's options for a URL. Spread them after your own `application_name` and timeout, because those of the URL come
 * first. `allow` and `prefer` mean no TLS until settleTlsMode has chosen.
 * @throws DatabaseUrlError when the URL breaks a rule, or names files that cannot be used
 */
export function toConnectionOptions(url: string): ClientConfig {
  const address = parseDatabaseUrl(url)
  const { host, port, password, database, options, applicationName } = address
  return {
    host,
    port,
    user: address.user ?? findUser(),
    password,
    database,
    options,
    ssl: toTls(address),
    enableChannelBinding: address.usesChannelBinding,
    ...(applicationName !== undefined && { application_name: applicationName }),
    ...(address.connectTimeoutSeconds && { connectionTimeoutMillis: address.connectTimeoutSeconds * 1000 }),
    ...(address.keepaliveIdleSeconds && { keepAliveInitialDelayMillis: address.keepaliveIdleSeconds * 1000 }),
  }
}

/** As libpq does. Not from $USER, which services and containers often lack. */
function findUser(): string {
  try {
    return userInfo().username
  } catch {
    throw new DatabaseUrlError('names no user, and that of this process has no name')
  }
}

/**
 * TLS as libpq does it. By itself pg treats every mode as `verify-full`, with a warning on standard error.
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS
 */
function toTls({ tlsMode, tlsFiles }: DatabaseAddress): false | ConnectionOptions {
  if (tlsMode === 'disable' || tlsMode === 'allow' || tlsMode === 'prefer') return false
  // libpq verifies with `require` too when a CA is given.
  const isVerified = tlsMode === 'verify-full' || (tlsMode !== 'no-verify' && tlsFiles.sslrootcert !== undefined)
  return {
    rejectUnauthorized: isVerified,
    secureContext: createContext(tlsFiles),
    ...(tlsMode !== 'verify-full' && { checkServerIdentity: () => undefined }),
  }
}

/** Created once for all connections: the system has hundreds of certificates to read. */
function createContext({ sslrootcert, sslcert, sslkey }: DatabaseAddress['tlsFiles']): SecureContext {
  const files = {
    ...(sslrootcert !== undefined && { ca: readCertificates(sslrootcert) }),
    ...(sslcert !== undefined && { cert: readFile('sslcert', sslcert) }),
    ...(sslkey !== undefined && { key: readFile('sslkey', sslkey) }),
  }
  try {
    return createSecureContext(files)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new DatabaseUrlError(`names a pair of sslcert and sslkey that cannot be used (${code})`)
  }
}

function readCertificates(path: string): string | string[] {
  if (path === 'system') {
    const certificates = getCACertificates('system')
    if (certificates.length > 0) return certificates
    throw new DatabaseUrlError('has sslrootcert=system, and the system has no certificates: install ca-certificates')
  }
  const text = readFile('sslrootcert', path)
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new DatabaseUrlError(`names an sslrootcert that holds no certificate in PEM form: ${shorten(path, 200)}`)
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new DatabaseUrlError(`names an ${name} that cannot be read (${code}): ${shorten(path, 200)}`)
  }
}
