-- CreateEnum
CREATE TYPE "ProviderState" AS ENUM ('AVAILABLE', 'RATE_LIMITED', 'UNREACHABLE', 'KEY_REFUSED');

-- CreateTable
CREATE TABLE "ProviderPause" (
    "id" UUID NOT NULL,
    "state" "ProviderState" NOT NULL,
    "reason" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "seenAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ProviderPause_pkey" PRIMARY KEY ("id")
);
