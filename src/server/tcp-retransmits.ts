import { readFile } from 'node:fs/promises'
import { type Socket, SocketAddress } from 'node:net'
import { endianness } from 'node:os'

/** The kernel's tables of TCP connections. @see https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt */
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']

/** Columns: sl, local, remote, state, queues, timer and the number of retransmits in a row. */
const ROW = /^ *\d+: ([\dA-F]+):([\dA-F]{4}) ([\dA-F]+):([\dA-F]{4}) 01 \S+ \S+ ([\dA-F]{8}) /gm

/** One lost segment is normal; after two retransmits in a row the client has been silent for over half a second. */
const MIN_RETRANSMITS = 2

type Peer = Pick<Socket, 'localPort' | 'remoteAddress' | 'remotePort'>

/** The key of a connection in the result of `readRetransmitting`. */
export function toPeer({ localPort, remoteAddress = '', remotePort }: Peer): string {
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
  for (const [, , local = '', remote = '', port = '', retransmits = ''] of table.matchAll(ROW)) {
    if (Number.parseInt(retransmits, 16) < MIN_RETRANSMITS) continue
    const [localPort, remotePort] = [Number.parseInt(local, 16), Number.parseInt(port, 16)]
    peers.push(toPeer({ localPort, remoteAddress: toAddress(remote), remotePort }))
  }
  return peers
}

/** The table has addresses as 32-bit words in the byte order of the machine. */
function toAddress(words: string): string {
  const bytes = Buffer.from(words, 'hex')
  if (endianness() === 'LE') bytes.swap32()
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16))
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address
}
