-- AlterTable
ALTER TABLE "IdempotencyKey" ALTER COLUMN "createdAt" SET DEFAULT transaction_timestamp();
