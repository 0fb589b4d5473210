-- AlterTable
ALTER TABLE "Job" ADD COLUMN     "takeovers" INTEGER NOT NULL DEFAULT 0,
ALTER COLUMN "createdAt" SET DEFAULT transaction_timestamp(),
ALTER COLUMN "statusSince" SET DEFAULT transaction_timestamp();

-- AlterTable
ALTER TABLE "JobUpdate" ALTER COLUMN "at" SET DEFAULT transaction_timestamp();
