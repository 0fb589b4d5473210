import { type Message, MessageType } from 'graphql-ws'

/** The start of each message of graphql-ws for an operation. */
const HEAD = /^\{"id":"(\d+)","type":"(\w+)"/

/** The id of no operation. */
const NONE = '0'

/**
 * Maps the operation ids of one socket to ids that are never reused. A client may reuse an id right after completing
 * the operation, while the server is still preparing or ending it; graphql-ws identifies operations by id and would mix
 * up the two.
 */
export function createOperationIds() {
  const serverIds = new Map<string, string>()
  const clientIds = new Map<string, string>()
  let last = 0

  function forget(clientId: string): string {
    const serverId = serverIds.get(clientId) ?? NONE
    serverIds.delete(clientId)
    clientIds.delete(serverId)
    return serverId
  }

  return {
    /** A client's message under the server's id; null when a subscribe reuses an id in use. */
    toServer: (message: Message): Message | null => {
      if (message.type === MessageType.Complete) return { ...message, id: forget(message.id) }
      if (message.type !== MessageType.Subscribe) return message
      if (serverIds.has(message.id)) return null
      const id = String(++last)
      serverIds.set(message.id, id)
      clientIds.set(id, message.id)
      return { ...message, id }
    },
    /** A server's message under the client's id; null when the client has completed the operation. */
    toClient: (text: string): string | null => {
      const [head, serverId = NONE, type] = HEAD.exec(text) ?? []
      if (head === undefined) return text
      const clientId = clientIds.get(serverId)
      if (clientId === undefined) return null
      if (type !== MessageType.Next) forget(clientId)
      return `{"id":${JSON.stringify(clientId)},"type":"${type}"${text.slice(head.length)}`
    },
  }
}
