/**
 * Headers of a page that runs only scripts of this server and cannot be framed.
 * @param sources - what the page may load besides, by directive of the Content-Security-Policy
 */
export function toPageHeaders(sources: Readonly<Record<string, string>>): Record<string, string> {
  const policy = {
    'default-src': "'none'",
    'script-src': "'self'",
    ...sources,
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  }
  return {
    'content-security-policy': Object.entries(policy)
      .map(([directive, source]) => `${directive} ${source}`)
      .join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  }
}
