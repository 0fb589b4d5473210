-- First, under a lock that lets others read; the old ones are dropped last, which takes a moment.
-- CreateIndex
CREATE INDEX "Job_ownerId_createdAt_id_idx" ON "Job"("ownerId", "createdAt", "id");

-- CreateIndex
CREATE INDEX "Job_ownerId_status_createdAt_id_idx" ON "Job"("ownerId", "status", "createdAt", "id");

-- DropIndex
DROP INDEX "Job_ownerId_id_idx";

-- DropIndex
DROP INDEX "Job_ownerId_status_id_idx";
