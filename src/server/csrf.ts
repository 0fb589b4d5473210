/**
 * Headers that a page can send to another site only after a CORS preflight: our own, and those that clients of Apollo
 * Server, Yoga, Hot Chocolate and Mercurius send.
 */
export const PREFLIGHT_HEADERS = [
  'graphql-require-preflight',
  'graphql-preflight',
  'apollo-require-preflight',
  'x-apollo-operation-name',
  'x-graphql-yoga-csrf',
  'mercurius-require-preflight',
  'x-mercurius-operation-name',
] as const

/** Forms cannot send this type, so that it requires a preflight too; Apollo Client sends it with GETs as well. */
const JSON_TYPE = /^application\/json\s*(?:;|$)/i

/**
 * Whether a browser sends a preflight before a page of another site can send this request.
 * @see https://fetch.spec.whatwg.org/#cors-safelisted-request-header
 */
export function isPreflighted(headers: Headers): boolean {
  return JSON_TYPE.test(headers.get('content-type') ?? '') || PREFLIGHT_HEADERS.some((name) => headers.get(name))
}
