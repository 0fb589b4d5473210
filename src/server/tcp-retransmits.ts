import { readFile } from 'node:fs/promises'
import { SocketAddress } from 'node:net'

/** The kernel's tables of TCP connections. @see https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

/** sl, local, remote, state, queues, timer and, last of what is read here, how often in a row a segment was sent again. */
const ROW = /^ *\d+: ([\dA-F]+):([\dA-F]{4}) ([\dA-F]+):([\dA-F]{4}) 01 \S+ \S+ ([\dA-F]{8}) /gm

/** One lost segment is nothing: after the second repetition in a row nothing has been heard for over half a second. */
const REPETITIONS = 2

/** Two ends of a connection, as `readRetransmitting` writes them. */
export function toPeer({
  localPort,
  remoteAddress = '',
  remotePort,
}: {
  localPort?: number | undefined
  remoteAddress?: string | undefined
  remotePort?: number | undefined
}): string {
  return `${localPort} ${remoteAddress.split('%')[0]} ${remotePort}`
}

/**
 * The connections of this network on which what was sent is sent again and again without an acknowledgement. Linux keeps
 * trying for a quarter of an hour, Node can set no shorter time (TCP_USER_TIMEOUT), and the probes of keep-alive rest as
 * long as something is unacknowledged. None where the system has no such table.
 */
export async function readRetransmitting(): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(TABLES.map((path) => readFile(path, 'latin1').catch(() => '')))
  return new Set(tables.flatMap(findRetransmitting))
}

/** Reads one table. Exported for its tests. */
export function findRetransmitting(table: string): string[] {
  const peers: string[] = []
  for (const [, , localPort = '', remote = '', remotePort = '', repetitions = ''] of table.matchAll(ROW)) {
    if (Number.parseInt(repetitions, 16) < REPETITIONS) continue
    const remoteAddress = toAddress(remote)
    peers.push(
      toPeer({
        localPort: Number.parseInt(localPort, 16),
        remoteAddress,
        remotePort: Number.parseInt(remotePort, 16),
      }),
    )
  }
  return peers
}

/** The table writes addresses as words of 32 bits in the byte order of the machine. */
function toAddress(words: string): string {
  const bytes = Buffer.from(words, 'hex')
  if (isLittleEndian()) bytes.swap32()
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16))
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}

function isLittleEndian(): boolean {
  return new Uint8Array(new Uint32Array([1]).buffer)[0] === 1
}
