-- Images are compressed already, and are read in pieces: of compressed bytes a piece is had by decompressing all before it.
ALTER TABLE "JobImage" ALTER COLUMN "bytes" SET STORAGE EXTERNAL;
