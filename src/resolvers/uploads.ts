import type { Context } from '../context.ts'
import type { UploadedImage } from '../jobs/uploads.ts'

/** Mutation.uploadImage */
export function uploadImage(
  _root: unknown,
  { file }: { file: Blob },
  { uploads, viewer }: Context,
): Promise<UploadedImage> {
  return uploads.upload(viewer, file)
}
