/**
 * Headers that a browser lets a page send to another site only after a preflight, which CORS answers. Ours, and what
 * clients of other servers send already: Apollo Client, Yoga, Hot Chocolate and Mercurius.
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

/** No form has this type, so that a browser asks first here too; Apollo Client sends it also with a GET. */
const JSON_TYPE = /^application\/json\s*(?:;|$)/i

/**
 * Whether no page of another site could make a browser send this without a preflight.
 * @see https://fetch.spec.whatwg.org/#cors-safelisted-request-header
 */
export function isPreflighted(headers: Headers): boolean {
  return JSON_TYPE.test(headers.get('content-type') ?? '') || PREFLIGHT_HEADERS.some((name) => headers.get(name))
}
