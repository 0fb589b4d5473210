-- CreateTable
CREATE TABLE "JobCount" (
    "ownerId" TEXT NOT NULL,
    "status" "JobStatus" NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "jobs" INTEGER NOT NULL,

    CONSTRAINT "JobCount_pkey" PRIMARY KEY ("ownerId","status","hour")
);

-- CreateTable
CREATE TABLE "JobCountDelta" (
    "id" BIGSERIAL NOT NULL,
    "ownerId" TEXT NOT NULL,
    "status" "JobStatus" NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "jobs" INTEGER NOT NULL,

    CONSTRAINT "JobCountDelta_pkey" PRIMARY KEY ("id")
);

-- With the rights of its owner: whoever may write jobs needs none on the tables of the counts.
CREATE FUNCTION "count_jobs"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    CASE TG_OP
    WHEN 'INSERT' THEN
        INSERT INTO "JobCountDelta" ("ownerId", "status", "hour", "jobs")
        SELECT "ownerId", "status", date_trunc('hour', "createdAt", 'UTC'), count(*) FROM changed GROUP BY 1, 2, 3;
    WHEN 'DELETE' THEN
        INSERT INTO "JobCountDelta" ("ownerId", "status", "hour", "jobs")
        SELECT "ownerId", "status", date_trunc('hour', "createdAt", 'UTC'), -count(*) FROM changed GROUP BY 1, 2, 3;
    WHEN 'UPDATE' THEN
        INSERT INTO "JobCountDelta" ("ownerId", "status", "hour", "jobs") VALUES
            (OLD."ownerId", OLD."status", date_trunc('hour', OLD."createdAt", 'UTC'), -1),
            (NEW."ownerId", NEW."status", date_trunc('hour', NEW."createdAt", 'UTC'), 1);
    WHEN 'TRUNCATE' THEN
        -- TRUNCATE would deadlock with a count, which holds locks on these two tables while it waits for "Job".
        DELETE FROM "JobCountDelta";
        DELETE FROM "JobCount";
    END CASE;
    RETURN NULL;
END $$;

-- It finds its tables whatever the search path of the session that writes a job.
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION "count_jobs"() SET search_path = %I, pg_temp', current_schema());
END $$;

-- The first of these locks the table against writers until the end of this migration, so that none is counted twice or missed.
CREATE TRIGGER "count_inserted" AFTER INSERT ON "Job" REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION "count_jobs"();
CREATE TRIGGER "count_deleted" AFTER DELETE ON "Job" REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION "count_jobs"();
-- By row: most updates leave these columns as they are, and pay nothing.
CREATE TRIGGER "count_updated" AFTER UPDATE ON "Job" FOR EACH ROW
    WHEN ((OLD."ownerId", OLD."status", OLD."createdAt") IS DISTINCT FROM (NEW."ownerId", NEW."status", NEW."createdAt"))
    EXECUTE FUNCTION "count_jobs"();
CREATE TRIGGER "count_truncated" AFTER TRUNCATE ON "Job" FOR EACH STATEMENT EXECUTE FUNCTION "count_jobs"();

INSERT INTO "JobCount" ("ownerId", "status", "hour", "jobs")
SELECT "ownerId", "status", date_trunc('hour', "createdAt", 'UTC'), count(*) FROM "Job" GROUP BY 1, 2, 3;
