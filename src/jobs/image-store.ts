import type { Database, Transaction } from '../adapters/postgres/client.ts'
import type { CheckedImage } from './image.ts'

/**
 * Bytes of an image per statement. Prisma converts parameters to base64 and JSON and back, which blocks the event loop
 * for 80 to 180 ms per 10 MiB, and for 10 ms per piece of this size.
 */
const PIECE_BYTES = 1024 * 1024

/**
 * Sends an image in pieces, which the database joins. The temporary table bypasses the WAL and is dropped at commit.
 */
export async function saveImage(
  tx: Transaction,
  jobId: string,
  { contentType, bytes }: Pick<CheckedImage, 'bytes'> & { contentType: string },
): Promise<void> {
  await tx.$executeRaw`CREATE TEMP TABLE "ImagePiece" (start int, bytes bytea) ON COMMIT DROP`
  for (let start = 0; start < bytes.length; start += PIECE_BYTES)
    await tx.$executeRaw`INSERT INTO "ImagePiece" VALUES (${start}, ${bytes.subarray(start, start + PIECE_BYTES)})`
  await tx.$executeRaw`
    INSERT INTO "JobImage" ("jobId", "contentType", bytes)
    SELECT ${jobId}::uuid, ${contentType}, string_agg(bytes, '' ORDER BY start) FROM "ImagePiece"`
}

/** Reads a whole image with its type; null when it is not stored. */
export async function readImage(db: Database, jobId: string): Promise<Blob | null> {
  const [image] = await db.$queryRaw<{ contentType: string; sizeBytes: number }[]>`
    SELECT "contentType", octet_length(bytes) AS "sizeBytes" FROM "JobImage" WHERE "jobId" = ${jobId}::uuid`
  if (!image) return null
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for (let start = 0; start < image.sizeBytes; start += PIECE_BYTES) {
    const piece = await readImagePiece(db, jobId, { start, length: PIECE_BYTES })
    if (!piece) return null
    pieces.push(piece)
  }
  return new Blob(pieces, { type: image.contentType })
}

/** Reads some bytes of an image; null when it is not stored. */
export async function readImagePiece(
  db: Database,
  jobId: string,
  { start, length }: { start: number; length: number },
): Promise<Uint8Array<ArrayBuffer> | null> {
  const [row] = await db.$queryRaw<{ piece: Uint8Array<ArrayBuffer> }[]>`
    SELECT substring(bytes FROM ${start + 1}::int FOR ${length}::int) AS piece FROM "JobImage"
    WHERE "jobId" = ${jobId}::uuid`
  return row?.piece ?? null
}
