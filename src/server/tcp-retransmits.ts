import { readFile } from 'node:fs/promises'
import { SocketAddress } from 'node:net'

/** The kernel's tables of TCP connections. @see https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

/** Columns: sl, local, remote, state, queues, timer and the number of retransmits in a row. */
const ROW = /^ *\d+: ([\dA-F]+):([\dA-F]{4}) ([\dA-F]+):([\dA-F]{4}) 01 \S+ \S+ ([\dA-F]{8}) /gm

/** One lost segment is normal; after two retransmits in a row the client has been silent for over half a second. */
const MIN_RETRANSMITS = 2

/** The key of a connection in the result of `readRetransmitting`. */
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
 * The connections that retransmit without an acknowledgement. Linux keeps trying for 15 minutes, Node cannot set a
 * shorter time (TCP_USER_TIMEOUT), and keep-alive sends no probes while data is unacknowledged. Empty on systems
 * without the table.
 */
export async function readRetransmitting(): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(TABLES.map((path) => readFile(path, 'latin1').catch(() => '')))
  return new Set(tables.flatMap(findRetransmitting))
}

/** Parses one table. */
export function findRetransmitting(table: string): string[] {
  const peers: string[] = []
  for (const [, , localPort = '', remote = '', remotePort = '', retransmits = ''] of table.matchAll(ROW)) {
    if (Number.parseInt(retransmits, 16) < MIN_RETRANSMITS) continue
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

/** The table has addresses as 32-bit words in the byte order of the machine. */
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
