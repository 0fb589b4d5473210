import { type Message, MessageType } from 'graphql-ws'

/**
 * The ids of one socket's operations. A client may use an id again as soon as it has completed the operation, while the
 * server still prepares or ends it: graphql-ws, which knows an operation by its id alone, would take one for the other.
 * So it gets ids that are never used twice.
 */
export interface OperationIds {
  /** The message under the server's id; null when it asks for an operation under an id that is in use. */
  enter(message: Message): Message | null
  /** The text under the client's id; null when it is of an operation that the client has completed. */
  leave(text: string): string | null
}

/** How graphql-ws begins what it sends for an operation. */
const HEAD = /^\{"id":"(\d+)","type":"(\w+)"/

/** Of no operation. */
const NONE = '0'

export function createOperationIds(): OperationIds {
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
    enter: (message) => {
      if (message.type === MessageType.Complete) return { ...message, id: forget(message.id) }
      if (message.type !== MessageType.Subscribe) return message
      if (serverIds.has(message.id)) return null
      const id = String(++last)
      serverIds.set(message.id, id)
      clientIds.set(id, message.id)
      return { ...message, id }
    },
    leave: (text) => {
      const [head, serverId = NONE, type] = HEAD.exec(text) ?? []
      if (head === undefined) return text
      const clientId = clientIds.get(serverId)
      if (clientId === undefined) return null
      if (type !== MessageType.Next) forget(clientId)
      return `{"id":${JSON.stringify(clientId)},"type":"${type}"${text.slice(head.length)}`
    },
  }
}
