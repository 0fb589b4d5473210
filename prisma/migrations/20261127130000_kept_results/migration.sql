-- CreateTable
CREATE TABLE "KeptResult" (
    "jobId" UUID NOT NULL,
    "requestId" TEXT NOT NULL,
    "text" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT transaction_timestamp(),

    CONSTRAINT "KeptResult_pkey" PRIMARY KEY ("jobId")
);

-- AddForeignKey
ALTER TABLE "KeptResult" ADD CONSTRAINT "KeptResult_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES "Job"("id") ON DELETE CASCADE ON UPDATE CASCADE;
