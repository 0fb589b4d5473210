import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { readIfExists, writeAtomically } from './disk.ts'

interface ListenOptions {
  host: string
  /** 0: the port of the last run if it is still free, because the URLs in results contain it; else any free port. */
  port: number
  dataDir: string
}

/**
 * Opens a listening HTTP server that returns 503 until `serve` is called.
 * @throws when a port requested by number is taken.
 */
export async function openServer({ host, port, dataDir }: ListenOptions) {
  let handle = async (_request: Request): Promise<Response> => new Response(null, { status: 503 })
  const server = createServer(getRequestListener((request) => handle(request)))
  server.on('clientError', (_error, socket) => socket.destroy())
  const portFile = join(dataDir, 'port')
  const remembered = port === 0 ? Number((await readIfExists(portFile)) ?? 0) || 0 : port
  try {
    await once(server.listen(remembered, host), 'listening')
  } catch (error) {
    if (port !== 0 || remembered === 0 || !isPortTaken(error)) throw error
    await once(server.listen(0, host), 'listening')
  }
  const address = server.address() as AddressInfo
  if (port === 0) await writeAtomically(portFile, String(address.port))
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    serve: (app: Hono): void => {
      handle = async (request) => await app.fetch(request)
    },
    /** Closes the server and every connection. */
    close: (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')
}
