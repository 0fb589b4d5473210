import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Context as HttpContext } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** Why a request or a connection is refused before GraphQL sees it. */
export interface Refusal {
  status: ContentfulStatusCode
  code: string
  message: string
}

/** The refusal as a response. */
export function toResponse(http: HttpContext, refusal: Refusal): Response {
  return http.json(toBody(refusal), refusal.status)
}

/** Sends the refusal and closes the connection, whatever the client does. */
export function refuse(socket: Duplex, refusal: Refusal): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.once('finish', () => socket.destroy())
  const body = JSON.stringify(toBody(refusal))
  const headers = `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}`
  const status = `${refusal.status} ${STATUS_CODES[refusal.status]}`
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n${headers}\r\n\r\n${body}`)
}

function toBody({ message, code }: Refusal) {
  return { errors: [{ message, extensions: { code } }] }
}
