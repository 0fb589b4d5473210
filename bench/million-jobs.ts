import pg from 'pg'

/**
 * Fills a migrated, empty database with a long history: one job a minute, ending now, each a retry of the one before. The
 * statuses are placed where a list is slowest to find them: RUNNING only among the oldest, CANCELED only in the oldest
 * twentieth. The newest 200 have imageUrls of 8,000 characters and the maximum of log lines (1,000 lines of 64 bytes),
 * half of these jobs in one update, half in a hundred.
 */
export async function seedJobs(databaseUrl: string, jobs: number): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(JOBS, [jobs])
    await client.query(UPDATES)
    await client.query(VIDEOS)
    // Autovacuum would do this a minute later.
    await client.query('VACUUM ANALYZE')
  } finally {
    await client.end()
  }
}

const toId = (n: string) => `overlay(overlay(
  lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - ($1 - (${n}))::bigint * 60000), 12, '0') || md5((${n})::text)
  placing '7' from 13 for 1) placing '8' from 17 for 1)::char(32)::uuid`

const JOBS = `
  INSERT INTO "Job" (id, "ownerId", status, model, "imageUrl", "motionBucketId", "condAug", fps, "createdAt", "startedAt",
    "finishedAt", "lastSequence", "requestId", failure, "retryOfId")
  SELECT ${toId('n')}, 'local', s.status::"JobStatus", 'fal-ai/stable-video', 'https://example.com/' || repeat('a', CASE WHEN n > $1 - 200 THEN 8000 ELSE 20 END) || n,
    127, 0.02, 25, t.at, t.at, CASE WHEN s.status <> 'RUNNING' THEN t.at END, CASE WHEN n > $1 - 100 THEN 100 ELSE 4 END, 'request-' || n,
    CASE WHEN s.status = 'FAILED' THEN '{"code": "PROVIDER_ERROR", "message": "fal failed.", "retryable": true, "providerCode": null, "issues": []}'::jsonb END,
    CASE WHEN n > 1 THEN ${toId('n - 1')} END
  FROM generate_series(1, $1::int) AS n,
    LATERAL (SELECT now() - ($1 - n) * interval '1 minute' AS at) t,
    LATERAL (SELECT CASE WHEN n <= 50 THEN 'RUNNING' WHEN n <= $1 / 20 AND n % 2 = 0 THEN 'CANCELED' WHEN n % 12 = 0 THEN 'FAILED' ELSE 'SUCCEEDED' END AS status) s`

const UPDATES = `
  INSERT INTO "JobUpdate" ("jobId", sequence, at, status, progress, logs)
  SELECT j.id, sequence, j."createdAt", j.status, 0.5,
    CASE WHEN j.place <= 100 THEN l.lines WHEN j.place <= 200 AND sequence = 1 THEN l.many ELSE '[]' END
  FROM (SELECT *, row_number() OVER (ORDER BY id DESC) AS place FROM "Job" ORDER BY id DESC LIMIT 20000) j,
    LATERAL generate_series(1, j."lastSequence") AS sequence,
    (SELECT jsonb_agg(line) FILTER (WHERE n <= 10) AS lines, jsonb_agg(line) AS many FROM (
      SELECT n, jsonb_build_object('at', '2026-01-01T00:00:00.000Z', 'level', 'INFO', 'message', repeat(md5(n::text), 2)) AS line
      FROM generate_series(1, 1000) AS n) x) l`

const VIDEOS = `
  INSERT INTO "Video" (id, "jobId", url, "contentType", "fileName", "fileSize", seed)
  SELECT id, id, 'https://fal.media/' || id || '.mp4', 'video/mp4', id || '.mp4', 1000000, 42
  FROM (SELECT * FROM "Job" ORDER BY id DESC LIMIT 20000) j WHERE status = 'SUCCEEDED'`
