-- AlterTable
ALTER TABLE "Job" ADD COLUMN     "firstSequence" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "statusSince" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
ADD COLUMN     "traceParent" TEXT;

-- CreateIndex
CREATE INDEX "Job_finishedAt_idx" ON "Job"("finishedAt");
