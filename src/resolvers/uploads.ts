import type { Context } from '../context.ts'
import type { UploadedImage } from '../jobs/image-upload.ts'

/** Mutation.uploadImage */
export function uploadImage(
  _root: unknown,
  { file }: { file: Blob },
  { uploadImage }: Context,
): Promise<UploadedImage> {
  return uploadImage(file)
}
