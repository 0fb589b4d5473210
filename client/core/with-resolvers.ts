export interface Resolvers<T> {
  promise: Promise<T>
  resolve(value: T): void
}

/** `Promise.withResolvers`, which is newer than the supported browsers. */
export function withResolvers<T>(): Resolvers<T> {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
