import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { readIfExists, writeAtomically } from './disk.ts'

export interface ListenOptions {
  host: string
  /** 0: the port of the last run if it is still free, because the URLs in results contain it; else any free port. */
  port: number
  dataDir: string
}

/** A listening HTTP server that returns 503 until `serve` is called. */
export interface ListeningServer {
  readonly url: string
  serve(app: Hono): void
  /** Closes the server and every connection. */
  close(): Promise<void>
}

/** @throws when a port requested by number is taken. */
export async function openServer({ host, port, dataDir }: ListenOptions): Promise<ListeningServer> {
  let handle = async (_request: Request): Promise<Response> => new Response(null, { status: 503 })
  const server = createServer(getRequestListener((request) => handle(request)))
  server.on('clientError', (_error, socket) => socket.destroy())
  const portFile = join(dataDir, 'port')
  const remembered = port === 0 ? Number((await readIfExists(portFile)) ?? 0) || 0 : port
  try {
    await listen(server, host, remembered)
  } catch (error) {
    if (port !== 0 || remembered === 0 || !isPortTaken(error)) throw error
    await listen(server, host, 0)
  }
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('expected to listen on a TCP port')
  if (port === 0) await writeAtomically(portFile, String(address.port))
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    serve: (app) => {
      handle = async (request) => await app.fetch(request)
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')
}
